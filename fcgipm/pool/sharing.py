"""`max_workers`: one number of workers, shared by all pools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Claim(NamedTuple):
    """What one pool asks for: its `least`, workers `wanted` for its load of this moment, the most that was wanted `recently`, and workers that it would
    keep ready (`held`).

    What it has: workers that are `staying`, and others that are `leaving` and not gone yet.
    """

    least: int
    wanted: int
    held: int
    recently: int = 0
    staying: int = 0
    leaving: int = 0


def share(total: int, claims: Sequence[Claim]) -> list[int]:
    """Workers allowed to each pool, `total` at most unless their `least` already are more.

    Everybody gets its least. The rest goes first to what was wanted recently, up to an equal part of all, so that a pool which asks for everything does not
    take what its neighbour needs again a moment later; then to what is wanted, then to what is only held. Each time the pool that has the fewest is next, so
    that no pool gets more than another that still lacks something.
    """
    shares = [claim.least for claim in claims]
    part = total // len(claims)
    recently = [min(claim.recently, claim.held, part) for claim in claims]
    for wishes in (recently, [claim.wanted for claim in claims], [claim.held for claim in claims]):
        _fill(shares, wishes, total - sum(shares))
    return shares


def granted(total: int, claims: Sequence[Claim]) -> list[int]:
    """What each pool may have now: its share, but more than it has only as far as others have left already.

    Its `least` it may have in any case, and one worker if it wants any: the longest request of a neighbour must not keep a whole site waiting.
    """
    shares = share(total, claims)
    have = [min(one, claim.staying) for one, claim in zip(shares, claims, strict=True)]
    places = total - sum(claim.staying + claim.leaving for claim in claims)
    _fill(have, shares, max(0, places))
    return [max(one, claim.least, min(1, claim.wanted)) for one, claim in zip(have, claims, strict=True)]


def attainable(total: int, claims: Sequence[Claim], index: int) -> int:
    """Workers that the pool at `index` would be allowed if it wanted any number: whether it gains by asking for more."""
    claims = list(claims)
    claims[index] = claims[index]._replace(wanted=total, held=total)
    return share(total, claims)[index]


def _fill(shares: list[int], wishes: Sequence[int], rest: int) -> None:
    """Raise the lowest shares first, up to what each wishes, until nothing is left of `rest`."""
    while rest > 0:
        lacking = [index for index, wish in enumerate(wishes) if shares[index] < wish]
        if not lacking:
            return
        lowest = min(shares[index] for index in lacking)
        group = [index for index in lacking if shares[index] == lowest]
        ceiling = min([wishes[index] for index in group] + [shares[index] for index in lacking if shares[index] > lowest])
        step = max(1, min(ceiling - lowest, rest // len(group)))
        for index in group[: rest // step]:
            shares[index] += step
            rest -= step
