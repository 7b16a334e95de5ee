"""Pools whose program is not ours: what `command` means for the other keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fcgipm.config.addresses import unix_path
from fcgipm.config.errors import Problem
from fcgipm.config.layers import PoolLayers
from fcgipm.config.node import Node

_THREADS = "a foreign program has threads of its own or none: take the key away"
_OURS = "is for applications that fcgipm loads, and a foreign program is on its own here: take the key away"
_UNSEEN = "cannot be kept: a foreign program accepts connections by itself"
_UNFIT: dict[tuple[str, ...], str] = {
    **dict.fromkeys([(key,) for key in ("mount", "preload", "hooks", "access_log", "slow_log", "timeouts")], _OURS),
    ("workers", "threads"): _THREADS,
    ("recycle", "requests"): "nobody can count the requests of a foreign program: take the key away, or use `age` or `memory`",
    ("limits", "params"): _OURS,
}
"""What a pool with a command may not say. In `defaults` it stands for the other pools."""


def program_mistakes(pool: PoolLayers) -> Iterator[Problem]:
    """Every key that means nothing beside a `command`; how that stands beside other keys that say what is served is told in `kinds`."""
    if pool.keys.command is None:
        return
    for steps, text in _UNFIT.items():
        if pool.says(*steps):
            yield pool.node.problem_of(*steps, text=text)
    for index, listen in enumerate(pool.keys.listen or []):
        if listen.allow is not None:
            yield _listen_node(pool.node, index).problem_of("allow", text=f"{_UNSEEN}; take the key away, or have a firewall do it")
    addresses = [listen.address for listen in pool.keys.listen or []]
    if len(addresses) > 1:
        yield pool.node.problem_of("listen", text=f"has {len(addresses)} addresses: a foreign program takes its one listening socket as descriptor 0")
    elif addresses and unix_path(addresses[0]) is None and pool.keys.probe is not None:
        text = "needs a unix socket with a foreign program: at a TCP port programs of before would answer"
        yield pool.node.problem_of("probe", text=text)


def effective_program(pool: PoolLayers) -> dict[str, Any]:
    """The values that `command` decides about; none without."""
    if pool.keys.command is None:
        return {"command": None}
    return {
        "command": list(pool.keys.command),
        "mount": "",
        "preload": True,
        "hooks": {"worker_start": None, "worker_stop": None},
        "access_log": {"file": "off", "format": "json"},
        "slow_log": None,
    }


def sayable(pool: dict[str, Any]) -> dict[str, Any]:
    """The keys of a pool's section that it may have, in the notation of a file."""
    if "command" not in pool:
        return pool
    kept = {key: value for key, value in pool.items() if (key,) not in _UNFIT}
    for outer, inner in (steps for steps in _UNFIT if len(steps) == 2):
        kept[outer] = {key: value for key, value in kept[outer].items() if key != inner}
    return kept


def _listen_node(pool: Node, index: int) -> Node:
    listen = pool.child("listen")
    assert listen is not None and isinstance(listen.value, list)
    return listen.value[index]
