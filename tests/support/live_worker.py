"""The template and workers alone, without a daemon: the test plays the master over the channel.

The test owns the listening socket and passes it as an inherited descriptor, so there is no port to race for and nothing to poll for at the start. What
processes write is read from their pipes when a test asks, never by a thread: once a reply has arrived, every line written before it is in the pipe.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import fcntl
import json
import mmap
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import fcgipm
from fcgipm import orders, scoreboard

PATIENCE = 10.0
"""Seconds any single event may take on a loaded machine before the test fails."""

TIMEOUTS = {"first_byte": 30.0, "header": 30.0, "body": 30.0, "write": 30.0, "keepalive": 60.0}
"""Longer than any test waits: what a time-out ends does not pass for what the worker ended."""
LIMITS = {"params": 1 << 20, "open_files": None, "core": None}

_BOOTSTRAP = Path(fcgipm.__file__).parent / "worker" / "bootstrap.py"
_PR_SET_CHILD_SUBREAPER = 36
_CREDENTIALS = struct.Struct("iII")
_MEMFD_SEALS = 0x0001 | 0x0002 | 0x0004  # SEAL, SHRINK, GROW
_F_ADD_SEALS = 1033
_F_SETPIPE_SZ = 1031


def _subreaper(on: bool) -> None:
    """While on, orphaned descendants become our children. Off again at once: other tests' orphans are init's."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


class Output:
    """The read end of an output pipe, as the lines a test has not accounted for yet."""

    def __init__(self) -> None:
        self._read, self.write_end = os.pipe()
        os.set_blocking(self._read, False)
        with contextlib.suppress(PermissionError):
            fcntl.fcntl(self._read, _F_SETPIPE_SZ, 1 << 20)
        self._rest = b""
        self._lines: list[str] = []

    def lines(self) -> list[str]:
        """Every line written and not taken so far."""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._read, 65536):
                *whole, self._rest = (self._rest + chunk).split(b"\n")
                self._lines += [line.decode("utf-8", "backslashreplace") for line in whole]
        return self._lines

    def take(self, pattern: str, timeout: float = PATIENCE) -> str:
        """Wait for a line that matches the regular expression, forget it and return it."""
        return self._lines.pop(self._find(pattern, timeout))

    def take_error(self, last: str, timeout: float = PATIENCE) -> list[str]:
        """Wait for a traceback that ends with a line matching `last`; forget and return everything up to that line."""
        end = self._find(last, timeout) + 1
        taken, self._lines[:end] = self._lines[:end], []
        assert any("Traceback (most recent call last)" in line for line in taken), f"no traceback in {taken}"
        return taken

    def _find(self, pattern: str, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while True:
            for index, line in enumerate(self.lines()):
                if re.search(pattern, line):
                    return index
            left = deadline - time.monotonic()
            assert left > 0, f"no line of output matches {pattern!r}; there are {[*self._lines, self._rest]}"
            select.select([self._read], [], [], left)
            time.sleep(0.001)  # at the pipe's end select returns at once

    def forget(self, pattern: str) -> None:
        """Account for every line so far that matches the regular expression."""
        self._lines = [line for line in self.lines() if not re.search(pattern, line)]

    def clear(self) -> list[str]:
        """Forget every line so far and return them."""
        lines, self._lines = self.lines(), []
        return lines

    def close_write_end(self) -> None:
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def close(self) -> None:
        self.close_write_end()
        os.close(self._read)


class Channel:
    """Our end of one process's channel."""

    def __init__(self) -> None:
        self._ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._ours.settimeout(PATIENCE)

    def send(self, message: bytes, descriptors: list[int] | None = None) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self._ours.sendmsg([message], rights)

    def receive(self) -> tuple[bytes, list[str], int]:
        """Word, arguments, and the kernel's word for who sent it. The channel's end is the empty word."""
        message, ancillary, _, _ = self._ours.recvmsg(orders.MESSAGE_LIMIT, socket.CMSG_SPACE(_CREDENTIALS.size))
        pids = [_CREDENTIALS.unpack(data)[0] for _, kind, data in ancillary if kind == socket.SCM_CREDENTIALS]
        word, arguments = orders.decode(message)
        return word, arguments, pids[0] if pids else 0

    def expect(self, word: bytes) -> tuple[list[str], int]:
        got, arguments, pid = self.receive()
        assert got == word, f"expected {word!r}, got {got!r}"
        return arguments, pid

    def close(self) -> None:
        self._ours.close()
        self.theirs.close()


class Worker:
    """One worker as its master sees it."""

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.channel = Channel()
        self.output = Output()
        self.pid = 0
        self.status: int | None = None

    def forked(self) -> None:
        """Its template has both descriptors: let go of ours, so that the ends of channel and pipe mean its end."""
        self.channel.theirs.close()
        self.output.close_write_end()
        _, self.pid = self.channel.expect(orders.HELLO)
        self._pidfd = os.pidfd_open(self.pid)

    def go(self) -> None:
        self.channel.send(orders.GO)
        self.channel.expect(orders.READY)

    def signal(self, number: int) -> None:
        signal.pidfd_send_signal(self._pidfd, number)

    @property
    def ended(self) -> bool:
        return self.status is not None or bool(select.select([self._pidfd], [], [], 0)[0])

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for its end; its exit status, negative for a signal."""
        if self.status is None:
            ready, _, _ = select.select([self._pidfd], [], [], timeout)
            assert ready, f"worker {self.pid} is still there after {timeout} s; output: {self.output.lines()}"
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def kill(self) -> None:
        if self.pid and self.status is None:
            self.signal(signal.SIGKILL)
            self.wait()

    def close(self) -> None:
        self.channel.close()
        self.output.close()
        if self.pid:
            os.close(self._pidfd)


class LiveWorker:
    """A pool without a daemon. A context manager: at its end everything must have exited 0 and every line of output been accounted for.

    `app` is what a pool's ``app:`` says, found below `directory`. `timeouts` and `limits` are laid over generous defaults. A listener of the
    test's own may be passed as `listen`; otherwise it is a unix socket in a temporary folder.
    """

    def __init__(
        self,
        app: str,
        directory: Path | str,
        *,
        workers: int = 1,
        threads: int = 1,
        timeouts: dict[str, float] | None = None,
        limits: dict[str, int] | None = None,
        listen: socket.socket | None = None,
        allow: list[str] | None = None,
        mount: str = "",
        python: str = sys.executable,
        env: dict[str, str] | None = None,
        hooks: dict[str, str] | None = None,
    ) -> None:
        self._resources = contextlib.ExitStack()
        self.app, self.directory, self.threads, self.mount, self.python = app, str(directory), threads, mount, python
        self.timeouts, self.limits, self.allow = {**TIMEOUTS, **(timeouts or {})}, {**LIMITS, **(limits or {})}, allow
        self.env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/", **(env or {})}
        self.hooks = {"worker_start": None, "worker_stop": None, **(hooks or {})}
        self.count = workers
        self._nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        """Where stacks go."""
        self._resources.callback(os.close, self._nowhere)
        self.folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="fcgipm-live-")))
        self.listener = self._resources.enter_context(listen or self._unix_listener())
        self.give, self.take = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._resources.callback(self.give.close)
        self._resources.callback(self.take.close)
        self.slots = 2 * workers * threads + 8
        self.board = self._scoreboard(self.slots)
        self.workers: list[Worker] = []

    # -- set-up

    def _unix_listener(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.folder / "worker.sock"))
        listener.listen(128)
        return listener

    def _scoreboard(self, slots: int) -> memoryview:
        self._board_fd = os.memfd_create("scoreboard", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._resources.callback(os.close, self._board_fd)
        os.ftruncate(self._board_fd, scoreboard.size(slots))
        fcntl.fcntl(self._board_fd, _F_ADD_SEALS, _MEMFD_SEALS)
        board = memoryview(mmap.mmap(self._board_fd, scoreboard.size(slots)))
        scoreboard.lay_out(board, slots)
        return board

    @property
    def address(self) -> str:
        """As tests.support.fastcgi wants it: "unix:/path" or "127.0.0.1:9000"."""
        if self.listener.family == socket.AF_UNIX:
            return f"unix:{self.listener.getsockname()}"
        host, port = self.listener.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def _start_message(self) -> bytes:
        description = {
            "pool": "live",
            "generation": 1,
            "app": self.app,
            "cgi": None,
            "command": None,
            "interface": "wsgi",
            "directory": self.directory,
            "mount": self.mount,
            "threads": self.threads,
            "preload": True,
            "no_new_privs": True,
            "master": os.getpid(),
            "listen": [{"address": self.address, "allow": self.allow}],
            "timeouts": {"request": 50.0, "kill_after": 5.0, **self.timeouts},
            "limits": self.limits,
            "hooks": self.hooks,
            "access_log": {"file": "off", "format": "json"},
        }
        return orders.START + b" " + json.dumps(description).encode("ascii")

    def start_template(self) -> None:
        """Start the template and wait until it has imported the application."""
        self.template_output, self.template_channel = Output(), Channel()
        self._resources.callback(self.template_output.close)
        self._resources.callback(self.template_channel.close)
        channel, output = self.template_channel.theirs.fileno(), self.template_output.write_end
        self.template = subprocess.Popen(
            [self.python, str(_BOOTSTRAP), str(channel), "live"],
            env=self.env,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(channel,),
        )
        self.template_channel.theirs.close()
        self.template_output.close_write_end()
        descriptors = [self._board_fd, self.give.fileno(), self.take.fileno(), self.listener.fileno()]
        self.template_channel.send(self._start_message(), descriptors)
        word, self.template_says, _ = self.template_channel.receive()
        assert word == orders.READY, f"the template says {word!r}: {self.template_output.lines()}"

    def fork(self, count: int = 1) -> list[Worker]:
        """Order `count` workers and let them go."""
        born = [Worker(slot) for slot in self._free_slots()[:count]]
        for worker in born:
            for thread in range(self.threads):
                scoreboard.clear(self.board, worker.slot + thread)
        descriptors = [fd for worker in born for fd in (worker.channel.theirs.fileno(), worker.output.write_end, self._nowhere)]
        _subreaper(True)
        try:
            self.template_channel.send(orders.encode(orders.FORK, *(worker.slot for worker in born)), descriptors)
            self.workers += born
            for worker in born:
                worker.forked()
            for worker in born:
                worker.go()
        finally:
            _subreaper(False)
        return born

    def _free_slots(self) -> list[int]:
        """First slots that no living worker has, lowest first."""
        taken = {worker.slot for worker in self.workers if worker.status is None}
        return [slot for slot in range(0, self.slots - self.threads + 1, self.threads) if slot not in taken]

    # -- while it runs

    @property
    def worker(self) -> Worker:
        """The first (mostly the only) worker."""
        return self.workers[0]

    @property
    def output(self) -> Output:
        return self.worker.output

    def reading(self, worker: Worker | None = None, thread: int = 0) -> scoreboard.SlotReading:
        """What the worker's slot says now."""
        return scoreboard.read(self.board, (worker or self.worker).slot + thread)

    def until(self, condition: Any, timeout: float = PATIENCE) -> None:
        """Wait until `condition()` holds: for what shared memory alone tells."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, "condition does not come true"
            time.sleep(0.002)

    def retire(self, worker: Worker | None = None) -> None:
        (worker or self.worker).channel.send(orders.RETIRE)

    def handover(self, worker: Worker | None = None) -> None:
        (worker or self.worker).channel.send(orders.HANDOVER)

    def stop(self, worker: Worker | None = None) -> None:
        (worker or self.worker).channel.send(orders.STOP)

    def rss(self, worker: Worker | None = None) -> int:
        """Bytes of the worker's resident memory."""
        status = Path(f"/proc/{(worker or self.worker).pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) * 1024

    def cpu(self, worker: Worker | None = None) -> float:
        """Seconds of processor time the worker's main thread has used, to the nanosecond."""
        return int(Path(f"/proc/{(worker or self.worker).pid}/schedstat").read_text().split()[0]) / 1e9

    def unexpected(self) -> list[str]:
        """Lines of output that no test has accounted for."""
        return [*self.template_output.lines(), *(line for worker in self.workers for line in worker.output.lines())]

    def forget_lines(self, pattern: str) -> None:
        """Account for every line so far that matches the regular expression."""
        for output in (self.template_output, *(worker.output for worker in self.workers)):
            output.forget(pattern)

    # -- the end

    def end(self) -> None:
        """Stop what still runs; everything must exit 0 with nothing left to say."""
        for worker in self.workers:
            if worker.status is None:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self.stop(worker)
        statuses = {worker.pid: worker.wait() for worker in self.workers}
        self.template_channel.close()
        statuses[self.template.pid] = self.template.wait(PATIENCE)
        assert not any(statuses.values()), f"exit statuses {statuses}; output {self.unexpected()}"
        assert not self.unexpected(), f"unexpected output: {self.unexpected()}"

    def destroy(self) -> None:
        """End whatever is left, by force."""
        for worker in self.workers:
            worker.kill()
            worker.close()
        if getattr(self, "template", None) and self.template.poll() is None:
            self.template.kill()
            self.template.wait()
        self._resources.close()

    def __enter__(self) -> LiveWorker:
        try:
            self.start_template()
            self.fork(self.count)
        except BaseException:
            self.destroy()
            raise
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        try:
            if kind is None:
                self.end()
        finally:
            self.destroy()
