"""Start an embedded web server: a process of its own, under a user of its own, that gets a listening socket and a specification and nothing else."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from fcgipm.system.errors import SystemProblem
from fcgipm.system.listeners import Listener
from fcgipm.system.spawn import spawn_as
from fcgipm.system.tcp_sockets import split_tcp

ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8"}
"""Nothing of the daemon's environment, and nothing of the pool's: this process speaks to strangers."""

UMASK = 0o077

LOCAL = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where a client on this machine reaches what listens on every address."""


def specification(
    http: Mapping[str, Any], pool: Mapping[str, Any], backend: Listener, listener: Listener, access_log: bool, stop_timeout: float
) -> dict[str, Any]:
    """What the process is told. `http` and `pool` are parts of the effective configuration, `backend` is the pool's first listener. Seconds."""
    return {
        "pool": http["pool"],
        "listener": listener.socket.fileno(),
        "backlog": http["listen"]["backlog"],
        "allow": http["listen"]["allow"],
        "backend": address_of(backend),
        "keepalive": pool["timeouts"]["keepalive"],
        "foreign": pool["command"] is not None,
        "static": http["static"],
        "access_log": access_log,
        "stop_timeout": stop_timeout,
        "master": os.getpid(),
    }


def address_of(listener: Listener) -> dict[str, Any]:
    """Where a client on this machine reaches a listener: ``{"unix": path}`` or ``{"host": text, "port": number}``."""
    if listener.path is not None:
        return {"unix": listener.path}
    if listener.socket.family == socket.AF_UNIX:
        return {"unix": listener.socket.getsockname()}
    host, port = listener.socket.getsockname()[:2]
    return {"host": LOCAL.get(host, host), "port": port}


def client_host(address: str) -> str | None:
    """The address that such a client comes from, for the normalised address of a TCP listener; None for others."""
    if address.startswith(("unix:", "fd:")):
        return None
    host = split_tcp(address)[1]
    return LOCAL.get(host, host)


def start_web(who: Mapping[str, Any], told: Mapping[str, Any], output: int, passed: Sequence[int] = ()) -> int:
    """Start the process, its output on the descriptor `output`; its pid. It has the listener and the descriptors `passed`.

    Raises:
        SystemProblem: it cannot be started.
    """
    paper = os.memfd_create("fcgipm-http", os.MFD_CLOEXEC)
    try:
        os.write(paper, json.dumps(dict(told)).encode("ascii"))
        os.lseek(paper, 0, os.SEEK_SET)
        command = [sys.executable, "-I", "-m", "fcgipm.web"]
        return spawn_as(who, command, ENVIRONMENT, UMASK, (told["listener"], *passed), output, stdin=paper)
    except (OSError, subprocess.SubprocessError) as error:
        why = getattr(error, "strerror", None) or error
        raise SystemProblem(f"cannot start the web server: {why}") from error
    finally:
        os.close(paper)
