"""The embedded web server of a test's daemon. Its listening socket is made here and inherited, so that two tests never race for a port."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from tests.support.daemon import Daemon
from tests.support.http import Server


class Embedded(Server):
    """A daemon whose first pool has an embedded server before it. `http`: further keys of that entry; other options are Daemon's."""

    def __init__(self, pools: Mapping[str, Mapping[str, Any]], http: Mapping[str, Any] | None = None, **options: Any) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._listener.getsockname()[1]
        number = self._listener.fileno()
        entry = {"listen": f"fd:{number}", "pool": next(iter(pools)), **(http or {})}
        settings = {**options.pop("settings", {}), "http": [entry]}
        self.daemon = Daemon(pools, settings=settings, pass_fds=[number], **options)

    def start(self) -> Embedded:
        self.daemon.start()
        self._listener.close()  # The daemon has it now.
        return self

    @property
    def pid(self) -> int:
        """Of the server's process."""
        return int(self.daemon.status()["http"][0]["pid"])

    def __enter__(self) -> Embedded:
        return self.start()

    def __exit__(self, *failure: Any) -> None:
        self._listener.close()
        self.daemon.__exit__(*failure)
