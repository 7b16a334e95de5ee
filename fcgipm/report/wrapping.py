"""Long lines on a terminal: broken between words, and never in the middle of a style."""

from __future__ import annotations

import re

_STYLE = re.compile("\x1b\\[[0-9]+m")


def width(text: str) -> int:
    """Columns that a text of printable ASCII takes; its styles (ECMA-48, SGR) take none."""
    return len(_STYLE.sub("", text))


def wrapped(line: str, columns: int | None, indent: int) -> str:
    """The line, in as many lines of so many columns as it needs, all but the first indented. A word longer than a line is cut where the line ends."""
    if columns is None or width(line) <= columns:
        return line
    margin = " " * min(indent, columns // 3)
    done, current = [], ""
    for index, word in enumerate(line.split(" ")):
        if not word or not current.strip() or width(current) + 1 + width(word) <= columns:
            current += f" {word}" if index else word
        else:
            done.append(current)
            current = margin + word
        while width(current) > columns and not _STYLE.search(current):
            done.append(current[:columns])
            current = margin + current[columns:]
    return "\n".join([*(one.rstrip() for one in done), current])
