"""A request that is interrupted at any instant: its result is closed, its response is a 504, cut or complete, and the next one knows nothing of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("seed", [1, 2])
def test_thousands_of_requests_under_fire(seed: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.hammer", "10000", str(seed)], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["faults"] == []
    assert told["expired"] > 100, "the hammer has hit"
