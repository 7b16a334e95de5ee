"""Answers that take their time: each block leaves as soon as it is made."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Response

from .journey import memory

PARTS = 12
PAUSE = 0.3
"""Parts of the streamed page, and seconds between them."""
EVENTS = 30
"""Seconds, and events, after which an event stream ends and the browser asks anew: nobody holds a worker's thread for ever."""


def unbuffered(blocks: Iterable[str], kind: str) -> Response:
    """A streamed response that no web server on the way collects (X-Accel-Buffering is nginx's word for that)."""
    return Response(blocks, content_type=kind, headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})


def parts(head: str, tail: str) -> Iterator[str]:
    """A page from head to tail with parts in between, written while it is sent."""
    began = time.monotonic()
    yield head
    for number in range(1, PARTS + 1):
        time.sleep(PAUSE)
        yield f"<li><b>{number}</b><span>{time.monotonic() - began:.2f} s</span></li>\n"
    yield tail.replace("(time)", f"{time.monotonic() - began:.1f}")


def events(number: int, who: dict[str, Any]) -> Iterator[str]:
    """Server-sent events, one a second; `number` is the last that the browser has seen, so that counting goes on after it comes back."""
    yield "retry: 300\n\n"
    for step in range(1, EVENTS + 1):
        facts = {"pid": who["pid"], "thread": who["thread"], "load": os.getloadavg()[0], "memory": memory(), "left": EVENTS - step}
        yield f"id: {number + step}\ndata: {json.dumps(facts)}\n\n"
        time.sleep(1)
