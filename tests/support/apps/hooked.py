"""An application with hooks, which write their names to the file that FCGIPM_HOOKS names; one of them may be told to fail."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

STATE = {"started": False}


def note(text: str) -> None:
    with open(os.environ["FCGIPM_HOOKS"], "a", encoding="ascii") as file:
        file.write(f"{text} {os.getpid()}\n")


os.register_at_fork(after_in_child=lambda: note("forked"))


def start() -> None:
    if os.environ.get("FCGIPM_FAILS") == "start":
        raise RuntimeError("no database")
    STATE["started"] = True
    note("start")


def stop() -> None:
    note("stop")
    if os.environ.get("FCGIPM_FAILS") == "stop":
        raise RuntimeError("cannot say goodbye")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [str(STATE["started"]).encode()]
