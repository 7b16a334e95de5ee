"""The gateway of a worker's thread, by the pool's interface."""

from __future__ import annotations

import os
import time
from typing import Any, Type

from fcgipm.gateways.wsgi import AnyGateway, Gateway
from fcgipm.worker.accesslog import CountedConnection
from fcgipm.worker.cgi import CgiGateway
from fcgipm.worker.connection import Connection
from fcgipm.worker.deadlines import RequestWatch
from fcgipm.worker.pumped_connection import PumpedConnection
from fcgipm.worker.settings import Settings


def connection_class(settings: Settings) -> Type[Connection]:
    """What carries the requests of such a gateway."""
    if settings.access_file != "off":
        return CountedConnection
    return PumpedConnection if settings.interface == "cgi" else Connection


def make_gateway(settings: Settings, application: Any, thread: int, watch: RequestWatch) -> AnyGateway:
    """`application` is what was imported; `watch` watches it."""
    worker = f"{os.getpid():x}-{time.time_ns() // 1000000:x}-{thread:x}"
    if settings.interface == "cgi":
        return CgiGateway(settings, worker, watch)
    return Gateway(
        application,
        mount=settings.mount,
        multithread=settings.threads > 1,
        multiprocess=True,
        worker=worker,
        facts={
            "fcgipm.pool": settings.pool,
            "fcgipm.generation": str(settings.generation),
            "fcgipm.thread": str(thread),
        },
        watch=watch,
    )
