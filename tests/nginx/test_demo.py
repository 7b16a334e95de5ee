"""scripts/demo as a newcomer runs it. (The test run has made .venv; making it is scripts/prepare's one job.)"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.lines import Lines
from tests.support.ports import free_port

DEMO = Path(__file__).resolve().parents[2] / "scripts/demo"


@contextmanager
def demo(folder: Path, command: list[str], signum: int = signal.SIGINT) -> Iterator[Lines]:
    """The running demonstration; at the end a signal, which must end it cleanly and leave nothing in its folder."""
    process = subprocess.Popen(
        command,
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
        os.killpg(process.pid, signum)  # as the terminal does
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


def address(line: str) -> str:
    found = re.search(r"http://\S+", line)
    assert found, line
    return found[0]


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def test_the_same_site_at_two_addresses(folder: Path) -> None:
    with demo(folder, [str(DEMO), "--port", str(free_port()), "--nginx-port", str(free_port())]) as lines:
        embedded = address(lines.wait_for("Open http"))
        nginx = address(lines.wait_for("through nginx"))
        assert "BEGIN_REQUEST" in page(embedded + "journey")
        assert "nginx/" in page(nginx)
        with urllib.request.urlopen(nginx + "static/site.css", timeout=10) as answer:
            assert answer.headers["Content-Type"] == "text/css" and answer.headers["Server"].startswith("nginx")


def test_in_the_background_term_ends_it(folder: Path) -> None:
    """A shell without job control lets what runs behind an & ignore ^C; an open stream of events does not hold it up."""
    script = f"trap '' INT; exec {DEMO} --without-nginx --port {free_port()}"
    with demo(folder, ["sh", "-c", script], signal.SIGTERM) as lines:
        embedded = address(lines.wait_for("Open http"))
        events = urllib.request.urlopen(embedded + "live/events", timeout=10)
        assert events.readline() == b"retry: 300\n"
    events.close()
    assert not any("nginx" in line for line in lines.all())


def test_a_busy_port_is_said_plainly(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        done = subprocess.run(
            [str(DEMO), "--without-nginx", "--port", str(port)],
            env={**os.environ, "TMPDIR": str(folder)}, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode != 0
    assert f"127.0.0.1:{port}" in done.stderr and "Traceback" not in done.stderr
    assert list(folder.iterdir()) == []
