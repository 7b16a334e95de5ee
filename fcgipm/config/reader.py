"""Bytes of a YAML file → a tree of values that know where they stand, and every problem found on the way.

Needs PyYAML alone, so that a command may look up one key without loading the model. Safe against what a file can do to its reader: depth, number of values
(an alias repeats what it names, so a few lines can mean billions) and tags are limited.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from fcgipm.config.errors import Path, Place, Problem, Source, quoted
from fcgipm.config.node import Node
from fcgipm.config.scalars import VariableError, replaced, typed
from fcgipm.config.syntax import mark_of, plain_words

SIZE_LIMIT = 1 << 20
DEPTH_LIMIT = 32
VALUE_LIMIT = 50_000

_PLAIN, _QUOTED = "plain", "quoted"
_MAPPING, _LIST, _TEXT = (
    BaseResolver.DEFAULT_MAPPING_TAG,
    BaseResolver.DEFAULT_SEQUENCE_TAG,
    BaseResolver.DEFAULT_SCALAR_TAG,
)
_KNOWN_TAGS = frozenset({_PLAIN, _QUOTED, _MAPPING, _LIST, _TEXT})
_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What PyYAML counts as the end of a line."""


@dataclass(slots=True)
class Document:
    """A file that was read: `root` is its mapping, or None when it has none; `problems` may be there either way."""

    source: Source
    root: Node | None = None
    problems: list[Problem] = field(default_factory=list)


def read(source: Source, data: bytes, environ: Mapping[str, str]) -> Document:
    """The tree of a file; `environ` gives the values of `${NAME}`. Never raises: every mistake is in the document's problems."""
    builder = _Builder(source, environ)
    try:
        top = _compose(_decode(data))
        root = None if top is None else builder.build(top, (), _start(top))
    except _Stop as stop:
        builder.report(stop.mark, (), stop.text)
        root = None
    if root is not None and not isinstance(root.value, dict):
        builder.report(
            (root.place.line, root.place.column),
            (),
            f"a configuration is a mapping (`pools:` and so on), not {root.describe()}",
        )
        root = None
    elif root is None and not builder.problems:
        builder.report((1, 1), (), "the file is empty: a configuration needs `pools:` at least")
    return Document(source, root, builder.problems)


class _Stop(Exception):
    """Nothing more can be read from this file."""

    def __init__(self, mark: tuple[int, int], text: str) -> None:
        self.mark, self.text = mark, text


def _decode(data: bytes) -> str:
    if len(data) > SIZE_LIMIT:
        raise _Stop((1, 1), f"the file is larger than {SIZE_LIMIT >> 20} MiB: is it a configuration?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        raise _Stop(
            _position(before), f"byte 0x{data[error.start]:02x} is not UTF-8: save the file in this encoding"
        ) from None


def _position(before: str) -> tuple[int, int]:
    lines = _LINE_END.split(before)
    return len(lines), len(lines[-1]) + 1


class _Loader(Reader, Scanner, Parser, Composer, BaseResolver):
    """PyYAML as far as nodes. Its tags tell only how a scalar was written; explicit tags stay what they are and are refused later."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self.depth = 0

    def resolve(self, kind: type[yaml.Node], value: object, implicit: tuple[bool, bool]) -> str:
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _QUOTED
        return _MAPPING if kind is yaml.MappingNode else _LIST

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise _Stop(
                (mark.line + 1, mark.column + 1),
                f"more than {DEPTH_LIMIT} levels of nesting: no configuration needs them",
            )
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _compose(text: str) -> yaml.Node | None:
    loader = None
    try:
        loader = _Loader(text)
        node: yaml.Node | None = loader.get_single_node()
        if isinstance(node, yaml.ScalarNode) and node.tag == _PLAIN and typed(node.value) is None:
            return None  # `---` and nothing after it.
    except yaml.MarkedYAMLError as error:
        raise _Stop(mark_of(error), plain_words(error)) from None
    except ReaderError as error:
        raise _Stop(
            _position(text[: error.position]), f"the character U+{error.character:04X} cannot stand in YAML"
        ) from None
    except (ValueError, OverflowError):  # PyYAML on "\UFFFFFFFF" and the like
        mark = (loader.line + 1, loader.column + 1) if loader else (1, 1)
        raise _Stop(mark, "an escape or number here means no character") from None
    return node


def _start(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


class _Builder:
    """Nodes of PyYAML → ours."""

    def __init__(self, source: Source, environ: Mapping[str, str]) -> None:
        self.source, self.environ = source, environ
        self.problems: list[Problem] = []
        self.values = 0

    def report(self, mark: tuple[int, int], path: Path, text: str) -> None:
        self.problems.append(Problem(Place(self.source, *mark), path, text))

    def build(self, node: yaml.Node, path: Path, key: tuple[int, int]) -> Node | None:
        """Our node for `node`, or None after its problem was reported."""
        self.values += 1
        if self.values > VALUE_LIMIT or len(path) > DEPTH_LIMIT:
            raise _Stop(key, "aliases repeat so much here that the file has no end in sight: write the values out")
        ours = Node(path, Place(self.source, *_start(node)), Place(self.source, *key), "")
        if fault := _tag_fault(node) or self._fill(node, ours):
            self.report(_start(node), path, fault)
            return None
        return ours

    def _fill(self, node: yaml.Node, ours: Node) -> str | None:
        """Set the value; what is wrong with it, or None."""
        if isinstance(node, yaml.MappingNode):
            ours.value = self._mapping(node, ours)
        elif isinstance(node, yaml.SequenceNode):
            ours.value = self._list(node, ours)
        else:
            return self._scalar(node, ours)
        return None

    def _scalar(self, node: yaml.Node, ours: Node) -> str | None:
        try:
            ours.written, ours.text = node.value, replaced(node.value, self.environ)
        except VariableError as error:
            return str(error)
        value = typed(ours.text) if node.tag == _PLAIN else ours.text
        if value is None:
            return "has no value: give it one, or take the key away"
        ours.value = value
        return _text_fault(ours.text)

    def _list(self, node: yaml.SequenceNode, ours: Node) -> list[Node]:
        items = [self.build(item, (*ours.path, index), _start(item)) for index, item in enumerate(node.value)]
        if None in items:
            ours.lost.add("")
        return [item for item in items if item is not None]

    def _mapping(self, node: yaml.MappingNode, ours: Node) -> dict[str, Node]:
        values: dict[str, Node] = {}
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, ours.path, seen)
            if key is None:
                continue
            seen[key] = key_node.start_mark.line + 1
            value = self.build(value_node, (*ours.path, key), _start(key_node))
            if value is None:
                ours.lost.add(key)
            else:
                values[key] = value
        return values

    def _key(self, node: yaml.Node, path: Path, seen: dict[str, int]) -> str | None:
        """The key as text; None after its problem was reported."""
        if not isinstance(node, yaml.ScalarNode) or _text_fault(node.value):
            self.report(_start(node), path, "a key must be a simple text")
            return None
        key = str(node.value)
        if key in seen:
            self.report(_start(node), (*path, key), f"given twice, first in line {seen[key]}: keep one")
        elif key == "<<" and node.tag == _PLAIN:
            self.report(_start(node), path, "merging with `<<` is not supported: put what pools share into `defaults:`")
        else:
            return key
        return None


def _tag_fault(node: yaml.Node) -> str | None:
    if node.tag in _KNOWN_TAGS:
        return None
    return f"the tag {quoted(str(node.tag))} has no meaning in a configuration: take it away"


def _text_fault(text: str) -> str | None:
    if "\0" in text:
        return "holds a NUL character, which no text of a configuration can"
    if any("\ud800" <= char <= "\udfff" for char in text):
        return "holds half a character (a surrogate): write the character itself"
    return None
