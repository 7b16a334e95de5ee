"""A short run of the fuzzer, and everything that longer ones found."""

from __future__ import annotations

from pathlib import Path

import pytest

CORPUS = Path(__file__).parent / "corpus"
NAMES = ["codec", "head", "config"]


@pytest.mark.parametrize("name", NAMES)
def test_what_was_found_stays_mended(name: str) -> None:
    from fuzzing.targets import TARGETS

    files = sorted((CORPUS / name).glob("*"))
    assert files
    for file in files:
        TARGETS[name].run(file.read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_no_input_raises(name: str) -> None:
    from fuzzing.engine import Fuzzer
    from fuzzing.targets import TARGETS

    fuzzer = Fuzzer(TARGETS[name], [], seed=1)
    for _ in range(500):
        data, error, _ = fuzzer.step()
        assert error is None, data


def test_it_finds_what_is_hidden_behind_a_few_bytes() -> None:
    from fuzzing.engine import Fuzzer
    from fuzzing.targets import Target

    def picky(data: bytes) -> None:
        if data[:1] != b"{":
            return
        if data[1:2] == b"}":
            raise ValueError("found")

    fuzzer = Fuzzer(Target(picky, (__file__,), (b"",)), [], seed=1)
    assert any(isinstance(fuzzer.step()[1], ValueError) for _ in range(20000))
