"""SECURITY.md claims nothing that no test proves."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "SECURITY.md").read_text()))
    source = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 20 and not named - set(re.findall(r"^def (test_\w+)", source, re.MULTILINE))


def test_every_claim_names_a_test() -> None:
    claims = re.findall(r"^- .*(?:\n  .*)*", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    assert claims and all("`test_" in claim for claim in claims)
