"""A short run of the fuzzer, and everything that longer ones found."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).parent / "corpus"
NAMES = ["codec", "params", "head", "config"]
INPUTS = {"codec": 5000, "params": 5000, "head": 10000, "config": 1000}


@pytest.mark.parametrize("name", NAMES)
def test_what_was_found_stays_mended(name: str) -> None:
    from fuzzing.targets import TARGETS

    files = sorted((CORPUS / name).glob("*"))
    assert files
    for file in files:
        TARGETS[name].run(file.read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_no_input_raises(name: str, tmp_path: Path) -> None:
    """In a process of its own: what is counted must not have been imported before."""
    done = subprocess.run(
        [ROOT / "scripts" / "fuzz", name, "--inputs", str(INPUTS[name]), "--corpus", tmp_path], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{INPUTS[name]:,} of {INPUTS[name]:,} inputs" in done.stdout
    assert list((tmp_path / name).iterdir()), "nothing new was reached, from a few seeds"


def test_it_finds_what_is_hidden_behind_a_few_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fuzzing.engine import Fuzzer
    from fuzzing.statements import Statements

    picky = "def run(data):\n    if data[:1] == b'{':\n        if data[1:2] == b'}':\n            raise ValueError('found')\n        return\n"
    (tmp_path / "picky_target.py").write_text(picky)
    monkeypatch.syspath_prepend(str(tmp_path))
    statements = Statements(["picky_target.py"])
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:])
    statements.install()
    fuzzer = Fuzzer(importlib.import_module("picky_target").run, [b""], statements, seed=1)
    assert any(isinstance(fuzzer.step()[1], ValueError) for _ in range(20000))
    assert statements.count() == len(statements.reached) == 4
