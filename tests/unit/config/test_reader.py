from __future__ import annotations

import time

import pytest

from fcgipm.config.node import plain
from fcgipm.config.reader import SIZE_LIMIT, VALUE_LIMIT
from tests.unit.config.given import document


def said(text: str | bytes) -> list[str]:
    return [str(problem) for problem in document(text).problems]


def values(text: str) -> object:
    found = document(text)
    assert not found.problems and found.root is not None
    return plain(found.root)


def test_plain_data() -> None:
    assert values("a: {b: [1, off, 'true', 1:30]}\nc: |\n  x\n  y\n") == {
        "a": {"b": [1, "off", "true", "1:30"]},
        "c": "x\ny\n",
    }


def test_keys_are_texts_as_written() -> None:
    assert values("pools:\n  80: {}\n  off: {}\n  0660: {}\n") == {"pools": {"80": {}, "off": {}, "0660": {}}}


def test_anchors_and_aliases_repeat_values_each_at_its_own_path() -> None:
    root = document("a: &x {k: 1}\nb: *x\n").root
    assert root is not None and plain(root) == {"a": {"k": 1}, "b": {"k": 1}}
    below = root.child("b")
    assert below is not None and below.path == ("b",) and below.items()[0][1].path == ("b", "k")


def test_a_byte_order_mark_is_no_character() -> None:
    assert document(b"\xef\xbb\xbfa: 1\n").root is not None


def test_positions_count_characters_from_one() -> None:
    root = document("a:\n  ключ:   значение\n").root
    assert root is not None
    below = root.child("a")
    assert below is not None
    node = below.items()[0][1]
    assert (node.key.line, node.key.column) == (2, 3)
    assert (node.place.line, node.place.column) == (2, 11)


@pytest.mark.parametrize(
    ("text", "place", "phrase"),
    [
        ("", "1:1", "the file is empty"),
        ("# only a comment\n", "1:1", "the file is empty"),
        ("---\n...\n", "1:1", "the file is empty"),
        ("~", "1:1", "the file is empty"),
        ("- a\n", "1:1", "not a list"),
        ("just text", "1:1", 'not "just text"'),
        ("a: [1,\n", "2:1", "the file ends inside [ ] or { }"),
        ("a: {b: 1\nc: 2\n", "2:2", "not closed"),
        ("a: {b: ${C}}\n", "1:9", "needs quotes"),
        ("a:\n\tb: 1\n", "2:1", "indent with spaces"),
        ("a: b: c\n", "1:5", "check the indentation"),
        ("a: 1\n b: 2\n", "2:3", "check the indentation"),
        ("a:\n  - 1\n b: 2\n", "3:2", "indented differently"),
        ("a\nb: 1\n", "2:2", "check the indentation"),
        ("a: 1\nb\n", "3:1", "`key: value` was expected"),
        ("a: 'x\n", "2:1", "never closed"),
        ('a: "\\q"\n', "1:6", "write \\\\"),
        ("a: @x\n", "1:4", "in quotes"),
        ("a: [::1]\n", "1:5", "begins with a colon needs quotes"),
        ("a: *x\n", "1:4", "has no anchor"),
        ("a: 1\n---\nb: 2\n", "2:1", "a second document"),
        (b"a: \xff\n", "1:4", "byte 0xff is not UTF-8"),
        ("ä: 1\nb: ".encode() + b"\xe4\n", "2:4", "byte 0xe4 is not UTF-8"),
        ("a: 1\n".encode("utf-16"), "1:1", "is not UTF-8"),
        (b"a: 1\nb: \x00\n", "2:4", "U+0000"),
        (b"a: \x1b[0m\n", "1:4", "U+001B"),
        ('a: "\\UFFFFFFFF"\n', "1:7", "means no character"),
        ("%YAML " + "9" * 5000 + ".1\n---\na: 1\n", "1:", ""),
        ("a: &a [*a]\n", "1:4", "aliases repeat"),
        ("a: &a\n  b: *a\n", "2:3", "aliases repeat"),
        ("[" * 100_000, "1:33", "32 levels"),
        ("{a: " * 100_000, "1:", "32 levels"),
        ("a:\n" + "".join(" " * depth + "- \n" for depth in range(2, 200)), "", "32 levels"),
        (b"a: 1\n" * (SIZE_LIMIT // 4), "1:1", "larger than 1 MiB"),
    ],
)
def test_files_that_have_no_values(text: str | bytes, place: str, phrase: str) -> None:
    """One problem, located, and no exception whatever the file holds."""
    found = document(text)
    assert found.root is None
    (line,) = (str(problem) for problem in found.problems)
    assert line.startswith(f"fcgipm.yaml:{place}") and phrase in line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1: a: given twice, first in line 1: keep one"),
        ("a:\n  'b': 1\n  b: 2\n", "3:3: a.b: given twice, first in line 2: keep one"),
        (
            "a: !!python/object/apply:os.system [id]\n",
            '1:4: a: the tag "tag:yaml.org,2002:python/object/apply:os.system" has no meaning',
        ),
        ("a: !!int '5'\n", '1:4: a: the tag "tag:yaml.org,2002:int" has no meaning'),
        ("a: [x, !y {}]\n", '1:8: a.1: the tag "!y" has no meaning'),
        (
            "a: &x {k: 1}\nb:\n  <<: *x\n",
            "3:3: b: merging with `<<` is not supported: put what pools share into `defaults:`",
        ),
        ("a:\nb: 1\n", "1:3: a: has no value"),
        ("? [a]\n: 1\n", "1:3: a key must be a simple text"),
        ("a:\n  ? {a: b}\n  : 1\n", "2:5: a: a key must be a simple text"),
        ("a: [1, ~]\n", "1:8: a.1: has no value"),
        ("a: ${NONE}\n", "1:4: a: the environment variable NONE is not set"),
        ('a: "x\\0y"\n', "1:4: a: holds a NUL character"),
        ('a: "\\uD800"\n', "1:4: a: holds half a character"),
    ],
)
def test_problems_of_single_values(text: str, line: str) -> None:
    """The rest of the file is read on."""
    found = document(text)
    assert found.root is not None
    assert [str(problem).startswith(f"fcgipm.yaml:{line}") for problem in found.problems] == [True], said(text)


def test_a_text_tag_is_harmless() -> None:
    assert values("a: !!str 5\n") == {"a": "5"}


def test_every_problem_is_found() -> None:
    assert len(said("a: ${X}\nb:\nc: !y z\nd: 1\nd: 2\ne: [~, ~]\n")) == 6


def test_an_alias_bomb_ends_soon_and_small() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    before = time.process_time()
    (line,) = said("\n".join(lines))
    assert "aliases repeat" in line
    assert time.process_time() - before < 10


def test_as_many_values_as_are_allowed() -> None:
    assert "aliases repeat" not in str(said("a: [" + "1, " * (VALUE_LIMIT // 5) + "1]"))


def test_a_variable_of_a_plain_scalar_has_the_type_of_its_value() -> None:
    root = document("a: ${N}\nb: '${N}'\nc: ${OFF}\n", {"N": "4", "OFF": "off"}).root
    assert root is not None and plain(root) == {"a": 4, "b": "4", "c": "off"}
