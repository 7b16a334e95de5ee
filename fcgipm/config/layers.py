"""Files → one configuration: each file checked for itself, `defaults` laid under every pool, all problems gathered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from fcgipm.config.errors import Problem
from fcgipm.config.model import ConfigFile, IncludedFile, Pool
from fcgipm.config.node import Node, drop, plain, reach
from fcgipm.config.reader import Document
from fcgipm.config.shorthand import is_number, spell_out
from fcgipm.config.words import problem_of

_Model = TypeVar("_Model", bound=BaseModel)

_BOUNDS = {"min", "max"}
_SCALING = {"mode", *_BOUNDS, "spare", "idle_timeout"}
_UNFIT = {"static": _SCALING - {"mode"}, "ondemand": {"min", "spare"}}
"""What a pool of this mode cannot use from defaults of another."""


@dataclass(slots=True)
class PoolLayers:
    """A pool with the defaults under it."""

    name: str
    node: Node
    keys: Pool

    def says(self, *steps: str) -> bool:
        """Whether the pool has the value at `steps` itself, rather than from the defaults."""
        found, missing = reach(self.node, steps)
        return not missing and found.path[:1] != ("defaults",)


@dataclass(slots=True)
class Layers:
    """What is right in the files. Check `problems` before use: what was wrong has been left out."""

    node: Node
    file: ConfigFile
    pools: list[PoolLayers]
    problems: list[Problem]


def lay(main: Document, included: Iterable[Document]) -> Layers:
    """Check and merge the files. `main.root` must exist."""
    assert main.root is not None
    problems = list(main.problems)
    file = _settled(main.root, ConfigFile, problems)
    defaults = main.root.child("defaults")
    named = dict(_pools_of(main.root))
    for document in included:
        problems += document.problems
        if document.root is not None:
            _settled(document.root, IncludedFile, problems)
            _add(named, document.root, problems)
    if "defaults" in main.root.lost:
        defaults = main.root.become({})
        defaults.lost = set(Pool.model_fields)
    pools = [_pool(name, _merged(defaults, node) if defaults else node) for name, node in named.items()]
    return Layers(main.root, file, pools, problems)


def patterns(main: Document) -> list[Node]:
    """The texts of `include`, as far as they are right."""
    include = main.root.child("include") if main.root else None
    items = include.value if include and isinstance(include.value, list) else []
    return [item for item in items if isinstance(item.value, str) and item.value]


def _settled(root: Node, model: type[_Model], problems: list[Problem]) -> _Model:
    """Report what is wrong below `root` and take it away, until the rest is right."""
    spell_out(root)
    while True:
        try:
            return model.model_validate(plain(root))
        except ValidationError as error:
            found = [problem_of(root, model, detail) for detail in error.errors(include_url=False)]
        for problem, node in found:
            assert node is not root, problem
            problems += [problem] if problem else []
            drop(root, node)


def _pools_of(root: Node) -> list[tuple[str, Node]]:
    pools = root.child("pools")
    return pools.items() if pools else []


def _add(named: dict[str, Node], root: Node, problems: list[Problem]) -> None:
    for name, node in _pools_of(root):
        if name in named:
            problems.append(
                Problem(node.key, node.path, f"a pool of this name is in {named[name].key} already: choose another")
            )
        else:
            named[name] = node


def _pool(name: str, node: Node) -> PoolLayers:
    return PoolLayers(name, node, Pool.model_validate(plain(node)))


def _merged(below: Node, above: Node) -> Node:
    """The keys of both, mappings merged; `above` wins."""
    if not isinstance(below.value, dict) or not isinstance(above.value, dict):
        return above
    value = {key: node for key, node in below.value.items() if key not in _hidden(below, above)}
    for key, node in above.value.items():
        value[key] = _merged(value[key], node) if key in value else node
    merged = above.become(value)
    merged.lost = above.lost | {key for key in below.lost if key not in above.value}
    return merged


def _hidden(below: Node, above: Node) -> set[str]:
    """Keys of the defaults' `workers` that a pool does away with by what it says in its own."""
    said = _SCALING & ({key for key, _ in above.items()} | above.lost)
    if above.path[-1:] != ("workers",) or not said:
        return set()
    mode, default = _mode(above), _mode(below)
    hidden = set() if mode == default else _UNFIT.get(str(mode), set())
    if default == "static" and (mode != "static" or said & _BOUNDS):
        hidden = hidden | _BOUNDS  # They are one number: half of it means nothing.
    return hidden | {"mode"} if is_number(below) else hidden


def _mode(workers: Node) -> object:
    mode = workers.child("mode")
    return mode.value if mode else None
