"""The figures of a run, as JSON in a file where one is asked for."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def offer(parser: argparse.ArgumentParser) -> None:
    """The option --json FILE."""
    parser.add_argument("--json", metavar="FILE", help="write the figures there")


def keep(options: argparse.Namespace, figures: Any) -> None:
    """Write them, if that was asked for. Named tuples become objects."""
    if options.json:
        Path(options.json).write_text(json.dumps(plain(figures), indent=1) + "\n")


def plain(figures: Any) -> Any:
    """The same in lists and dictionaries."""
    if hasattr(figures, "_asdict"):
        figures = figures._asdict()
    if isinstance(figures, dict):
        return {key: plain(value) for key, value in figures.items()}
    if isinstance(figures, (list, tuple)):
        return [plain(one) for one in figures]
    return figures
