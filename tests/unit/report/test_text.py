"""The status for people."""

from __future__ import annotations

import pytest

from fcgipm.report.document import to_json
from fcgipm.report.text import duration, table, to_text
from tests.unit.report.snapshots import SNAPSHOT

EXPECTED = """\
fcgipm 0.1.0 degraded, pid 1, up 1d01h, /etc/fcgipm/fcgipm.yaml
POOL  STATE     GEN  WORKERS  MAX  IDLE  BUSY  QUEUE  REQUESTS  ACTIVE  FAILED  CRASHES  LISTEN
web   ready       1        3    3     2     1      7        12       1       1        2  unix:/run/fcgipm/web.sock [::1]:9000
api   degraded    1        0    2     0     0      7         0       0       0        2  unix:/run/fcgipm/web.sock [::1]:9000
api: degraded: ModuleNotFoundError: No module named 'api'
web: dynamic, target 3 of 2 to 3; +1: 2 waiting, all 2 busy; peak 3, max reached 5 times
web: connections rejected for breaking the protocol: 3
web: last reload 2026-11-22T11:00:00.000Z: failed: SyntaxError: no
http 127.0.0.1:8000 for web: running, pid 77
POOL  PID  GEN  STATE  REQUESTS  KEPT  UPTIME
web     2    1  busy         13     5   1h02m
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
    assert table(("A", "B"), []) == ""
