"""Short forms spelled out, so that there is one shape to check: `workers: 4`, `listen: ADDRESS`, `control: PATH`, numbers and booleans in `env`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fcgipm.config.node import Node


def spell_out(root: Node) -> None:
    """Change a file's tree to its long form, in place."""
    _rewrite(root, "control", lambda node: _mapping(node, "path"))
    http = root.child("http")
    for server in http.value if http and isinstance(http.value, list) else []:
        _rewrite(server, "listen", lambda node: _mapping(node, "address"))
    status = root.child("status")
    if status:
        _rewrite(status, "listen", lambda node: _mapping(node, "address"))
    defaults = root.child("defaults")
    pools = root.child("pools")
    for pool in ([defaults] if defaults else []) + [node for _, node in (pools.items() if pools else [])]:
        _pool(pool)


def _pool(pool: Node) -> None:
    _rewrite(pool, "workers", _workers)
    _rewrite(pool, "listen", _listen)
    environment = pool.child("env")
    for _, variable in environment.items() if environment else []:
        if not isinstance(variable.value, (dict, list)):
            variable.value = variable.text


def _rewrite(parent: Node, key: str, rule: Callable[[Node], Node]) -> None:
    child = parent.child(key)
    if child is not None and isinstance(parent.value, dict):
        parent.value[key] = rule(child)


def _mapping(node: Node, *keys: str) -> Node:
    return node if isinstance(node.value, (dict, list)) else node.become(dict.fromkeys(keys, node))


def _workers(node: Node) -> Node:
    """A number alone also says that it does not change; `is_number` knows this mapping again."""
    spelled = _mapping(node, "min", "max")
    if spelled is not node:
        assert isinstance(spelled.value, dict)
        spelled.value["mode"] = replace(node, value="static", text="static")
    return spelled


def is_number(workers: Node) -> bool:
    """Whether `workers` was a number: only then its mode stands at its own path."""
    mode = workers.child("mode")
    return mode is not None and mode.path == workers.path


def _listen(node: Node) -> Node:
    if not isinstance(node.value, list):
        return node.become([_mapping(node, "address")])
    return node.become([_mapping(item, "address") for item in node.value])
