"""What a pool serves: an application, a folder of CGI scripts or a foreign program, and how requests reach it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fcgipm.config.errors import Problem
from fcgipm.config.layers import PoolLayers
from fcgipm.config.model import Pool
from fcgipm.config.scaling import values

INTERFACES = {"app": ("wsgi", "cgi"), "cgi": ("cgi",), "command": ("fastcgi",)}
"""By the key that says what is served; the first interface is the one that is inferred."""

_MEANING = "module:attribute of the WSGI application; or `cgi`, a folder of scripts, or `command`, a FastCGI program"
_OF_PYTHON = {
    "hooks": "are functions of an application that stays in its workers",
    "slow_log": "logs the Python stack of an application that stays in its workers",
}
"""Keys that mean nothing where each request has a process of its own. In `defaults` they stand for the other pools."""


def served(keys: Pool) -> list[str]:
    """The keys of INTERFACES that are given: one, or there is a mistake."""
    return [key for key in INTERFACES if getattr(keys, key) is not None]


def interface_of(keys: Pool) -> str:
    """The interface in effect; of a pool that serves nothing by mistake, any."""
    return keys.interface or INTERFACES[[*served(keys), "app"][0]][0]


def effective_kind(keys: Pool) -> dict[str, Any]:
    """The values that the interface decides about, whatever `defaults` say."""
    if interface_of(keys) != "cgi":
        return {}
    return {"workers": {**values(keys.workers), "threads": 1}, "hooks": {"worker_start": None, "worker_stop": None}, "slow_log": None}


def mistakes(pool: PoolLayers) -> Iterator[Problem]:
    """Nothing to serve, too much of it, or an interface and keys that do not fit it."""
    given, lost = served(pool.keys), pool.node.lost
    if lost & {*INTERFACES, "interface"}:
        return
    if not given:
        yield pool.node.problem_of("app", text=f"is missing: it gives {_MEANING}")
    for key in given[1:]:
        yield pool.node.problem_of(key, text=f"cannot stand beside `{given[0]}`: a pool serves one of them; take one away, or make two pools")
    if len(given) == 1:
        yield from _unfit(pool, given[0])


def _unfit(pool: PoolLayers, key: str) -> Iterator[Problem]:
    allowed, interface = INTERFACES[key], interface_of(pool.keys)
    if interface not in allowed:
        yield pool.node.problem_of("interface", text=f"must be {' or '.join(allowed)} beside `{key}`, not {interface}")
    elif interface == "cgi":
        for name, meaning in _OF_PYTHON.items():
            if pool.says(name):
                yield pool.node.problem_of(name, text=f"{meaning}, and with interface cgi none does: take the key away")
        if pool.keys.workers.threads > 1 and pool.says("workers", "threads"):
            yield pool.node.problem_of("workers", "threads", text="must be 1 with interface cgi: each request has a process of its own; use more workers")
