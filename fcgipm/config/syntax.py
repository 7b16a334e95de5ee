"""YAML's own errors, in plain words."""

from __future__ import annotations

import yaml

_WORDS = (
    ("character '\\t'", "a tab cannot stand here: indent with spaces"),
    ("cannot start any token", "this character must stand in quotes at the start of a text"),
    (
        "mapping values are not allowed",
        "a `key:` cannot stand here: check the indentation, or put a text that holds `: ` in quotes",
    ),
    (
        "could not find expected ':'",
        "`key: value` was expected: a colon and a space after the key, or the indentation, are missing",
    ),
    ("expected <block end>", "this line is indented differently from the lines it belongs to"),
    (
        "expected ',' or ']'",
        "the list in [ ] is not closed, or a comma is missing before this (`${NAME}` inside [ ] needs quotes)",
    ),
    (
        "expected ',' or '}'",
        "the mapping in { } is not closed, or a comma is missing before this (`${NAME}` inside { } needs quotes)",
    ),
    ("unexpected end of stream", "the quotes that begin above are never closed"),
    ("node content, but found '<stream end>'", "the file ends inside [ ] or { }: close it"),
    ("node content, but found ':'", "a text that begins with a colon needs quotes here"),
    ("undefined alias", "this alias (`*name`) has no anchor (`&name`) before it"),
    ("duplicate anchor", "this anchor (`&name`) was given before: choose another name"),
    ("but found another document", "a second document begins here (`---`): a configuration is one document"),
    (
        "unknown escape character",
        'the text in " " has a \\ before a character that needs none: write \\\\ or use single quotes',
    ),
)


def plain_words(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, said with the file in mind."""
    said = " ".join(part for part in (error.context, error.problem) if part)
    for phrase, words in _WORDS:
        if phrase in said:
            return words
    return f"this is not valid YAML ({said})"


def mark_of(error: yaml.MarkedYAMLError) -> tuple[int, int]:
    """Line and column, from 1."""
    mark = error.problem_mark or error.context_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
