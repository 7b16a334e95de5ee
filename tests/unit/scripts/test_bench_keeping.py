"""--json of the benchmarks."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import NamedTuple

from benchmarks.keeping import keep, offer


class Figure(NamedTuple):
    rate: float
    parts: dict[str, tuple[int, ...]]


def test_named_figures_keep_their_names(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    offer(parser)
    file = tmp_path / "figures"
    keep(parser.parse_args(["--json", str(file)]), {"a": [Figure(1.5, {"b": (1, 2)})]})
    assert json.loads(file.read_text()) == {"a": [{"rate": 1.5, "parts": {"b": [1, 2]}}]}
    keep(parser.parse_args([]), None)
