"""The tree of a file: plain values that know where they stand.

A value's `path` is the one its author wrote: when a shorthand is spelled out (`workers: 4`) the new nodes keep the path and place of the
old one, so that every later error points at what is in the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fcgipm.config.errors import Path, Place, Problem, quoted

Scalar = str | int | float | bool


class Octal(int):
    """A number written with a leading zero: YAML 1.1 reads 0660 as 432, which hardly anybody means."""


@dataclass(slots=True)
class Node:
    """One value of the file."""

    path: Path
    place: Place
    key: Place
    """Where the value's key stands; for an item of a list, where the item stands."""
    value: dict[str, Node] | list[Node] | Scalar
    text: str = ""
    """A scalar as characters, variables replaced."""
    written: str = ""
    """A scalar as it stands in the file: what errors may show, since variables may hold secrets."""
    lost: set[str] = field(default_factory=set)
    """Keys that were here and have been reported and taken out: nothing more is said about them."""

    def child(self, key: str) -> Node | None:
        """The value below `key`, if this is a mapping that has it."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def items(self) -> list[tuple[str, Node]]:
        """The keys and values of a mapping; none for anything else."""
        return list(self.value.items()) if isinstance(self.value, dict) else []

    def become(self, value: dict[str, Node] | list[Node]) -> Node:
        """This node with another value, at the same path and place."""
        return Node(self.path, self.place, self.key, value, written=self.written, lost=self.lost)

    def problem(self, text: str) -> Problem:
        """A mistake in this value."""
        return Problem(self.place, self.path, text)

    def problem_of(self, *steps: str, text: str) -> Problem:
        """A mistake in the value at `steps` below, or, when nothing is written there, in its absence: that stands at the nearest key above."""
        node, rest = reach(self, steps)
        return Problem(node.key, (*node.path, *rest), text) if rest else node.problem(text)

    def describe(self) -> str:
        """The value in an error: never what a variable held."""
        if isinstance(self.value, dict):
            return "a mapping"
        if isinstance(self.value, list):
            return "a list"
        return quoted(self.written) if isinstance(self.value, str) else self.written


Plain = dict[str, "Plain"] | list["Plain"] | Scalar


def plain(node: Node) -> Plain:
    """The values alone."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def reach(node: Node, steps: Sequence[str | int]) -> tuple[Node, Sequence[str | int]]:
    """Follow `steps` as far as there are values: the last one, and the steps that are left."""
    for number, step in enumerate(steps):
        following = _step(node, step)
        if following is None:
            return node, steps[number:]
        node = following
    return node, ()


def _step(node: Node, step: str | int) -> Node | None:
    if isinstance(node.value, dict):
        return node.value.get(str(step))
    if isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    return None


def drop(root: Node, target: Node) -> None:
    """Take `target` out of the tree and remember its key in `lost`; a list that becomes empty goes with it."""
    for key, child in root.items():
        if child is target or (_without(child, target) and child.value == []):
            root.lost.add(key)
            assert isinstance(root.value, dict)
            del root.value[key]
        else:
            drop(child, target)


def _without(node: Node, target: Node) -> bool:
    if not isinstance(node.value, list):
        return False
    for item in node.value:
        drop(item, target)
    kept = [item for item in node.value if item is not target]
    changed = len(kept) < len(node.value)
    node.value[:] = kept
    return changed
