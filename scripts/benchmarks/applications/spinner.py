"""A request that computes for so long, and waits for nothing: QUERY_STRING is milliseconds of CPU time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    end = time.thread_time() + int(environ["QUERY_STRING"]) / 1000
    while time.thread_time() < end:
        pass
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"done\n"]
