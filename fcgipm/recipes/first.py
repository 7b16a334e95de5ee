"""The text of a first fcgipm.yaml: few keys, each with the reason one would change it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_PLAIN = re.compile(r"[A-Za-z_./][\w./:()-]*", re.ASCII)
_ACCOUNT = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


@dataclass(frozen=True)
class First:
    """What was found out about an application."""

    pool: str
    kind: str
    where: str
    """The file it was found in, relative to the configuration's folder."""
    app: str
    listen: str
    directory: str | None = None
    """Where its modules are; None: beside the configuration."""
    python: str | None = None
    settings: str | None = None
    """DJANGO_SETTINGS_MODULE."""
    user: str | None = None
    group: str | None = None
    """The web server's, which may then connect."""
    root: bool = False
    """fcgipm runs as root, so the pool needs a user."""
    http: str | None = None
    """Address of the embedded web server; None: it is not installed."""


def text(first: First) -> str:
    """A whole configuration file."""
    return "\n".join([*_top(first), *_http(first), *_pool(first), ""])


def _top(first: First) -> list[str]:
    return [
        f"# Written by `fcgipm init` for {first.kind} in {first.where}. `fcgipm check --import` tells whether it is right.",
        "# All other keys with their reasons: conf/fcgipm.yaml of fcgipm.",
        "",
    ]


def _http(first: First) -> list[str]:
    entry = f"- {{listen: {first.http or '127.0.0.1:8000'}, pool: {scalar(first.pool)}}}"
    if first.http is None:
        return ["# A web server of fcgipm's own, to try it out (pip install 'fcgipm[web]'):", "# http:", f"#   {entry}", ""]
    return ["# A web server of fcgipm's own, to try it out. With nginx in front (`fcgipm nginx`), take it away.", "http:", f"  {entry}", ""]


def _pool(first: First) -> list[str]:
    lines = ["pools:", f"  {scalar(first.pool)}:", f"    app: {scalar(first.app)}"]
    if first.directory:
        lines += ["    # Working directory, and where the modules are.", f"    directory: {scalar(first.directory)}"]
    if first.python:
        lines += ["    # The application's virtual environment; fcgipm need not be in it.", f"    python: {scalar(first.python)}"]
    else:
        lines += ["    # No virtual environment was found here: the Python that runs fcgipm is used.", "    # python: venv/bin/python"]
    if first.settings:
        lines += ["    env:", f"      DJANGO_SETTINGS_MODULE: {scalar(first.settings)}"]
    return [*lines, *_user(first), *_listen(first), "    # Requests that are served at a time.", "    workers: 2"]


def _user(first: First) -> list[str]:
    if first.user:
        return ["    # Who the application runs as: whoever owns it.", f"    user: {scalar(first.user)}"]
    if first.root:
        name = first.pool if _ACCOUNT.fullmatch(first.pool) else "web"
        return [f"    # Without `user` it runs as root: name a user who can read the code (`useradd --system {name}` makes one).", f"    # user: {name}"]
    return []


def _listen(first: First) -> list[str]:
    lines = ["    # Where nginx's fastcgi_pass connects; nginx's user must be allowed to."]
    if first.group:
        return [*lines, f"    listen: {{address: {json.dumps(_escaped(first.listen))}, group: {scalar(first.group)}}}"]
    return [*lines, f"    listen: {scalar(first.listen)}"]


def pool_name(*hints: str) -> str:
    """The first hint that can be a pool's name when what it must not hold is left out, else "web"."""
    for hint in hints:
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", hint).strip("-_")[:32]
        if name and name.lower() not in ("app", "application", "wsgi", "main", "src", "config", "project"):
            return name
    return "web"


def scalar(value: str) -> str:
    """A text in YAML, plain where it can be."""
    value = _escaped(value)
    return value if _PLAIN.fullmatch(value) and value.lower() not in _WORDS and not value.endswith(":") else json.dumps(value)


def _escaped(value: str) -> str:
    """fcgipm would otherwise put a variable in place of ${…}."""
    return value.replace("${", "$${")
