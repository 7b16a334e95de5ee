"""The list of what happened lately."""

from __future__ import annotations

import pytest

from fcgipm.report.events import ALL, STACK_LIMIT, TEXT_LIMIT, Event, Events, latest
from fcgipm.report.text import ansi, events_text
from tests.unit.report.snapshots import SNAPSHOT


def event(at: str, kind: str = "crash", text: str = "x", stack: str | None = None) -> Event:
    return Event(at, "web", kind, text, 7, stack)


def test_the_oldest_go_and_the_counts_stay() -> None:
    events = Events(capacity=3)
    for number in range(10):
        events.post(event(str(number)))
    assert [one.at for one in events.kept] == ["7", "8", "9"]
    assert events.counts["crash"] == 10 and events.counts["reload"] == 0


def test_nobody_fills_the_memory_with_one_event() -> None:
    events = Events()
    events.post(event("1", text="x" * 10**6, stack="y" * 10**6))
    (kept,) = events.kept
    assert (len(kept.text), len(kept.stack or "")) == (TEXT_LIMIT, STACK_LIMIT)


def test_an_unknown_kind_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Events().post(event("1", kind="party"))


def test_several_pools_in_order_of_time() -> None:
    assert [one.at for one in latest([[event("1"), event("4")], [event("2"), event("3")]], 3)] == ["2", "3", "4"]


def test_what_concerns_all_pools_is_one_event_and_shown_with_each() -> None:
    everywhere = Event("3", ALL, "reload", "failed: no")
    snapshot = SNAPSHOT._replace(events=(event("1"), event("2")._replace(pool="api"), everywhere))
    assert snapshot.of("web").events == (event("1"), everywhere) and snapshot.of("api").events[-1] is everywhere
    assert events_text([everywhere._asdict()]) == "3 all pools reload: failed: no\n"
    assert "\x1b[31mreload\x1b[0m" in events_text([everywhere._asdict()], ansi)
    assert "\x1b[31m" not in events_text([everywhere._replace(text="web: generation 2 serves")._asdict()], ansi)
