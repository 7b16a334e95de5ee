"""What has been made of values that come again and again."""

from __future__ import annotations

from typing import Callable, Dict, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MOST = 1000
"""Values that are remembered; one more, and it begins anew."""


class Memo(Dict[K, V]):
    """``memo.get(value) or memo.learn(value)`` is what `make` makes of it, which is never false. Values that do not `fit` are made each time: what
    clients send may be long. (With ``__missing__`` it would be ``memo[value]``, which runs 290 instructions instead of 200: brackets of a dict's subclass.)"""

    def __init__(self, make: Callable[[K], V], fits: Callable[[K], bool]) -> None:
        super().__init__()
        self._make = make
        self._fits = fits

    def learn(self, value: K) -> V:
        made = self._make(value)
        if self._fits(value):
            if len(self) >= MOST:
                self.clear()
            self[value] = made
        return made


def short(text: str) -> bool:
    """Fits: 200 characters. A full Memo holds some 400 KB, and 1.5 MB where each character is written as an escape of six."""
    return len(text) <= 200
