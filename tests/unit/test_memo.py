"""What is remembered is right, and bounded whatever clients send."""

from __future__ import annotations

from typing import TypeVar

from fcgipm.memo import MOST, Memo, short

K = TypeVar("K")
V = TypeVar("V")


def look_up(memo: Memo[K, V], value: K) -> V:
    return memo.get(value) or memo.learn(value)


def test_what_is_made_once_is_not_made_again() -> None:
    made: list[str] = []

    def make(text: str) -> int:
        made.append(text)
        return len(text)

    memo = Memo(make, short)
    assert [look_up(memo, text) for text in ("a", "bb", "a", "bb")] == [1, 2, 1, 2]
    assert made == ["a", "bb"]


def test_what_does_not_fit_is_made_each_time() -> None:
    memo = Memo(len, short)
    assert [look_up(memo, "x" * 201), look_up(memo, "x" * 200)] == [201, 200]
    assert list(memo) == ["x" * 200]


def test_it_never_holds_more_than_most() -> None:
    memo = Memo(str, lambda number: True)
    for number in range(3 * MOST):
        assert look_up(memo, number) == str(number)
        assert len(memo) <= MOST
