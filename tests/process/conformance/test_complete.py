"""Every case of sections A to H, 1 to 142, is named by some test: by its function (``test_a03_…``, ``test_b22_b23_…``) or a parameter's id (``"A3"``)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]

FIRST = {"a": 1, "b": 19, "c": 31, "d": 47, "e": 65, "f": 78, "g": 92, "h": 110, "i": 143}
CASES = {
    (section, number)
    for (section, first), end in zip(FIRST.items(), [*FIRST.values()][1:], strict=False)
    for number in range(first, end)
}


def strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def named(path: Path) -> Iterator[tuple[str, int]]:
    """The cases a test file names: in functions' names, and in ids inside their decorators or the lists these take."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for section, number in re.findall(r"(?<![a-z0-9])([a-h])(\d+)(?![a-z0-9])", node.name):
                yield section, int(number)
    for text in strings(tree):
        if found := re.match(r"([A-H])(\d{1,3})(?:\D.*)?$", text):
            yield found[1].lower(), int(found[2])


def test_every_case_is_named() -> None:
    found = {case for path in TESTS.rglob("test_*.py") if path != Path(__file__) for case in named(path)}
    missing = sorted(CASES - found, key=lambda case: case[1])
    assert not missing, f"no test names {', '.join(f'{section.upper()}{number}' for section, number in missing)}"


def test_no_case_is_misnamed() -> None:
    """A number under the wrong letter would hide a missing one."""
    wrong = {
        (path.name, f"{section.upper()}{number}")
        for path in (TESTS / "process" / "conformance").glob("test_*.py")
        for section, number in named(path)
        if (section, number) not in CASES and path != Path(__file__)
    }
    assert not wrong, wrong
