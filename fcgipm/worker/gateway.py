"""The gateway of a worker's thread, by the pool's interface."""

from __future__ import annotations

import os
import time
from typing import Any

from fcgipm.gateways.wsgi import AnyGateway, Gateway
from fcgipm.worker.cgi import CgiGateway
from fcgipm.worker.deadlines import RequestWatch
from fcgipm.worker.settings import Settings


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
