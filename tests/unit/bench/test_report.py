"""The table, the JSON and the picture of an outcome."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fcgipm.bench import picture, report
from fcgipm.bench.figures import Round, Rounds
from fcgipm.bench.ways import CGI, ways
from tests.unit.bench.test_figures import ONE

SLOW = ONE._replace(rate=8.4, p50_ms=950.0, cpu_ms=170.0, started=16)
FAST = ONE._replace(rate=12345.6, p50_ms=0.512, cpu_ms=0.0625, client_share=0.95, started=0)


@pytest.fixture(params=[True, False], ids=["nginx", "direct"])
def outcome(request: pytest.FixtureRequest) -> Rounds:
    return {way: [SLOW if way.interface == CGI else FAST] * 3 for way in ways(request.param)}


def test_the_table_has_every_way_and_says_what_it_means(outcome: Rounds) -> None:
    text = report.text(outcome)
    assert all(way.label in text for way in outcome)
    assert "requests ×1470, CPU ÷2720, wait ÷1855" in text
    assert "≥ 12,346" in text and "the load had no CPU left" in text
    assert "failed" not in text


def test_failures_are_told(outcome: Rounds) -> None:
    way = next(iter(outcome))
    assert "2 requests failed." in report.text({**outcome, way: [*outcome[way][1:], SLOW._replace(failed=2)]})


def test_the_document_has_every_figure(outcome: Rounds) -> None:
    made = json.loads(json.dumps(report.document(outcome, {"application": "site:app"})))
    assert made["application"] == "site:app"
    assert [row["way"] for row in made["rows"]] == [way.name for way in outcome]
    for row in made["rows"]:
        assert len(row["rounds"]) == 3
        assert len(row["rounds"][0]) == len(Round._fields)
        assert row["client_limits"] == (row["interface"] != "cgi")
    assert set(made["factors"]) == {way.door for way in outcome}


def test_figures_keep_what_means_something() -> None:
    assert [report.number(value) for value in (12345.6, 99.94, 3.14159, 0.0623)] == ["12,346", "99.9", "3.14", "0.062"]
    assert [report.times(value) for value in (143.2, 1.31)] == ["×143", "×1.3"]


def test_a_picture_of_each_kind(outcome: Rounds, tmp_path: Path) -> None:
    files = picture.files(tmp_path / "speed")
    assert [file.name for file in files] == ["speed.svg", "speed.png"]
    picture.draw(files, outcome, "$x$ & <b>", "$y_1$ at once")  # an application's name is no formula and no markup
    svg, png = (file.read_bytes() for file in files)
    assert png.startswith(b"\x89PNG") and b"<svg" in svg
    assert picture.PAPER.encode() in svg, "a sheet of its own colour, on a light page and on a dark one"
    picture.draw(files[:1], outcome, "$x$ & <b>", "$y_1$ at once")
    assert files[0].read_bytes() == svg, "the same figures make the same file"


def test_other_kinds_are_refused() -> None:
    assert picture.files(Path("a.png")) == [Path("a.png")]
    with pytest.raises(ValueError, match=".svg or .png"):
        picture.files(Path("a.gif"))
