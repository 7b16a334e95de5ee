"""Keepers that stay: for whom, and how long."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fcgipm.master.channel import pair
from fcgipm.master.log import Log
from fcgipm.master.output import Output
from fcgipm.master.processes import TemplateProcess
from fcgipm.master.staying import GRACE, Staying

Given = tuple[Staying, "subprocess.Popen[bytes]", list[str]]


@pytest.fixture
def given(tmp_path: Path) -> Iterator[Given]:
    """One that stays and has said its last words, and the lines of its output that were heard."""
    lines: list[str] = []
    read_end, write_end = os.pipe2(os.O_NONBLOCK)
    staying = Staying("web", Log(str(tmp_path / "log")))
    with subprocess.Popen(["sh", "-c", "echo last words; exec sleep 60"], stdout=write_end, start_new_session=True) as process:
        os.close(write_end)
        ours, theirs = pair()
        staying.add(TemplateProcess(1, process.pid, ours, Output(read_end, lines.append)))
        select.select([read_end], [], [])
        yield staying, process, lines
        theirs.close()
        ours.close()
        os.close(read_end)
        process.kill()


def test_it_may_stay_as_long_as_there_are_workers(given: Given) -> None:
    staying, process, _lines = given
    for now in (0.0, 1000.0, 2000.0):
        staying.see_to(now, needed=True)
        assert staying.next_wakeup is None
    assert len(staying) == 1 and process.poll() is None


def test_without_any_it_has_a_time_to_end(given: Given, tmp_path: Path) -> None:
    staying, process, _lines = given
    staying.see_to(10.0, needed=False)
    assert staying.next_wakeup == 10.0 + GRACE
    staying.see_to(10.0 + GRACE / 2, needed=False)
    assert process.poll() is None
    staying.see_to(10.0 + GRACE, needed=False)
    assert process.wait(10) == -9
    assert f"web: keeper {process.pid} stays although its last copy is gone: killing it" in (tmp_path / "log").read_text()


def test_its_end_is_known_and_its_last_words_are_heard(given: Given) -> None:
    staying, process, lines = given
    process.kill()
    process.wait()
    assert not staying.exited(process.pid + 1) and staying.exited(process.pid) and not staying.exited(process.pid)
    assert not staying
    staying.see_to(1.0, needed=False)
    assert staying.next_wakeup is None
    assert lines == ["last words"]
