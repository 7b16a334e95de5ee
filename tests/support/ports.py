"""Ports for what cannot be handed a listener."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A loopback port that nobody listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
