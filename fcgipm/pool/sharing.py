"""`max_workers`: one number of workers, shared by all pools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Claim(NamedTuple):
    """What one pool asks for: its `least`, workers `wanted` for its load of this moment, and workers that it would keep ready (`held`)."""

    least: int
    wanted: int
    held: int


def share(total: int, claims: Sequence[Claim]) -> list[int]:
    """Workers allowed to each pool, `total` at most unless their `least` already are more.

    Everybody gets its least. The rest goes first to what is wanted, then to what is only held; each time the pool that has the fewest is next, so that
    no pool gets more than another that still lacks something.
    """
    shares = [claim.least for claim in claims]
    for wishes in ([claim.wanted for claim in claims], [claim.held for claim in claims]):
        _fill(shares, wishes, total - sum(shares))
    return shares


def attainable(total: int, claims: Sequence[Claim], index: int) -> int:
    """Workers that the pool at `index` would be allowed if it wanted any number: whether it gains by asking for more."""
    claims = list(claims)
    claims[index] = Claim(claims[index].least, total, total)
    return share(total, claims)[index]


def _fill(shares: list[int], wishes: Sequence[int], rest: int) -> None:
    """Raise the lowest shares first, up to what each wishes, until nothing is left of `rest`."""
    while rest > 0:
        lacking = [index for index, wish in enumerate(wishes) if shares[index] < wish]
        if not lacking:
            return
        lowest = min(shares[index] for index in lacking)
        for index in [index for index in lacking if shares[index] == lowest][:rest]:
            shares[index] += 1
            rest -= 1
