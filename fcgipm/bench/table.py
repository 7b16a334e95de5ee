"""Rows of text as an aligned table."""

from __future__ import annotations

from collections.abc import Sequence


def render(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A head, a rule, and rows: the first column stands to the left, the others, which hold figures, to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [align(head, widths), "  ".join("-" * width for width in widths), *(align(row, widths) for row in rows)]
    return "\n".join(lines)


def align(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip()
