"""The process of the embedded server: its specification, its socket, uvicorn. When nothing happens it sleeps.

It has no channel to the master: what it writes on standard error goes into the log, and a TERM ends it after its running requests.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

import uvicorn

from fcgipm.web.application import Application, tell
from fcgipm.web.backend import Backend
from fcgipm.web.process import OPTIONS, Server, follow_master, log_to
from fcgipm.web.protocol import Protocol
from fcgipm.worker.prctl import set_name

KEEPALIVE = 60.0
"""Seconds that a connection to the pool is kept idle at most; below the workers' own patience, so that it is we who close."""

CLIENT_KEEPALIVE = 75
"""Seconds that a client's connection is kept idle, as nginx does it."""


def serve(specification: Mapping[str, Any]) -> None:
    """Serve until told to stop. For the keys of a specification see `fcgipm.system.spawn_web`."""
    follow_master(specification["master"])
    set_name(f"fcgipm http {specification['pool']}")
    listening = socket.socket(fileno=specification["listener"])
    keepalive = min(KEEPALIVE, 0.8 * specification["keepalive"])
    backend = Backend(specification["pool"], specification["backend"], keepalive, specification["foreign"])
    application = Application(backend, specification["static"], tell, tell if specification["access_log"] else None)
    Server(configuration(application, specification)).run([listening])


def configuration(application: Application, specification: Mapping[str, Any]) -> uvicorn.Config:
    """uvicorn as far as it is needed: no log, headers or processes of its own."""
    log_to(tell)
    protocol = type("AllowingProtocol", (Protocol,), {"allowed": allowed(specification["allow"])})
    return uvicorn.Config(
        application,
        http=protocol,
        date_header=False,
        backlog=specification["backlog"],
        timeout_keep_alive=CLIENT_KEEPALIVE,
        timeout_graceful_shutdown=specification["stop_timeout"],
        **OPTIONS,
    )


def allowed(addresses: list[str] | None) -> frozenset[str] | None:
    """Addresses in the form in which a client's are compared."""
    return None if addresses is None else frozenset(addresses)
