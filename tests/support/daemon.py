"""A running `fcgipm run` of a test's own: its folder, its file, its log, and the proof that it left nothing behind.

    with Daemon({"web": {"app": "hello:application", "workers": 2}}) as daemon:
        with Connection(daemon.address("web")) as connection: ...

Every pool gets a unix socket in the run folder, `tests/support/apps` as its directory and one worker, where it does not say otherwise.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from fcgipm.control.client import ControlRefused, ask
from tests.support.lines import Lines

ROOT = Path(__file__).resolve().parents[2]
APPS = Path(__file__).resolve().parent / "apps"
MARK = "FCGIPM_TEST_DAEMON"
"""In the environment of the master and of every pool: names each process of one daemon, whatever it forks or becomes."""

PATIENCE = 20.0
"""Seconds that anything may take before a test calls it stuck; the machines are shared."""

ALARMING = re.compile(r"^\S+ (error|critical) |Traceback \(most recent call last\)")


def eventually(condition: Callable[[], Any], what: str, timeout: float = PATIENCE) -> Any:
    """The first true value of `condition`, asked again every 10 ms: for what has no event to wait on, such as a process table."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{timeout} s passed and still not: {what}"
        time.sleep(0.01)


def marked_processes(mark: str) -> set[int]:
    """Pids of the living (no zombies) that carry the mark in their environment."""
    wanted = f"{MARK}={mark}".encode()
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if wanted in Path("/proc", entry, "environ").read_bytes().split(b"\0"):
                    found.add(int(entry))
            except OSError:
                continue
    return found


class Daemon:
    """One daemon. `settings` are the other top-level keys of the file; `text` replaces the whole file.

    `tolerate`: patterns of error lines and tracebacks the test provokes; any other fails the test when the daemon stops.
    """

    def __init__(
        self,
        pools: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
        text: str | None = None,
        tolerate: Iterable[str] = (),
        pass_fds: Sequence[int] = (),
        env: Mapping[str, str] | None = None,
        python: str = sys.executable,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fd", dir="/tmp"))
        self.run_folder = self.folder / "run"
        self.run_folder.mkdir()
        if os.geteuid() == 0:
            self.folder.chmod(0o755)
            self.run_folder.chmod(0o755)
        self.file = self.folder / "fcgipm.yaml"
        self.control_path = self.run_folder / "control.sock"
        self.tolerate = list(tolerate)
        self._pass_fds = tuple(pass_fds)
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {}), MARK: str(self.folder)}
        self._python = python
        self._lines: Lines | None = None
        self._page = 0
        self.before: dict[str, Any] = {}
        """The pools' status when a test was given this daemon, if others had it before (tests.support.shared)."""
        self.process: subprocess.Popen[bytes] | None = None
        self.pools: dict[str, dict[str, Any]] = {name: self._pool(name, pool) for name, pool in (pools or {}).items()}
        self.write(text if text is not None else yaml.safe_dump({"control": str(self.control_path), **(settings or {}), "pools": self.pools}))

    def _pool(self, name: str, pool: Mapping[str, Any]) -> dict[str, Any]:
        given = dict(pool)
        given["env"] = {MARK: str(self.folder), **given.get("env", {})}
        return {"listen": f"unix:{self.run_folder}/{name}.sock", "directory": str(APPS), "workers": 1, **given}

    def write(self, text: str) -> None:
        """Replace the configuration file."""
        self.file.write_text(text)

    # Start and end.

    def start(self, ready: bool = True) -> Self:
        """Run it; with `ready`, wait until it serves."""
        self.process = subprocess.Popen(
            [self._python, "-m", "fcgipm.cli", "run", "-c", str(self.file)],
            cwd=str(ROOT), env=self._env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=self._pass_fds, start_new_session=True,
        )  # fmt: skip
        assert self.process.stderr is not None
        self._lines = Lines(self.process.stderr)  # type: ignore[arg-type]
        if ready:
            try:
                self.wait_for_line("ready to serve")
            except AssertionError:
                self.destroy()
                raise
        return self

    def wait(self, timeout: float = PATIENCE) -> int:
        """The master's exit status, once it ends by itself."""
        return self._process.wait(timeout)

    def run_to_end(self, timeout: float = PATIENCE) -> int:
        """Start a daemon that is expected to give up; its exit status. `lines` says why."""
        self.start(ready=False)
        try:
            status = self.wait(timeout)
            self.lines_reader.join()
            return status
        finally:
            self.destroy()

    def stop(self, timeout: float = PATIENCE, signum: int = signal.SIGTERM) -> None:
        """TERM, and everything that a clean end means: exit status 0, no process, no file in the run folder, no unexpected line."""
        try:
            if self._process.poll() is None:
                self._process.send_signal(signum)
            status = self.wait(timeout)
            assert status == 0, f"the master ended with {status}:\n{self.text}"
            left = marked_processes(str(self.folder))
            assert not left, f"processes left behind: {[(pid, _command(pid)) for pid in left]}\n{self.text}"
            self.lines_reader.join()
            files = sorted(os.listdir(self.run_folder))
            assert not files, f"files left in the run folder: {files}"
            alarming = self.alarming_lines()
            assert not alarming, "unexpected lines:\n" + "\n".join(alarming) + "\n\nof:\n" + self.text
        finally:
            self.show()
            self.destroy()

    def show(self) -> None:
        """Print the log: pytest shows it beside a failure, and only there."""
        print(f"--- log of the daemon in {self.folder}\n{self.text}\n---")

    def kill(self, signum: int = signal.SIGKILL) -> None:
        """End the master the hard way and wait for it; its workers must notice by themselves."""
        self._process.send_signal(signum)
        self._process.wait(PATIENCE)

    def destroy(self) -> None:
        """Remove whatever is left, by force; never raises for what is already gone. Safe to call again."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        for pid in marked_processes(str(self.folder)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start() if self.process is None else self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            if self.process is not None and os.path.exists(self.folder):
                self.stop()
            return
        self.show()
        self.destroy()

    # The log.

    @property
    def _process(self) -> subprocess.Popen[bytes]:
        assert self.process is not None, "the daemon has not been started"
        return self.process

    @property
    def lines_reader(self) -> Lines:
        assert self._lines is not None, "the daemon has not been started"
        return self._lines

    @property
    def lines(self) -> list[str]:
        """The log so far, from its page on."""
        return self._lines.all()[self._page :] if self._lines else []

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def turn_page(self) -> None:
        """From here on the log is what comes now: for a daemon that several tests share."""
        self._page += len(self.lines)

    def wait_for_line(self, pattern: str, timeout: float = PATIENCE, after: int = 0, count: int = 1) -> str:
        """The `count`-th line of the log, from number `after` on, that matches the regular expression."""
        return self.lines_reader.wait_for(pattern, timeout, self._page + after, count)

    def alarming_lines(self) -> list[str]:
        """Errors and tracebacks nobody announced."""
        return [
            line for line in self.lines if ALARMING.search(line) and not any(re.search(pattern, line) for pattern in self.tolerate)
        ]

    # What it serves and says.

    @property
    def pid(self) -> int:
        return self._process.pid

    def address(self, pool: str = "web", index: int = 0) -> str:
        """Where the pool listens, as its file says: "unix:/path" or "127.0.0.1:9000"."""
        listen = self.pools[pool]["listen"]
        if isinstance(listen, list):
            listen = listen[index]
        return str(listen["address"] if isinstance(listen, dict) else listen)

    def control(self, request: Mapping[str, Any], timeout: float = PATIENCE) -> list[dict[str, Any]]:
        """Say one line to the control socket; the lines of its answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(str(self.control_path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as answer:
                return [json.loads(line) for line in answer]

    def command(self, *arguments: str, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Run an fcgipm command that knows this daemon by its file, e.g. command("status", "--json")."""
        return subprocess.run(
            [self._python, "-m", "fcgipm.cli", arguments[0], "-c", str(self.file), *arguments[1:]],
            cwd=str(ROOT), env={**os.environ, "NO_COLOR": "1"}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip

    def status(self) -> dict[str, Any]:
        """What `fcgipm status --json` prints; also of a degraded daemon. Asked here, because tests ask often and the command is a Python's start each time."""
        return dict(ask(str(self.control_path), {"command": "status", "pool": None, "events": True}, timeout=PATIENCE))

    def reload(self, pool: str | None = None) -> tuple[int, str]:
        """Exit code and words of `fcgipm reload`, asked for here as well."""
        said: list[str] = []
        try:
            said.append(ask(str(self.control_path), {"command": "reload", "pool": pool, "wait": True}, said.append, timeout=PATIENCE))
        except ControlRefused as refused:
            return 1, "\n".join([*said, str(refused)])
        return 0, "\n".join(said)

    def settled(self, pool: str = "web") -> dict[str, Any]:
        """The pool's status once no request runs: a worker counts one after its client has the answer."""
        return dict(eventually(lambda: (found := self.status()["pools"][pool])["requests"]["active"] == 0 and found, "no request runs"))

    def workers(self, pool: str = "web") -> list[int]:
        """Pids of the pool's workers, by its status."""
        return [process["pid"] for process in self.status()["pools"][pool]["processes"]]

    def processes(self) -> set[int]:
        """Pids of everything that belongs to this daemon: master, templates, workers, whatever they started."""
        return marked_processes(str(self.folder))

    def wait_for_no_process(self, timeout: float = PATIENCE) -> None:
        """For a master that was killed: everything of it is gone by itself."""
        eventually(lambda: not self.processes(), "all processes of the daemon have ended", timeout)


def _command(pid: int) -> str:
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return "ended"
