"""scripts/demo as a newcomer runs it. (The test run has made .venv; making it is scripts/prepare's one job.)"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.lines import Lines

DEMO = Path(__file__).resolve().parents[2] / "scripts/demo"


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[Lines]:
    """The running demonstration; at the end ^C, which must end it cleanly and leave nothing in its folder."""
    process = subprocess.Popen(
        [DEMO, *arguments],
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
    )
    assert process.stdout is not None
    lines = Lines(process.stdout)  # type: ignore[arg-type]
    try:
        yield lines
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does
        assert process.wait(20) == 0, lines.all()
        assert list(folder.iterdir()) == []
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)
        lines.join()
        print("\n".join(lines.all()))


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, for the path of a socket."""
    place = Path(subprocess.check_output(["mktemp", "-d", "/tmp/demoXXXXXX"], text=True).strip())
    yield place
    place.rmdir()


def test_a_site_to_open(folder: Path) -> None:
    with demo(folder, "--port", "18400") as lines:
        address = re.search(r"http://\S+", lines.wait_for("^Open "))
        assert address
        with urllib.request.urlopen(address[0] + "?name=you", timeout=10) as answer:
            page = answer.read().decode()
        assert "Hello, you!" in page
        assert "asked by nginx/" in page


def test_without_nginx_a_request_is_shown(folder: Path) -> None:
    with demo(folder, "--without-nginx") as lines:
        lines.wait_for("next version")
        lines.wait_for("^Status: 200 OK")
        lines.wait_for("Hello, you!")
        lines.wait_for(r"\^C ends everything")
