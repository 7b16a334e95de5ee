"""Requests from a file: both formats, and every mistake of a file at once, by its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation.recorded import SHOWN, RecordedError, moved_to_zero, read, scenario, spread
from simulation.site import Request

LOGGED = '10.0.0.1 - - [26/Nov/2026:03:51:{second:02} +0000] "GET / HTTP/1.1" 200 12 "-" "curl: [a]" {took}'


def requests(*lines: str) -> list[tuple[float, float]]:
    return [(round(one.at, 6), one.service) for one in moved_to_zero(spread(read(lines, "x")))]


@pytest.mark.parametrize("line", ["12.5,0.25", "12.5, 0.25", "12.5;0.25", "12.5\t0.25", "12.5  0.25", "  12.5 , 0.25 , more"])
def test_columns(line: str) -> None:
    assert requests("# recorded on Monday", "", line, "14.0 1e-3") == [(1.0, 0.25), (2.5, 0.001)]


def test_a_head_says_where_the_columns_are() -> None:
    assert requests('status, "Service", Arrival', "200,0.25,7", "500,0.5,5") == [(1.0, 0.5), (3.0, 0.25)]


def test_arrivals_need_not_be_in_order() -> None:
    assert requests("1732590002 0.1", "1732590000 0.2") == [(1.0, 0.2), (3.0, 0.1)]


def test_an_access_log_tells_when_requests_ended() -> None:
    """Two ended in the same second, so the later one half a second after the other; each began as much earlier as it took."""
    lines = [LOGGED.format(second=50, took="0.500"), LOGGED.format(second=50, took="0.250"), LOGGED.format(second=52, took="0.000")]
    assert requests(*lines) == [(1.0, 0.5), (1.75, 0.25), (3.5, 0.0)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("7", "1 column(s): write arrival and service time in seconds"),
        ("soon 0.1", "arrival 'soon' is no number: write seconds"),
        ("1.0 quick", "service time 'quick' is no number"),
        ("1.0 nan", "service time 'nan' is no number"),
        ("inf 0.1", "arrival 'inf' is no number"),
        ("1.0 -0.1", "service time -0.1 is negative"),
        (LOGGED.format(second=50, took="-"), "service time '-' is no number"),
        (LOGGED.format(second=77, took="0.1"), "[26/Nov/2026:03:51:77 +0000] is no time of an access log"),
    ],
)
def test_a_line_that_says_nothing_is_named_with_the_way_out(line: str, said: str) -> None:
    with pytest.raises(RecordedError) as caught:
        read(["0.0 0.1", line, "2.0 0.1"], "day.csv")
    (problem,) = caught.value.problems
    assert problem.startswith(f"day.csv:2: {said}")


def test_a_head_without_the_columns_is_named() -> None:
    with pytest.raises(RecordedError, match=r"day.csv:1: the head names when, took: name the two columns that count `arrival` and `service`"):
        read(["when,took", "1,2"], "day.csv")


def test_all_mistakes_are_told_at_once_up_to_a_limit() -> None:
    with pytest.raises(RecordedError) as caught:
        read(["1 0.1", *["1 x"] * (SHOWN + 5)], "day.csv")
    assert len(caught.value.problems) == SHOWN + 5
    assert str(caught.value).splitlines()[-1] == "and 5 more lines"


def test_a_file_that_is_not_there_or_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(RecordedError, match="cannot be read .No such file"):
        scenario(tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("# nothing\n\n")
    with pytest.raises(RecordedError, match="no request in it: a line is `arrival, service`"):
        scenario(tmp_path / "empty.csv")


@given(st.lists(st.text(max_size=20), max_size=8))
def test_whatever_is_in_a_file_it_is_read_or_told_by_line(lines: list[str]) -> None:
    problems: list[str] = []
    try:
        assert all(one.service >= 0 for one in read(lines, "x"))
    except RecordedError as error:
        problems = error.problems
    assert all(problem.startswith("x:") for problem in problems) and len(problems) <= len(lines)


def test_the_scenario_ends_after_the_last_answer(tmp_path: Path) -> None:
    (tmp_path / "day.csv").write_text("5,3\n6,1\n")
    one = scenario(tmp_path / "day.csv")
    assert one.name == "day" and one.requests == [Request(1.0, 3.0), Request(2.0, 1.0)] and one.seconds == 5.0
