"""Start a process, wait until it listens, stop it with all below it; a temporary folder all may enter."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from fcgipm.bench import cpu

SCRIPTS = Path(__file__).resolve().parents[1]
PROJECT = SCRIPTS.parent
PYTHON_PACKAGES = f'{sys.executable} -m pip install -e "{PROJECT}[compare]"'
"""The way to programs that come from PyPI."""
START_SECONDS = 20.0
STOP_SECONDS = 3.0


class BenchError(Exception):
    """The measurement cannot go on; the text says why and what would help."""


class Folder:
    """A temporary folder of mode 755, removed at the end. Short: a unix socket's path has at most 107 bytes."""

    def __enter__(self) -> str:
        self.path = tempfile.mkdtemp(prefix="bench-")
        os.chmod(self.path, 0o755)  # nginx's workers run as another user
        return self.path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


class Process:
    """A server of the measurement, leader of its own session. Its output is kept and shown when it does not start."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str] | None = None, cwd: str | None = None) -> None:
        self.argv, self.env, self.cwd = list(argv), {**clean_environment(), **(env or {})}, cwd

    def __enter__(self) -> Self:
        self.output = tempfile.TemporaryFile()
        self.popen = subprocess.Popen(
            self.argv,
            env=self.env,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop(self.popen)
        self.output.close()

    @property
    def pid(self) -> int:
        return self.popen.pid

    def wait_for_socket(self, path: Path | str) -> None:
        """Return once something accepts on the unix socket; BenchError if the process ends or takes too long."""
        self.wait(lambda: accepts(socket.AF_UNIX, str(path)), f"listen on {path}")

    def wait_for_port(self, port: int) -> None:
        """The same for a port of 127.0.0.1."""
        self.wait(lambda: accepts(socket.AF_INET, ("127.0.0.1", port)), f"listen on port {port}")

    def wait_for_line(self, text: str) -> None:
        """Return once the process has written `text`; BenchError if it ends or takes too long."""
        self.wait(lambda: text in self.said(), f"say {text!r}")

    def wait(self, happened: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not happened():
            if self.popen.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"{' '.join(self.argv)} did not {what}:\n{self.said()}")
            time.sleep(0.02)

    def said(self) -> str:
        """What the process has written so far, the last 4000 bytes of it."""
        size = os.fstat(self.output.fileno()).st_size
        return os.pread(self.output.fileno(), 4000, max(0, size - 4000)).decode(errors="replace")


def stop(popen: subprocess.Popen[bytes]) -> None:
    """TERM, patience, then KILL for the process and whatever of its tree is left."""
    members = {pid: cpu.started(pid) for pid in cpu.tree(popen.pid)}
    if popen.poll() is None:
        popen.terminate()
        try:
            popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()
    for pid, started in members.items():
        if started is not None and cpu.started(pid) == started:  # else the number is somebody else's by now
            kill(pid)


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def program(name: str, way_out: str) -> str:
    """The path of a program; BenchError with the way to get it when the machine does not have it."""
    path = find(name)
    if path is None:
        raise BenchError(f"{name} is not installed; {way_out}")
    return path


def find(name: str) -> str | None:
    """The path of a program beside our Python, on PATH, or in sbin, which an ordinary user's PATH lacks."""
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), "/usr/local/sbin:/usr/sbin:/sbin"]
    return shutil.which(name, path=os.pathsep.join(places))


def accepts(family: int, target: str | tuple[str, int]) -> bool:
    """Whether somebody listens there."""
    with socket.socket(family) as sock:
        try:
            sock.connect(target)
        except OSError:
            return False
    return True


def clean_environment() -> dict[str, str]:
    """Nothing of ours but the way to programs: every server starts from the same few variables."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": "/", "PYTHONPATH": str(SCRIPTS)}


def command(*arguments: str) -> list[str]:
    """A command of this package as an argument list."""
    return [sys.executable, "-m", "benchmarks", *arguments]
