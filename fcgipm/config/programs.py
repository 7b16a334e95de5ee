"""Pools whose program is not ours: the listeners that they can have."""

from __future__ import annotations

from collections.abc import Iterator

from fcgipm.config.addresses import unix_path
from fcgipm.config.errors import Problem
from fcgipm.config.layers import PoolLayers
from fcgipm.config.node import Node

_UNSEEN = "cannot be kept: a foreign program accepts connections by itself; take the key away, or have a firewall do it"

def program_mistakes(pool: PoolLayers) -> Iterator[Problem]:
    """Listeners and probes that such a pool cannot have. (Keys that mean nothing beside a `command` are in `kinds`.)"""
    if pool.keys.command is None:
        return
    for index, listen in enumerate(pool.keys.listen or []):
        if listen.allow is not None:
            yield listen_node(pool.node, index).problem_of("allow", text=_UNSEEN)
    addresses = [listen.address for listen in pool.keys.listen or []]
    if len(addresses) > 1:
        yield pool.node.problem_of("listen", text=f"has {len(addresses)} addresses: a foreign program takes its one listening socket as descriptor 0")
    elif addresses and unix_path(addresses[0]) is None and pool.keys.probe is not None:
        text = "needs a unix socket with a foreign program: at a TCP port programs of before would answer"
        yield pool.node.problem_of("probe", text=text)


def listen_node(pool: Node, index: int) -> Node:
    """The mapping of one listener."""
    listen = pool.child("listen")
    assert listen is not None and isinstance(listen.value, list)
    return listen.value[index]
