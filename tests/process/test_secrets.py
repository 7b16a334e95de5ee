"""What a client and the operator keep secret is in nothing that the daemon tells: status, events, metrics, pages, log."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable

from tests.support.daemon import Daemon
from tests.support.fastcgi import Connection, environ, request
from tests.support.gate import Gate
from tests.support.ports import free_port
from tests.support.status import fetch, settings, wait_for_status

SECRETS = {"HTTP_COOKIE": "session=s3cr3t-cookie", "HTTP_AUTHORIZATION": "Basic s3cr3t-auth", "HTTP_X_API_KEY": "s3cr3t-key"}


def test_nothing_secret_is_told(daemon_factory: Callable[..., Daemon]) -> None:
    """A request with secrets in query, headers and environment: while it runs, when it is slow, and when its worker is killed inside of it."""
    given = settings(port := free_port())
    given["log"] = {"level": "debug"}
    pool = {"app": "cases:application", "slow_log": {"file": "stderr", "after": "100ms"}, "env": {"DATABASE_PASSWORD": "s3cr3t-env"}}
    daemon = daemon_factory({"web": pool}, settings=given)
    wait_for_status(port)
    told = []
    with Gate() as gate, Connection(daemon.address()) as connection:
        connection.send(request({**environ("/at-gate?token=s3cr3t-query", GATE=gate.path), **SECRETS}))
        gate.arrival()
        daemon.wait_for_line("slow: GET /at-gate")
        told += everything(daemon, port)
        (pid,) = daemon.workers()
        os.kill(pid, signal.SIGKILL)
        daemon.wait_for_line(f"worker {pid} was killed")
    told += everything(daemon, port)
    assert any("/at-gate" in text for text in told)
    assert not [text for text in told if "s3cr3t" in text]
    assert not [line for line in daemon.lines_reader.all() if "s3cr3t" in line]


def everything(daemon: Daemon, port: int) -> list[str]:
    pages = [fetch(port, path)[1] for path in ("/status.json", "/metrics", "/readyz", "/")]
    commands = [daemon.command("status", *options).stdout for options in ((), ("--json",), ("--events",))]
    return [*pages, *commands, live(port)]


def live(port: int) -> str:
    """The first document of the dashboard's stream."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        got = b""
        while b"data: " not in got or not got.endswith(b"\n\n\r\n"):
            got += connection.recv(1 << 20)
    return got.decode()
