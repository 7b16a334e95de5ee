"""What a pool serves: an application, a folder of CGI scripts or a foreign program, and how requests reach it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import reduce
from operator import getitem
from typing import Any, NamedTuple

from fcgipm.config.errors import Problem
from fcgipm.config.layers import PoolLayers
from fcgipm.config.model import Pool
from fcgipm.config.scaling import values

INTERFACES = {"app": ("wsgi", "cgi"), "cgi": ("cgi",), "command": ("fastcgi",)}
"""By the key that says what is served; the first interface is the one that is inferred."""

_MEANING = "module:attribute of the WSGI application; or `cgi`, a folder of scripts, or `command`, a FastCGI program"


class _Unfit(NamedTuple):
    """Why a key may not be said."""

    text: str
    but: int | None = None
    """The value that may be said all the same, being the one in effect."""


_OURS = _Unfit("is for applications that fcgipm loads, and a foreign program is on its own here: take the key away")
_UNFIT: dict[str, dict[tuple[str, ...], _Unfit]] = {
    "wsgi": {},
    "cgi": {
        ("hooks",): _Unfit("are functions of an application that stays in its workers, and with interface cgi none does: take the key away"),
        ("slow_log",): _Unfit("logs the Python stack of an application that stays in its workers, and with interface cgi none does: take the key away"),
        ("workers", "threads"): _Unfit("must be 1 with interface cgi: each request has a process of its own; use more workers", but=1),
    },
    "fastcgi": {
        **dict.fromkeys([(key,) for key in ("mount", "preload", "hooks", "access_log", "slow_log", "timeouts")], _OURS),
        ("workers", "threads"): _Unfit("a foreign program has threads of its own or none: take the key away"),
        ("recycle", "requests"): _Unfit("nobody can count the requests of a foreign program: take the key away, or use `age` or `memory`"),
        ("limits", "params"): _OURS,
    },
}
"""By interface, what a pool may not say itself because it means nothing there. In `defaults` it stands for the other pools."""

_NO_HOOKS = {"worker_start": None, "worker_stop": None}
_DECIDED: dict[str, dict[str, Any]] = {
    "wsgi": {},
    "cgi": {"hooks": _NO_HOOKS, "slow_log": None},
    "fastcgi": {"hooks": _NO_HOOKS, "slow_log": None, "mount": "", "preload": True, "access_log": {"file": "off", "format": "json"}},
}


def served(keys: Pool) -> list[str]:
    """The keys of INTERFACES that are given: one, or there is a mistake."""
    return [key for key in INTERFACES if getattr(keys, key) is not None]


def interface_of(keys: Pool) -> str:
    """The interface in effect; of a pool that serves nothing by mistake, any."""
    return keys.interface or INTERFACES[[*served(keys), "app"][0]][0]


def effective_kind(keys: Pool) -> dict[str, Any]:
    """The values that the interface decides about, whatever `defaults` say."""
    interface = interface_of(keys)
    threads = {"workers": {**values(keys.workers), "threads": 1}} if interface == "cgi" else {}
    return {**deepcopy(_DECIDED[interface]), **threads}


def sayable(pool: dict[str, Any]) -> dict[str, Any]:
    """A pool's section, in the notation of a file, without what it may not say."""
    kept = deepcopy(pool)
    for (*outer, last), unfit in _UNFIT[pool["interface"]].items():
        if unfit.but is None:
            reduce(getitem, outer, kept).pop(last, None)
    return kept


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
        return
    for steps, unfit in _UNFIT[interface].items():
        said: Any = reduce(getattr, steps, pool.keys)
        if pool.says(*steps) and (unfit.but is None or said != unfit.but):
            yield pool.node.problem_of(*steps, text=unfit.text)
