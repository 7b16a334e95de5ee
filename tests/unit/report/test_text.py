"""The status for people."""

from __future__ import annotations

import re

import pytest

from fcgipm.report.document import to_json
from fcgipm.report.events import Event
from fcgipm.report.snapshot import ListenerSnapshot, RunningSnapshot, StatusServerSnapshot
from fcgipm.report.text import Paint, ansi, bar, duration, escaped, events_text, plain, size, table, to_text
from fcgipm.report.wrapping import width, wrapped
from tests.unit.report.snapshots import HTTP, SNAPSHOT, WEB

EXPECTED = """\
fcgipm 0.1.0 degraded, pid 1, up 1d01h, /etc/fcgipm/fcgipm.yaml
web: ready, wsgi, generation 1, Python 3.11.7
  workers   [#..] 3 of 2 to 3: 2 idle, 1 busy; peak 3
  scaling   dynamic, target 3; +1: 2 waiting, all 2 busy; max reached 5 times
  queue     7/1024 unix:/run/fcgipm/web.sock, ?/? [::1]:9000
  requests  12 (9 2xx, 2 4xx, 1 5xx), 1 active, 1.5/s; p50 1.00ms, p90 2.00ms; 1 failed, 2 slow, 3 timed out, 4 aborted, 3 rejected connections
  exits     2 crash
  memory    PSS 4.9K, USS 3.9K, RSS 8.8K; template 9 PSS 7.8K
  reload    2026-11-22T11:00:00.000Z failed: SyntaxError: no
  PID  GEN  STATE  REQUESTS  KEPT  UPTIME   RSS  CPU  RUNS
    2    1  busy         13     5   1h02m  8.8K  12%  GET /slow 4.2s
api: degraded, wsgi, generation 1: ModuleNotFoundError: No module named 'api'
  workers   [  ] 0 of 2: 0 idle, 0 busy; peak 0
  queue     7/1024 unix:/run/fcgipm/web.sock, ?/? [::1]:9000
  requests  0, 0 active, 0.0/s
  exits     2 crash
  memory    PSS -, USS -, RSS -
http 127.0.0.1:8000 for web: running, pid 77
"""


def test_the_whole_text() -> None:
    assert to_text(to_json(SNAPSHOT)) == EXPECTED


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0s"), (4.25, "4.2s"), (59.9, "59.9s"), (60, "1m00s"), (187, "3m07s"), (18123, "5h02m"), (183600, "2d03h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_table_without_rows_is_nothing() -> None:
    assert table(("A", "B"), []) == []


def test_a_terminal_gets_colours_and_the_same_words() -> None:
    coloured = to_text(to_json(SNAPSHOT), ansi)
    assert "\x1b[32mready\x1b[0m" in coloured and "\x1b[31mdegraded\x1b[0m" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == EXPECTED


def test_nobody_commands_the_terminal() -> None:
    running = (RunningSnapshot("GET", "/\x1b[2J\x9b31m\n<script>\"'", 1.0),)
    web = SNAPSHOT.pools[0]._replace(processes=(SNAPSHOT.pools[0].processes[0]._replace(running=running),), reason="\x1b]0;owned\x07")
    shown = to_text(to_json(SNAPSHOT._replace(pools=(web,))))
    assert "GET /\\x1b[2J\\x9b31m\\n<script>\"' 1.0s" in shown
    assert shown.replace("\n", "").isprintable()


@pytest.mark.parametrize("counts", [(2, 1, 0, 0, 3), (0, 0, 0, 0, 2), (3, 7, 1, 2, 10), (100, 300, 50, 1, 400), (0, 1, 0, 0, 1000), (1, 0, 0, 0, 0)])
def test_the_bar_is_never_wider_than_its_box(counts: tuple[int, int, int, int, int]) -> None:
    idle, busy, starting, stopping, most = counts
    drawn = bar({"idle": idle, "busy": busy, "starting": starting, "stopping": stopping, "max": most, "total": idle + busy + starting + stopping})
    assert len(drawn) == min(40, max(most, idle + busy + starting + stopping))


def test_events_one_a_line_and_stacks_below() -> None:
    events = [Event("2026-11-22T12:00:00.123Z", "web", "slow", "GET /x took \x07 5 s", 7, "File a\nFile b\x1b")._asdict()]
    assert events_text(events) == "2026-11-22T12:00:00.123Z web[7] slow: GET /x took \\x07 5 s\n    File a\n    File b\\x1b\n"
    assert events_text([]) == ""


def test_sizes() -> None:
    assert [size(value) for value in (None, 0, 9000, 32_700_000, 1_600_000_000, 5 * 1024**5)] == ["-", "0.0K", "8.8K", "31.2M", "1.5G", "5120.0T"]


def test_what_is_printable_stays() -> None:
    assert escaped("/a?b=c %20~") == "/a?b=c %20~"


LONG_URI = RunningSnapshot("GET", "/" + "x" * 200, 4.25)


def shown(columns: int | None, *running: RunningSnapshot) -> list[str]:
    worker = WEB.processes[0]._replace(running=running, pid=4194303, requests=123456789)
    return to_text(to_json(SNAPSHOT._replace(pools=(WEB._replace(processes=(worker,)),))), columns=columns).splitlines()


def test_what_runs_is_cut_to_the_terminal() -> None:
    for columns, most in ((None, 140), (100, 100), (120, 120), (200, 200)):
        (row,) = [line for line in shown(columns, LONG_URI) if "GET /xxx" in line]
        assert row.startswith("  4194303 ") and len(row) <= most and row.endswith("... 4.2s")


def test_what_runs_stands_below_where_there_is_no_room_beside() -> None:
    lines = shown(80, LONG_URI)
    (at,) = [index for index, line in enumerate(lines) if line.startswith("  4194303 ")]
    assert lines[at].endswith("%") and lines[at - 1].endswith("CPU")
    assert lines[at + 1].startswith("    GET /xxx") and lines[at + 1].endswith("... 4.2s") and len(lines[at + 1]) == 80


def test_requests_that_do_not_fit_in_one_line_get_one_each() -> None:
    short = RunningSnapshot("GET", "/a", 1.0)
    lines = shown(160, short, short)
    assert any(line.endswith("  GET /a 1.0s, GET /a 1.0s") for line in lines)
    lines = shown(120, LONG_URI, short, LONG_URI)
    (at,) = [index for index, line in enumerate(lines) if line.startswith("  4194303 ")]
    where = lines[at].index("GET")
    assert [line[where:][:6] for line in lines[at : at + 3]] == ["GET /x", "GET /a", "GET /x"]
    assert lines[at + 1].strip() == "GET /a 1.0s" and max(map(len, lines)) <= 120


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("paint", [plain, ansi])
def test_no_line_is_longer_than_the_terminal_and_no_word_is_lost(columns: int, paint: Paint) -> None:
    name, path = "shop-" + "y" * 27, "/srv/" + "deep/" * 30 + "fcgipm.yaml"
    reason = "ModuleNotFoundError: No module named 'shop' " * 5
    pool = WEB._replace(name=name, reason=reason, listen=(ListenerSnapshot(f"unix:{path}"), *WEB.listen), state="degraded")
    event = Event("2026-11-22T12:00:00.123Z", name, "crash", reason, 7)
    document = to_json(SNAPSHOT._replace(pools=(pool,), config=path, http=(HTTP._replace(pid=None, state="failed", reason=reason),)))
    lines = (to_text(document, paint, columns) + events_text([event._asdict()], paint, columns)).splitlines()
    assert max(width(line) for line in lines if "y" * 27 not in line) <= columns
    squeezed = re.sub(r"\x1b\[\d+m|\s", "", "".join(lines))
    assert squeezed.count(path) == 2 and squeezed.count(re.sub(r"\s", "", reason)) == 3


def test_lines_are_broken_between_words_and_indented() -> None:
    assert wrapped("  queue     0/1 a, 0/1 b", 18, 12) == "  queue     0/1 a,\n      0/1 b"
    assert wrapped("short", 5, 4) == "short" and wrapped("anything at all", None, 4) == "anything at all"
    assert wrapped("one \x1b[31mtwo\x1b[0m three", 7, 2) == "one \x1b[31mtwo\x1b[0m\n  three"
    assert wrapped("x" * 25, 10, 2) == f"{'x' * 10}\n  {'x' * 8}\n  {'x' * 7}"


def test_a_worker_that_a_signal_stopped() -> None:
    document = to_json(SNAPSHOT._replace(pools=(WEB._replace(processes=(WEB.processes[0]._replace(stopped=True),)),)))
    assert "2 idle, 1 busy; peak 3; 1 stopped by a signal\n" in to_text(document)
    assert re.search(r"^ +2 +1  stopped +13 .* GET /slow 4.2s$", to_text(document), re.M)
    assert "\x1b[31mstopped\x1b[0m" in to_text(document, ansi)


def test_a_status_server_and_a_server_that_does_not_run() -> None:
    document = to_json(
        SNAPSHOT._replace(http=(HTTP._replace(pid=None, state="failed", reason="exited\x1b"),), status_server=StatusServerSnapshot("[::1]:9180", 5, "running"))
    )
    shown = to_text(document)
    assert "http 127.0.0.1:8000 for web: failed: exited\\x1b\n" in shown
    assert shown.endswith("status server [::1]:9180: running, pid 5\n")
