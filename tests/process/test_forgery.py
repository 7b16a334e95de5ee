"""Whatever a request or an application says, in every place where it can: no second line, no terminal that obeys, in no log and no command."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import Connection, Text, ask, environ, request
from tests.support.gate import Gate

DaemonFactory = Callable[..., Daemon]

EVIL = "a\x1b[31mb\rc\x9b31md\x85e\u2028f\u2029g\u202eh\u2066i\ufeffj\x07k\x7fl\x00m\x0bn\x0co\u200fp\u061cq"
FORGED = "2026-11-22T12:00:00.123Z error web[1]: forged"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error) ")
PARAM = (EVIL + FORGED).encode()
"""In a param any byte may come, also a line's end."""


def assert_plain(text: str) -> None:
    """Lines of characters that a terminal shows and does not obey."""
    bad = {one for one in text if one not in "\n\t" and unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert not bad, (bad, text)


def assert_no_second_line(text: str) -> None:
    assert_plain(text)
    for line in text.splitlines():
        assert LINE.match(line), line
        assert not line.startswith(FORGED), line


@pytest.fixture
def daemon(daemon_factory: DaemonFactory, tmp_path: Path) -> Daemon:
    pool: dict[str, Any] = {"app": "forger:application", "access_log": {"file": str(tmp_path / "access"), "format": "combined"}}
    pool |= {"slow_log": {"after": "200ms", "file": str(tmp_path / "slow")}, "timeouts": {"request": "60s"}}
    return daemon_factory({"web": pool}, tolerate=["Traceback", "application error"])


def hostile(path: str, **more: Text) -> dict[str, Text]:
    """Evil in every field that is written down anywhere."""
    evil = PARAM + b"\n" + FORGED.encode()
    named = {"HTTP_REFERER": evil, "HTTP_USER_AGENT": evil, "REQUEST_ID": evil, "REMOTE_ADDR": evil, "SERVER_PROTOCOL": evil, "HTTP_X_ANY": evil}
    return {**environ(path, "GET"), **named, "REQUEST_METHOD": b"GET" + evil, "REQUEST_URI": path.encode() + evil, "SAY": quote(EVIL + "\n"), **more}


@pytest.mark.parametrize("where", ["/print", "/stderr", "/errors", "/raises", "/warns"])
def test_logs(daemon: Daemon, tmp_path: Path, where: str) -> None:
    with Connection(daemon.address()) as connection:
        connection.send(request(hostile(where)))
        connection.read_to_end()
    eventually(lambda: (tmp_path / "access").read_bytes().endswith(b"\n"), "a line in the access log")
    daemon.wait_for_line(re.escape(r"a\x1b[31mb"))
    assert_no_second_line(daemon.text)
    access = (tmp_path / "access").read_bytes()
    assert access.count(b"\n") == 1 and access.isascii()
    assert_plain(access.decode())


def test_what_runs_in_status_stack_and_slow_log(daemon: Daemon, tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    with Gate() as gate, Connection(daemon.address()) as connection:
        connection.send(request(hostile("/gate", GATE=gate.path)))
        gate.arrival()
        eventually(lambda: "pass_gate" in slow.read_text(), "the slow log")
        for command in (["status"], ["status", "--events"], ["stack"]):
            said = daemon.command(*command)
            assert_plain(said.stdout + said.stderr)
        assert r"a\x1b[31mb" in daemon.command("status").stdout
        assert "pass_gate" in daemon.command("stack").stdout
        json.loads(daemon.command("status", "--json").stdout)
        assert daemon.command("status", "--json").stdout.isascii()
        gate.open()
        connection.read_to_end()
    assert_no_second_line(slow.read_text())
    assert re.search(r"slow: GETa\\x1b.*, request id a\\x1b\[31mb", slow.read_text())


def test_a_template_that_says_it_at_its_end(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    """The reason of a failure goes into the log, the status and what `reload` prints."""
    site = tmp_path / "evil_site.py"
    site.write_text("def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'fine']\n")
    daemon = daemon_factory({"web": {"app": "evil_site:application", "directory": str(tmp_path), "user": "root"}}, tolerate=["Traceback", "reload failed"])
    site.write_text(f"raise RuntimeError({EVIL!r} + {FORGED!r})\n")
    told = daemon.command("reload")
    assert told.returncode == 1
    assert_plain(told.stdout + told.stderr)
    for command in (["status"], ["status", "--events"]):
        assert_plain(daemon.command(*command).stdout)
    assert_no_second_line(daemon.text)
    assert ask(daemon.address(), "/").body == b"fine"
