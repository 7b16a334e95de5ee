"""Repeated lines of the daemon's log."""

from __future__ import annotations

from pathlib import Path

from fcgipm.master.folding import Folding
from fcgipm.master.log import Log


def test_the_first_at_once_then_a_count_each_second() -> None:
    folding = Folding()
    assert folding.take("a", 0.0) == (0, True)
    assert [folding.take("a", at) for at in (0.1, 0.5, 0.9)] == [(0, False)] * 3
    assert folding.take("a", 1.0) == (4, False)
    assert folding.take("a", 1.5) == (0, False)
    assert folding.take("b", 1.6) == (1, True)
    assert folding.take("a", 1.7) == (0, True)


def test_another_line_brings_the_count(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"))
    for _ in range(1000):
        log.error("no room", "web")
    log.output("hello", "web", 7)
    log.output("hello", "web", 7)
    said = [line.partition(" ")[2] for line in (tmp_path / "log").read_text().splitlines()]
    assert said == ["error web: no room", "error web: repeated 999 times: no room", "info web[7]: hello", "info web[7]: hello"]
