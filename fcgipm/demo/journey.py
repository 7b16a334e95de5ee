"""What a request looked like at each stop of its way, as far as the application can know."""

from __future__ import annotations

import os
import platform
import re
import sys
from typing import Any

from .records import SECRET, Record, decode

Environ = dict[str, Any]

BROWSERS = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chromium"), ("Version/", "Safari"), ("curl/", "curl"))


def who(environ: Environ) -> dict[str, Any]:
    """Who is answering: the process, and what the server says about it. Other servers than fcgipm say less."""
    return {
        "pid": os.getpid(),
        "generation": environ.get("fcgipm.generation"),
        "pool": environ.get("fcgipm.pool"),
        "thread": int(environ.get("fcgipm.thread", 0)) + 1,
        "python": platform.python_version(),
        "server": environ.get("SERVER_SOFTWARE", "a server that does not say its name"),
    }


def browser(environ: Environ) -> str:
    """The name of the browser, as far as its User-Agent can be believed."""
    agent = environ.get("HTTP_USER_AGENT", "")
    for sign, name in BROWSERS:
        found = re.search(re.escape(sign) + r"(\d+)", agent)
        if found:
            return f"{name} {found[1]}"
    return "your browser"


def request_lines(environ: Environ) -> list[str]:
    """The request as the browser will have sent it: put together again from the environ, so names and order of the headers are a guess."""
    target = environ.get("REQUEST_URI") or environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "/")
    lines = [f"{environ['REQUEST_METHOD']} {target} {environ.get('SERVER_PROTOCOL', '')}"]
    names = [name for name in environ if name.startswith("HTTP_")]
    names += [name for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)]
    for name in names:
        header = name.removeprefix("HTTP_").replace("_", "-").title()
        lines.append(f"{header}: {shown(name, environ[name])}")
    return lines


def records(environ: Environ) -> list[Record] | None:
    """The records of this request as the worker received them; None: the server does not hand them out."""
    hook = environ.get("fcgipm.records")
    return decode(hook()) if callable(hook) else None


def rows(environ: Environ, heard: list[Record] | None) -> list[tuple[str, str, str]]:
    """The environ's names and values, each with where it comes from."""
    sent = {name: value for record in heard or [] for name, value in record.pairs}
    names = [name for name in environ if not name.startswith(("werkzeug.", "flask."))]
    return [(name, shown(name, environ[name]), _origin(name, environ[name], sent)) for name in sorted(names, key=_order)]


def shown(name: str, value: object) -> str:
    """A value for people; what nobody else should see is hidden."""
    if name in SECRET:
        return "*" * len(str(value))
    if isinstance(value, (str, int, bool, tuple)):
        return str(value)
    return f"a {type(value).__name__}" if not callable(value) else "a callable"


def _origin(name: str, value: object, sent: dict[str, str]) -> str:
    if name not in sent:
        return "added" if sent else ""
    return "sent" if sent[name] == shown(name, value) else "changed"


def _order(name: str) -> tuple[int, str]:
    return (2 if name[0].islower() else 1 if name.startswith("HTTP_") else 0), name


def memory() -> int:
    """Resident bytes of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def interpreter() -> str:
    return sys.executable
