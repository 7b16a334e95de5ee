"""The log's own writer."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from fcgipm.master.lines import LineSplitter
from fcgipm.master.log import Log, timestamp
from fcgipm.orders import WARNING
from fcgipm.system.errors import SystemProblem


def test_text(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"))
    log.info("ready")
    log.warning("slow", "web")
    log.write("info", "the line", "web", 1234)
    lines = (tmp_path / "log").read_text().splitlines()
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
    expected = ["info ready", "warning web: slow", r"info web\[1234\]: the line"]
    assert len(lines) == 3
    for line, rest in zip(lines, expected, strict=True):
        assert re.fullmatch(stamp + rest, line)


def test_json(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), form="json")
    log.write("error", 'say "ü"', "web", 7)
    log.info("x")
    first, second = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert first.pop("time") and first == {"level": "error", "message": 'say "ü"', "pool": "web", "pid": 7}
    assert set(second) == {"time", "level", "message"}


def test_levels(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), level="warning")
    log.debug("1")
    log.info("2")
    log.warning("3")
    log.error("4")
    assert [line.split()[-1] for line in (tmp_path / "log").read_text().splitlines()] == ["3", "4"]


def test_what_processes_write_is_written_whatever_the_level(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), level="error")
    log.output("Traceback", "web", 7)
    assert (tmp_path / "log").read_text().endswith(" info web[7]: Traceback\n")


def test_what_a_worker_calls_a_warning_is_one(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"))
    for line in LineSplitter().feed(f"{WARNING}Traceback\nmind {WARNING}\n".encode()):
        log.output(line, "web", 7)
    first, second = (tmp_path / "log").read_text().splitlines()
    assert first.endswith(" warning web[7]: Traceback") and second.endswith(" info web[7]: mind \\x1f")


def test_reopen_after_rotation_loses_nothing(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"))
    log.info("one")
    (tmp_path / "log").rename(tmp_path / "log.1")
    log.info("two")
    log.reopen()
    log.info("three")
    assert (tmp_path / "log.1").read_text().count("\n") == 2
    assert (tmp_path / "log").read_text().count("\n") == 1


def test_a_file_that_cannot_be_reopened_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = Log(str(folder / "log"))
    (folder / "log").rename(tmp_path / "kept")
    folder.rmdir()
    assert log.reopen() == f"cannot open the log file {folder / 'log'}: No such file or directory"
    log.info("goes on")
    assert (tmp_path / "kept").read_text().endswith(" info goes on\n")


def test_a_full_disk_is_survived() -> None:
    log = Log("/dev/full")
    log.info("lost")


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(SystemProblem, match="cannot open the log file .*: No such file"):
        Log(str(tmp_path / "none" / "log"))


def test_timestamps_are_utc_with_milliseconds() -> None:
    assert timestamp(0.5) == "1970-01-01T00:00:00.500Z"
    assert timestamp(1795348800.9996) == "2026-11-22T12:00:00.999Z"


def test_the_file_is_not_for_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Log(str(tmp_path / "log"))
    finally:
        os.umask(before)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o640


def test_under_systemd_each_line_begins_with_its_level(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    file = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{file.st_dev}:{file.st_ino}")
    log = Log(level="debug")
    for level in ("debug", "info", "warning", "error"):
        log.write(level, "x")
    Log(form="json").info("y")
    prefixes = [line[:3] for line in capfd.readouterr().err.splitlines()]
    assert prefixes == ["<7>", "<6>", "<4>", "<3>", '{"t']


def test_a_journal_that_is_not_ours(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The variable is inherited by whatever a service starts, also with its output led elsewhere."""
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    Log().info("x")
    assert not capfd.readouterr().err.startswith("<")
    file = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{file.st_dev}:{file.st_ino}")
    Log(str(tmp_path / "log")).info("x")
    assert not (tmp_path / "log").read_text().startswith("<")
