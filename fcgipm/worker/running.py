"""What a worker thread is at, as text in its slot of the scoreboard, for whoever finds it stuck."""

from __future__ import annotations

from typing import Dict

from fcgipm.scoreboard import RUNNING, RUNNING_BYTES, WORD


def store_running(slot: memoryview, params: Dict[str, str]) -> None:
    """Method and path of the request, without its query string. `slot`: bytes."""
    uri = params.get("REQUEST_URI") or params.get("PATH_INFO", "")
    text = f"{params.get('REQUEST_METHOD', '-')} {uri.partition('?')[0]}".encode("utf-8", "replace")[:RUNNING_BYTES]
    start = WORD * (RUNNING + 1)
    slot[start : start + len(text)] = text
    slot[WORD * RUNNING] = len(text) & 255
    slot[WORD * RUNNING + 1] = len(text) >> 8
