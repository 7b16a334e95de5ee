"""How a process ended, in words."""

from __future__ import annotations

import pytest

from fcgipm.ending import in_words


@pytest.mark.parametrize(
    ("code", "words"), [(0, "exited with status 0"), (3, "exited with status 3"), (-11, "was killed by SIGSEGV"), (-40, "was killed by signal 40")]
)
def test_in_words(code: int, words: str) -> None:
    assert in_words(code) == words
