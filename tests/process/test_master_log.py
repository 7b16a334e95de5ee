"""The daemon's log: what it says, what it lets its workers say."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import ask

DaemonFactory = Callable[..., Daemon]

WHO = {"app": "identity:application"}


def say(daemon: Daemon, text: str) -> None:
    assert ask(daemon.address(), "/print?" + quote(text, safe="")).body == b'"printed"'


def test_a_workers_lines_carry_pool_and_pid(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": WHO})
    say(daemon, "one\ntwo\n")
    (pid,) = daemon.workers()
    line = daemon.wait_for_line("one$")
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z info web\[{pid}\]: one", line)
    daemon.wait_for_line(rf"info web\[{pid}\]: two$")


def test_no_line_can_be_forged(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": WHO})
    say(daemon, "a\r2026-11-22T12:00:00.123Z error forged\x1b[2J\u2028b\n")
    daemon.wait_for_line(re.escape(r"a\x0d2026-11-22T12:00:00.123Z error forged\x1b[2J\u2028b") + "$")


def test_an_unfinished_line_comes_with_the_workers_end(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": WHO})
    say(daemon, "unfinished")
    (pid,) = daemon.workers()
    os.kill(pid, signal.SIGKILL)
    daemon.wait_for_line(rf"web\[{pid}\]: unfinished$")


def test_stderr_can_be_opened_by_name(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": WHO})
    assert ask(daemon.address(), "/reopen-stderr").body == b'"written"'
    daemon.wait_for_line("by a name of its own$")


def test_a_flood_loses_nothing_and_starves_nobody(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    log = tmp_path / "log"
    daemon = Daemon({"web": {**WHO, "workers": 2}}, settings={"log": {"file": str(log)}})
    with daemon.start(ready=False):
        eventually(lambda: log.exists() and "ready to serve" in log.read_text(), "it serves")
        assert ask(daemon.address(), "/flood?20000", timeout=30).body == b'"flooded"'
        assert daemon.command("ping").returncode == 0
        eventually(lambda: log.read_text().count("f" * 1000 + "\n") == 20000, "every line")


def test_json(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": WHO}, settings={"log": {"format": "json"}})
    say(daemon, 'say "hi"\n')
    line = daemon.wait_for_line("say")
    (pid,) = daemon.workers()
    record = json.loads(line)
    assert record.pop("time") and record == {"level": "info", "message": 'say "hi"', "pool": "web", "pid": pid}
    assert all(json.loads(line) for line in daemon.lines)


def test_rotation(tmp_path: Path) -> None:
    log, old = tmp_path / "fcgipm.log", tmp_path / "fcgipm.log.1"
    daemon = Daemon({"web": WHO}, settings={"log": {"file": str(log)}})
    with daemon.start(ready=False):
        eventually(lambda: log.exists() and "ready to serve" in log.read_text(), "it serves")
        log.rename(old)
        say(daemon, "before\n")
        eventually(lambda: "before" in old.read_text(), "the old file")
        os.kill(daemon.pid, signal.SIGUSR1)
        eventually(lambda: log.exists() and "log files reopened" in log.read_text(), "the new file")
        say(daemon, "after\n")
        eventually(lambda: "after" in log.read_text(), "the new file")
    assert "after" not in old.read_text() and "stopped" in log.read_text()


def test_a_log_file_that_cannot_be_opened(tmp_path: Path) -> None:
    daemon = Daemon({"web": WHO}, settings={"log": {"file": f"{tmp_path}/none/log"}})
    assert daemon.run_to_end() in (71, 78)
    assert f"{tmp_path}/none" in daemon.text


def test_what_an_application_writes_is_logged_whatever_the_level() -> None:
    daemon = Daemon({"web": WHO}, settings={"log": {"level": "error"}})
    with daemon.start(ready=False):
        eventually(lambda: daemon.command("status").returncode == 0, "it serves")
        say(daemon, "Traceback of mine\n")
        daemon.wait_for_line(r"info web\[\d+\]: Traceback of mine$")


def test_a_log_that_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    daemon = Daemon({"web": WHO}, settings={"log": {"file": str(log)}})
    with daemon.start(ready=False):
        eventually(lambda: daemon.command("status").returncode == 0, "it serves")
        assert ask(daemon.address(), "/flood?1000").body == b'"flooded"'
        assert daemon.command("ping").returncode == 0
        read = bytearray()

        def told() -> bool:
            with contextlib.suppress(BlockingIOError):
                read.extend(os.read(reader, 1 << 20))
            return b"lines of this log were lost" in read

        told()
        say(daemon, "again\n")
        eventually(told, "the number")
    os.close(reader)
