"""What processes write that fail at their start, each compared with the last."""

from __future__ import annotations

from fcgipm.master.echo import MOST, Echo, LastFailure

TRACEBACK = ["Traceback (most recent call last):", '  File "shop.py", line 1', "ImportError: no"]


def told(last: LastFailure, lines: list[str], ready: bool = False) -> list[str]:
    """What the log gets of one process that writes these lines and then fails, or is ready."""
    log: list[str] = []
    echo = Echo(last, log.append)
    for line in lines:
        echo.hear(line)
    if ready:
        echo.ready()
        echo.hear("later")
    echo.failed()
    echo.failed()
    return log


def test_the_first_in_full_then_a_count_and_in_full_again_when_it_differs() -> None:
    last = LastFailure()
    assert told(last, TRACEBACK) == TRACEBACK
    assert told(last, TRACEBACK) == ["(the same 3 lines as the one before, 2 times in a row now)"]
    assert told(last, TRACEBACK) == ["(the same 3 lines as the one before, 3 times in a row now)"]
    other = [*TRACEBACK[:2], "ImportError: another"]
    assert told(last, other) == other
    assert told(last, other) == ["(the same 3 lines as the one before, 2 times in a row now)"]


def test_less_or_more_than_before_is_something_else() -> None:
    last = LastFailure()
    for lines in (TRACEBACK, TRACEBACK[:2], TRACEBACK, [*TRACEBACK, "and more"], TRACEBACK[:1]):
        assert told(last, lines) == lines


def test_what_differs_comes_at_once_with_what_was_held_back() -> None:
    last, log = LastFailure(), list[str]()
    told(last, TRACEBACK)
    echo = Echo(last, log.append)
    echo.hear(TRACEBACK[0])
    assert log == []
    echo.hear("something else")
    assert log == [TRACEBACK[0], "something else"]
    echo.hear("more")
    assert log[2:] == ["more"]


def test_who_is_ready_is_heard_in_full_and_ends_the_count() -> None:
    last = LastFailure()
    told(last, TRACEBACK)
    assert told(last, TRACEBACK[:2], ready=True) == [*TRACEBACK[:2], "later"]
    assert told(last, TRACEBACK) == TRACEBACK


def test_silence_is_not_counted() -> None:
    last = LastFailure()
    assert told(last, []) == told(last, []) == []


def test_what_is_remembered_is_bounded() -> None:
    last, flood = LastFailure(), ["x" * 1024] * (MOST // 1024 + 2)
    assert told(last, TRACEBACK) == TRACEBACK
    assert told(last, flood) == told(last, flood) == flood
    assert told(last, TRACEBACK) == TRACEBACK


def test_a_flood_of_empty_lines_is_not_remembered() -> None:
    last, flood = LastFailure(), [""] * (2 * MOST)
    for _ in range(2):
        assert told(last, flood) == flood
    assert not last.lines


def test_others_of_the_pool_may_fail_or_be_ready_meanwhile() -> None:
    for ready in (False, True):
        last, log = LastFailure(), list[str]()
        told(last, TRACEBACK)
        echo = Echo(last, log.append)
        echo.hear(TRACEBACK[0])
        told(last, ["another"], ready)
        assert log == []
        echo.failed()
        assert log == TRACEBACK[:1], "nothing that was held back is lost"
