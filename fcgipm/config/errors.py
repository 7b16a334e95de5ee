"""Problems of a configuration: where, which key, what is wrong and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Steps from the top of the file to a value: keys, and indices of lists from 0."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file: its name as people know it, and the absolute folder that its relative paths begin at."""

    name: str
    folder: str


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file; lines and columns count from 1, columns in characters. Line 0 is the file as a whole."""

    source: Source
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        name = printable(self.source.name)
        return f"{name}:{self.line}:{self.column}" if self.line else name


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake; its text is one line: `FILE:LINE:COLUMN: key.path: what is wrong, and what would be right`."""

    place: Place
    path: Path
    text: str

    def __str__(self) -> str:
        key = ".".join(printable(str(step)) for step in self.path)
        return ": ".join(part for part in (str(self.place), key, printable(self.text)) if part)


def in_order(problems: Iterable[Problem], sources: Iterable[Source]) -> list[Problem]:
    """Each problem once (a mistake in `defaults` would else appear for every pool), in the order of the files and their lines."""
    rank = {source: number for number, source in enumerate(sources)}
    return sorted(
        dict.fromkeys(problems),
        key=lambda problem: (rank.get(problem.place.source, len(rank)), problem.place.line, problem.place.column),
    )


def printable(text: str) -> str:
    """`text` on one line: what would move the cursor or is no character at all is shown escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def quoted(text: str, longest: int = 60) -> str:
    """A value as an error shows it: in quotes, shortened."""
    return '"' + (text if len(text) <= longest else text[: longest - 1] + "…") + '"'
