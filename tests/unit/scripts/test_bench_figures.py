"""What the benchmark makes of its rounds: medians, ratios, the table, the aims."""

from __future__ import annotations

import json

from benchmarks import report
from benchmarks.backends import FCGIPM, FCGIPM_KEPT, FLUP_FORK, UWSGI, UWSGI_FASTCGI
from benchmarks.figures import Round, cpu_ratio, medians, rate_ratio

from fcgipm.bench.table import render


def rounds(*rates: float, bad: int = 0) -> list[Round]:
    """Rounds of these rates, which use two CPUs in full."""
    return [Round(rate, 2e6 / rate, 10.0, 0.5, 1.5, bad) for rate in rates]


def test_medians_take_each_figure_by_itself_and_count_every_bad_reply() -> None:
    figure = medians([Round(10, 3, 1, 7, 70, 1), Round(30, 1, 3, 9, 80, 0), Round(20, 2, 2, 8, 60, 4)])
    assert figure == Round(20, 2, 2, 8, 70, bad=5)


def test_a_ratio_compares_rounds_that_ran_side_by_side() -> None:
    """The machine was twice as slow in the second round, for both: the ratio does not notice."""
    assert rate_ratio(rounds(3000, 1500, 3000), rounds(2000, 1000, 2000)) == 1.5
    assert cpu_ratio(rounds(3000, 1500), rounds(2000, 1000)) == 2 / 3


def test_the_table_is_aligned_and_has_no_trailing_blanks() -> None:
    assert render(["name", "rate"], [["a", "1,000"], ["longer", "7"]]).splitlines() == [
        "name     rate",
        "------  -----",
        "a       1,000",
        "longer      7",
    ]


def test_the_report_states_ratios_and_aims() -> None:
    measured = {
        FCGIPM: rounds(1100, 1100),
        FCGIPM_KEPT: rounds(1500, 1500),
        UWSGI: rounds(1250, 1250),
        UWSGI_FASTCGI: rounds(1000, 1000),
        FLUP_FORK: rounds(550, 550),
    }
    lines = report.text(measured, others=0.0, stolen=0.0).splitlines()
    assert lines[2].split()[-3:] == ["1.10", "0.91", "0.88"]
    assert lines[-4:-1] == [
        "reached: fcgipm 1.10 x uWSGI, FastCGI (aim 1.0)",
        "missed : fcgipm 2.00 x flup fork (aim 2.5)",
        "missed : fcgipm, kept 1.20 x uWSGI, uwsgi protocol (aim 1.3)",
    ]
    assert "a quiet machine" in lines[-1]


def test_the_report_says_when_the_machine_was_busy() -> None:
    assert "provisional" in report.text({UWSGI: rounds(1000)}, others=0.6, stolen=0.0).splitlines()[-1]


def test_a_ratio_to_what_did_not_run_is_a_dash() -> None:
    row = report.text({FLUP_FORK: rounds(550)}, others=0.0, stolen=0.0).splitlines()[2]
    assert row.split()[-3:] == ["-", "-", "-"]


def test_the_document_has_every_round() -> None:
    document = json.loads(report.document({UWSGI: rounds(1000, 1200)}, 0.1, 0.2, {"rounds": 2}))
    assert [one["rate"] for one in document["rows"][0]["rounds"]] == [1000, 1200]
    assert document["rows"][0]["median"]["rate"] == 1100
