"""`fcgipm serve`: from a folder to a browser and back to nothing."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import MARK, PATIENCE, eventually, marked_processes
from tests.support.lines import Lines
from tests.support.ports import free_port

APP = """\
import os

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"one " + os.environ.get("GREETING", "").encode()]
"""


class Serve:
    """One run of the command in `folder`."""

    def __init__(self, folder: Path, *arguments: str, port: int | None = None, application: str = "app:application") -> None:
        self.folder = folder
        self.port = port or free_port()
        self.temporary = folder / "tmp"
        self.temporary.mkdir(exist_ok=True)
        environment = {**os.environ, MARK: str(folder), "TMPDIR": str(self.temporary), "GREETING": "hello"}
        environment.pop("VIRTUAL_ENV", None)
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fcgipm.cli", "serve", application, "--http", str(self.port), *arguments],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.lines = Lines(self.process.stdout)  # type: ignore[arg-type]

    def ask(self, path: str = "/") -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE) as answer:
            return bytes(answer.read())

    def end(self, number: int = signal.SIGINT) -> int:
        """^C, and that nothing is left."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        status = self.process.wait(PATIENCE)
        self.lines.join()
        assert not marked_processes(str(self.folder))
        assert os.listdir(self.temporary) == []
        return status


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sv", dir="/tmp") as name:
        (Path(name) / "app.py").write_text(APP)
        yield Path(name)
        for pid in marked_processes(name):
            os.kill(pid, signal.SIGKILL)


def test_from_a_folder_to_a_browser_and_back(folder: Path) -> None:
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text("a file")
    serve = Serve(folder, "--static", "/static=files", "--workers", "1")
    serve.lines.wait_for(rf"Open http://127\.0\.0\.1:{serve.port}/ ")
    assert serve.ask() == b"one hello", "with the environment of the command"
    print(f"first answer after {time.monotonic() - serve.began:.2f} s")
    assert serve.ask("/static/a.txt") == b"a file"
    assert serve.lines.matching("--listen unix:"), "it tells how nginx would come in"
    assert serve.end() == 0


def test_term_ends_it_too(folder: Path) -> None:
    serve = Serve(folder)
    serve.lines.wait_for("Open http")
    assert serve.end(signal.SIGTERM) == 0


def test_when_it_is_killed_its_daemon_ends(folder: Path) -> None:
    serve = Serve(folder)
    serve.lines.wait_for("Open http")
    serve.process.kill()
    serve.process.wait(PATIENCE)
    eventually(lambda: not marked_processes(str(folder)), "the daemon has ended")
    serve.lines.join()


def test_nginxs_block_can_be_had(folder: Path) -> None:
    serve = Serve(folder, "--listen", f"unix:{folder}/app.sock")
    line = serve.lines.wait_for("fcgipm nginx -c ")
    file = re.search(r"-c (\S+)", line)
    assert file is not None and line.startswith(f"  For nginx, which finds it at unix:{folder}/app.sock:")
    block = subprocess.run([sys.executable, "-m", "fcgipm.cli", "nginx", "-c", file[1]], capture_output=True, text=True, check=True).stdout
    assert f"server unix:{folder}/app.sock" in block
    assert serve.end() == 0


def test_a_busy_port_is_said(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        serve = Serve(folder, port=taken.getsockname()[1])
        assert serve.ended() == 71
    assert serve.lines.matching(rf"^fcgipm serve: --http: cannot listen on 127\.0\.0\.1:{serve.port}: another program listens there")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--listen", "127.0.0.1:99999"], r"--listen: must be unix:/path, 127\.0\.0\.1:9000, .*, not \"127\.0\.0\.1:99999\""),
        (["--http", "nowhere:80"], r"--http: must be unix:/path, .*, not \"nowhere:80\""),
        (["--http", "8123", "--listen", "127.0.0.1:8123"], r"--http: 127\.0\.0\.1:8123 is taken: --listen names it too; choose another address"),
        (["--static", "/files=none"], r"--static: /files: \S+/none does not exist: make the folder, or name another"),
        (["--static", "/a.b=app.py"], r"--static: /a\.b: \S+/app\.py is no folder: make the folder, or name another"),
        (["--listen", "unix:none/x.sock"], r"--listen: the socket has no place: \S+/none does not exist; make the folder, or choose another"),
    ],
)
def test_mistakes_are_told_by_option(folder: Path, arguments: list[str], said: str) -> None:
    serve = Serve(folder, *arguments)
    assert serve.ended() == 78
    assert re.fullmatch(f"fcgipm serve: {said}", "\n".join(serve.lines.all())), serve.lines.all()


def test_an_application_that_cannot_be_meant(folder: Path) -> None:
    serve = Serve(folder, application="app")
    assert serve.ended() == 78
    assert serve.lines.all() == ['fcgipm serve: MODULE:APP: must be module:attribute, file.py:attribute or module:factory(), not "app"']


def test_an_application_that_is_none(folder: Path) -> None:
    (folder / "app.py").write_text("import nothing_of_that_name\n")
    serve = Serve(folder)
    assert serve.ended() == 1
    assert serve.lines.matching("No module named 'nothing_of_that_name'")


class TestReload:
    def test_a_change_replaces_the_generation(self, folder: Path) -> None:
        serve = Serve(folder, "--reload")
        serve.lines.wait_for("Open http")
        assert serve.ask() == b"one hello"
        (folder / "app.py").write_text(APP.replace("one", "two, and longer"))
        serve.lines.wait_for("changed: app.py: generation 2 serves$")
        assert serve.ask() == b"two, and longer hello"
        assert serve.end() == 0
        assert len(serve.lines.matching("generation 2|reload|changed")) == 1, "one line for a change"

    def test_a_mistake_leaves_the_old_one_serving_and_is_told(self, folder: Path) -> None:
        serve = Serve(folder, "--reload")
        serve.lines.wait_for("Open http")
        (folder / "app.py").write_text(APP + "x = (\n")
        serve.lines.wait_for(r"changed: app.py: not reloaded: SyntaxError: '\(' was never closed; nothing has changed: everything serves on as before$")
        assert serve.ask() == b"one hello"
        (folder / "app.py").write_text(APP.replace("one", "mended"))
        serve.lines.wait_for("changed: app.py: generation 2 serves$")
        assert serve.ask() == b"mended hello"
        assert serve.end() == 0
        assert len(serve.lines.matching("reload|changed")) == 2, "one line for a change"

    def test_one_that_cannot_start_waits_for_a_change(self, folder: Path) -> None:
        (folder / "app.py").write_text("x = (\n")
        serve = Serve(folder, "--reload")
        serve.lines.wait_for("waiting for a change$")
        (folder / "app.py").write_text(APP)
        serve.lines.wait_for("Open http")
        assert serve.ask() == b"one hello"
        assert serve.end() == 0

    def test_while_it_waits_it_can_be_ended(self, folder: Path) -> None:
        (folder / "app.py").write_text("x = (\n")
        serve = Serve(folder, "--reload")
        serve.lines.wait_for("waiting for a change$")
        assert serve.end() == 1
