"""Logs that cannot be written: requests go on, it is told once, and lines come again when they can."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import ask

DaemonFactory = Callable[..., Daemon]

WHO = {"app": "identity:application"}
LOST = "lines of this log were lost"


def say(daemon: Daemon, text: str) -> None:
    assert ask(daemon.address(), "/print?" + quote(text + "\n", safe="")).body == b'"printed"'


def serves(daemon: Daemon) -> bool:
    return daemon.command("status").returncode == 0


def room(pid: int, size: int) -> None:
    """Let a process write files of at most `size` bytes: what a full disk does, without one (EFBIG, and SIGXFSZ before it)."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def test_a_device_that_is_always_full() -> None:
    daemon = Daemon({"web": WHO}, settings={"log": {"file": "/dev/full"}})
    with daemon.start(ready=False):
        eventually(lambda: serves(daemon), "it serves")
        for _ in range(5):
            say(daemon, "lost")
        assert daemon.command("reopen-logs").returncode == 0


def test_a_full_disk_and_room_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    daemon = Daemon({"web": WHO}, settings={"log": {"file": str(log)}})
    with daemon.start(ready=False):
        eventually(lambda: log.exists() and "ready to serve" in log.read_text(), "it serves")
        room(daemon.pid, log.stat().st_size + 200)
        for number in range(20):
            say(daemon, f"line {number} " + "x" * 50)
        assert serves(daemon) and "line 19" not in log.read_text()
        room(daemon.pid, resource.RLIM_INFINITY)
        say(daemon, "room again")
        eventually(lambda: "room again" in log.read_text(), "lines come again")
        say(daemon, "and go on")
        eventually(lambda: "and go on" in log.read_text(), "lines go on")
        text = log.read_text()
    assert text.count(LOST) == 1
    assert all(line[:2] == "20" for line in text.splitlines()), "no line is torn"


def test_a_pipe_without_a_reader_until_one_comes(tmp_path: Path) -> None:
    fifo = tmp_path / "log"
    os.mkfifo(fifo)
    daemon = Daemon({"web": WHO}, settings={"log": {"file": str(fifo)}})
    with daemon.start(ready=False):
        eventually(lambda: serves(daemon), "it serves")
        assert ask(daemon.address(), "/flood?300").body == b'"flooded"'
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        read = bytearray()

        def told(words: str) -> bool:
            with contextlib.suppress(BlockingIOError):
                read.extend(os.read(reader, 1 << 20))
            return words.encode() in read

        told("")
        say(daemon, "somebody reads")
        eventually(lambda: told(LOST), "how many were lost")

        def resumed() -> bool:
            say(daemon, "lines come again")  # More than once: the rest of the flood may fill the pipe while nobody looks.
            return told("lines come again")

        eventually(resumed, "lines come again")
        os.close(reader)


def test_a_folder_that_is_deleted_and_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = folder / "log"
    daemon = Daemon({"web": WHO}, settings={"log": {"file": str(log)}})
    with daemon.start(ready=False):
        eventually(lambda: log.exists() and "ready to serve" in log.read_text(), "it serves")
        held = log.open()
        log.unlink()
        folder.rmdir()
        said = daemon.command("reopen-logs")
        assert said.returncode == 1 and f"cannot open the log file {log}" in said.stderr
        say(daemon, "into the deleted file")
        eventually(lambda: "into the deleted file" in held.read(), "the old file is kept")
        folder.mkdir()
        assert daemon.command("reopen-logs").returncode == 0
        say(daemon, "into the new file")
        eventually(lambda: "into the new file" in log.read_text(), "the new file")
        held.close()


def test_the_access_log_on_a_full_disk_and_room_again(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    log = tmp_path / "access"
    daemon = daemon_factory({"web": {**WHO, "access_log": {"file": str(log), "format": "{method} {uri} {status}"}}})
    (pid,) = daemon.workers()
    room(pid, 50)
    for _ in range(10):
        assert ask(daemon.address(), "/print?x").body == b'"printed"'
    assert log.stat().st_size == 50
    room(pid, resource.RLIM_INFINITY)
    ask(daemon.address(), "/print?x")
    eventually(lambda: log.read_text().endswith("GET /print 200\n"), "lines come again")
    daemon.wait_for_line(r"the access log is written again: \d+ lines were lost")
    assert daemon.text.count("cannot write the access log") == 1
    whole = [line for line in log.read_text().splitlines() if line == "GET /print 200"]
    assert len(log.read_text().splitlines()) == len(whole) + 1, "the one that was torn has a line of its own"


def test_a_slow_log_that_cannot_be_written_is_told_once(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    slow.symlink_to("/dev/full")
    pool = {"app": "overdue:application", "slow_log": {"after": "50ms", "file": str(slow)}}
    daemon = daemon_factory({"web": pool})
    for count in range(1, 3):
        assert ask(daemon.address(), "/for", QUERY_STRING="0.4").body == b"0.4"
        eventually(lambda count=count: daemon.status()["pools"]["web"]["requests"]["slow"] == count, "it is counted")
    daemon.wait_for_line("web: the slow log cannot be written: its lines are lost")
    slow.unlink()
    assert daemon.command("reopen-logs").returncode == 0
    assert ask(daemon.address(), "/for", QUERY_STRING="0.4").body == b"0.4"
    eventually(lambda: "in spin" in slow.read_text(), "it is written again")
    daemon.wait_for_line("web: the slow log is written again")
    assert daemon.text.count("cannot be written") == 1


def test_a_slow_log_that_cannot_be_reopened(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    slow = tmp_path / "logs" / "slow"
    slow.parent.mkdir()
    daemon = daemon_factory({"web": {**WHO, "slow_log": {"after": "10s", "file": str(slow)}}}, tolerate=["cannot open the log file"])
    slow.rename(tmp_path / "kept")
    slow.parent.rmdir()
    problem = f"cannot open the log file {slow}"
    said = daemon.command("reopen-logs")
    assert said.returncode == 1 and problem in said.stderr
    daemon.wait_for_line(f"error web: {problem}")
    assert not (tmp_path / "kept").read_text()
    slow.parent.mkdir()
    assert daemon.command("reopen-logs").returncode == 0 and slow.exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.root
def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    log, access, ballast = small_disk / "log", small_disk / "access", small_disk / "ballast"
    daemon = Daemon({"web": {**WHO, "access_log": {"file": str(access)}}}, settings={"log": {"file": str(log)}})
    with daemon.start(ready=False):
        eventually(lambda: log.exists() and "ready to serve" in log.read_text(), "it serves")
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(b"x" * 512):
                pass
        for _ in range(200):
            say(daemon, "x" * 200)
        assert serves(daemon)
        ballast.unlink()
        say(daemon, "room again")
        eventually(lambda: "room again" in log.read_text() and "/print" in access.read_text(), "lines come again")
        text = log.read_text()
    assert text.count(LOST) == 1 and text.count("cannot write the access log") <= 1
