"""What wrk prints, as figures."""

from __future__ import annotations

import pytest
from benchmarks.processes import BenchError
from benchmarks.wrk import Load, milliseconds, parse

PRINTED = """\
Running 3s test @ http://127.0.0.1:18099/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   732.45us    1.74ms  29.09ms   90.50%
    Req/Sec     9.91k   198.56     1.32k    99%
  Latency Distribution
     50%  405.00us
     75%    1.29ms
     90%    2.69ms
     99%   16.62ms
  29914 requests in 3.00s, 4.14MB read
{trouble}Requests/sec:   9971.33
Transfer/sec:      1.38MB
"""


def test_a_clean_run() -> None:
    assert parse(PRINTED.format(trouble="")) == Load(29914, 9971.33, p50_ms=0.405, p99_ms=16.62, bad=0)


def test_bad_replies_and_socket_errors_are_counted() -> None:
    trouble = "  Socket errors: connect 1, read 20, write 300, timeout 4000\n  Non-2xx or 3xx responses: 50000\n"
    assert parse(PRINTED.format(trouble=trouble)).bad == 54321


@pytest.mark.parametrize(
    ("text", "expected"), [("813.00us", 0.813), ("1.27ms", 1.27), ("2.10s", 2100), ("1.50m", 90000)]
)
def test_times(text: str, expected: float) -> None:
    assert milliseconds(text) == pytest.approx(expected)


def test_a_run_that_printed_no_figures_shows_what_it_printed() -> None:
    with pytest.raises(BenchError, match="unable to connect"):
        parse("unable to connect to 127.0.0.1:1")
