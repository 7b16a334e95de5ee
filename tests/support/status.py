"""The status server of a test's daemon."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.daemon import Daemon, eventually


def settings(port: int) -> dict[str, Any]:
    """`status:` on that port, as the user that runs the test: an ordinary one may not reach the interpreter."""
    return {"status": {"listen": f"127.0.0.1:{port}", **({"user": "root"} if os.geteuid() == 0 else {})}}


def fetch(port: int, path: str, **headers: str) -> tuple[int, str, Any]:
    """Status, body and headers."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


def wait_for_status(port: int) -> None:
    """Until it answers: the socket is there from the start, and its queue too."""
    assert fetch(port, "/healthz")[0] == 200


def status_process(daemon: Daemon) -> int:
    """The pid of the running status server."""
    return int(eventually(lambda: _find(daemon.pid), "the status server runs"))


def _find(master: int) -> int | None:
    for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split():
        try:
            if b"fcgipm.web" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
        except OSError:
            continue
    return None
