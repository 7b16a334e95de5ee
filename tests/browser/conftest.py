"""`fcgipm demo` in a real Chromium, through both of its doors."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chromium import Window, binaries
from tests.support.lines import Lines
from tests.support.nginx import Nginx
from tests.support.ports import free_port

DOORS = ("embedded", "nginx")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Short, for the paths of sockets."""
    place = Path(subprocess.check_output(["mktemp", "-d", "/tmp/fdXXXXXX"], text=True).strip())
    yield place
    (place / "fcgipm.yaml").unlink()
    place.rmdir()


@pytest.fixture(scope="module")
def doors(folder: Path) -> Iterator[dict[str, str]]:
    """The addresses of a running `fcgipm demo`, by door."""
    command = [sys.executable, "-m", "fcgipm.cli", "demo", "--folder", str(folder), "--port", str(free_port())]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    said, log = Lines(process.stdout), Lines(process.stderr)  # type: ignore[arg-type]
    nginx = Nginx(f"unix:{folder}/demo.sock")
    try:
        address = re.search(r"http://\S+", said.wait_for("Open http"))
        assert address
        nginx.start()
        yield {"embedded": address[0], "nginx": f"http://127.0.0.1:{nginx.port}/"}
        nginx.stop()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(20)
        nginx.destroy()
        said.join()
        log.join()
        print("\n".join(log.all()))


@pytest.fixture(scope="module")
def window() -> Iterator[Window]:
    if binaries() is None:
        pytest.skip("no chromium and chromedriver on PATH: scripts/get-chromium, or apt-get install chromium chromium-driver, as root")
    with Window("about:blank") as opened:
        yield opened


@pytest.fixture(params=DOORS)
def page(request: pytest.FixtureRequest, doors: dict[str, str], window: Window) -> Iterator[Window]:
    """A wide window at one of the doors. Whatever the test does: nothing in the console, no request elsewhere."""
    window.forget()
    window.base = doors[request.param].rstrip("/")
    window.scheme("light")
    window.size(1200, 900)
    yield window
    assert window.console == []
    assert window.foreign_requests == []
