"""A request that waits for something else, and tells who served it and when: ``pid begun ended``, in nanoseconds of the machine's monotonic clock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    begun = time.monotonic_ns()
    time.sleep(int(environ["QUERY_STRING"]) / 1000)
    body = b"%d %d %d\n" % (os.getpid(), begun, time.monotonic_ns())
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
