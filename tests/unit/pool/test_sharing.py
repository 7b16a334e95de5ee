"""max_workers is dealt out fairly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgipm.pool.sharing import Claim, attainable, granted, share

CLAIMS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 40), st.integers(0, 40)).map(lambda n: Claim(n[0], sum(n[:2]), sum(n))),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize(
    ("total", "claims", "shares"),
    [
        (10, [Claim(1, 2, 3), Claim(1, 1, 1)], [3, 1]),
        (10, [Claim(2, 20, 20), Claim(2, 20, 20)], [5, 5]),
        (10, [Claim(2, 20, 20), Claim(2, 3, 3)], [7, 3]),
        (10, [Claim(0, 2, 10), Claim(0, 8, 8)], [2, 8]),  # What is only held gives way to what is needed.
        (10, [Claim(0, 2, 10), Claim(0, 5, 5)], [5, 5]),
        (10, [Claim(0, 2, 6, recently=4), Claim(0, 20, 20)], [4, 6]),  # What was needed a moment ago is not taken away,
        (10, [Claim(0, 2, 9, recently=9), Claim(0, 20, 20)], [5, 5]),  # up to an equal part.
        (4, [Claim(3, 3, 3), Claim(3, 9, 9)], [3, 3]),  # The least is never taken away.
    ],
)
def test_examples(total: int, claims: list[Claim], shares: list[int]) -> None:
    assert share(total, claims) == shares


@given(total=st.integers(0, 100), claims=CLAIMS)
def test_nobody_gets_less_than_its_least_or_more_than_it_asks_and_all_together_no_more_than_there_is(total: int, claims: list[Claim]) -> None:
    shares = share(total, claims)
    assert all(claim.least <= one <= claim.held for one, claim in zip(shares, claims, strict=True))
    assert sum(shares) <= max(total, sum(claim.least for claim in claims))


@given(total=st.integers(0, 100), claims=CLAIMS)
def test_nothing_lies_idle_while_somebody_lacks_it(total: int, claims: list[Claim]) -> None:
    shares = share(total, claims)
    lacking = [claim for one, claim in zip(shares, claims, strict=True) if one < claim.held]
    assert not lacking or sum(shares) >= total


@given(total=st.integers(0, 100), claims=CLAIMS)
def test_who_lacks_something_has_no_less_than_others_were_given_above_their_least(total: int, claims: list[Claim]) -> None:
    shares = share(total, claims)
    for one, claim in zip(shares, claims, strict=True):
        if one < claim.wanted:
            assert all(other <= max(one + 1, its.least) for other, its in zip(shares, claims, strict=True))


def test_attainable_is_what_asking_for_everything_would_bring() -> None:
    claims = [Claim(2, 3, 8), Claim(2, 2, 2), Claim(2, 20, 20)]
    assert [attainable(20, claims, index) for index in range(3)] == [9, 9, 15]
    assert share(20, [Claim(2, 20, 20), *claims[1:]])[0] == 9


@given(total=st.integers(0, 100), claims=CLAIMS)
def test_asking_for_everything_never_brings_less(total: int, claims: list[Claim]) -> None:
    for index, one in enumerate(share(total, claims)):
        assert attainable(total, claims, index) >= one


def test_a_place_is_granted_when_it_is_free_and_not_before() -> None:
    """One pool has all ten, busy; the other needs five: it gets each place when its worker has gone."""
    for staying, leaving in ((10, 0), (5, 5)):
        assert granted(10, [Claim(0, 10, 10, 0, staying, leaving), Claim(0, 5, 5)]) == [5, 1], "one in any case"
    assert granted(10, [Claim(0, 10, 10, 0, 5, 3), Claim(0, 5, 5)]) == [5, 2]
    assert granted(10, [Claim(0, 10, 10, 0, 5, 0), Claim(0, 5, 5, 0, 2, 0)]) == [5, 5]
    assert granted(10, [Claim(0, 10, 10, 0, 10, 0), Claim(2, 5, 5)]) == [5, 2], "the least is kept free for it in any case"


HAVING = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 9)).map(
        lambda n: Claim(n[0], sum(n[:2]), sum(n[:3]), n[4], n[3], n[4])
    ),
    min_size=1,
    max_size=6,
)


@given(total=st.integers(0, 100), claims=HAVING)
def test_never_more_than_the_share_and_no_growth_beyond_the_total(total: int, claims: list[Claim]) -> None:
    allowed, shares = granted(total, claims), share(total, claims)
    assert all(one <= max(most, 1) for one, most in zip(allowed, shares, strict=True))
    grown = [one - claim.staying for one, claim in zip(allowed, claims, strict=True) if one > max(claim.staying, claim.least, 1)]
    there = sum(claim.staying + claim.leaving for claim in claims)
    assert not grown or there + sum(grown) <= total
