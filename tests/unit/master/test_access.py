"""The master's lines for requests that died with their worker, and its hold on the file."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fcgipm import scoreboard
from fcgipm.master.access import AccessFile, Answered
from fcgipm.master.log import Log
from fcgipm.system.errors import SystemProblem


@pytest.fixture
def board() -> memoryview:
    memory = memoryview(bytearray(scoreboard.size(2)))
    scoreboard.lay_out(memory, 2)
    return memory


@pytest.fixture
def access(tmp_path: Path) -> Iterator[AccessFile]:
    file = AccessFile({"file": str(tmp_path / "access"), "format": "json"}, "web", Log(str(tmp_path / "log")))
    yield file
    file.close()


def run(board: memoryview, slot: int, text: bytes, started: int, state: int = scoreboard.BUSY) -> None:
    words = scoreboard.words(board, slot)
    scoreboard.BEGIN.pack_into(words, scoreboard.BEGIN_AT, scoreboard.BUSY, 0, 1, started, text)
    words[scoreboard.STATE] = state


def told(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "access").read_text().splitlines()]


def test_a_line_for_each_thread_that_was_inside_a_request(access: AccessFile, board: memoryview, tmp_path: Path) -> None:
    run(board, 0, b"POST /a/b", time.monotonic_ns() - 2_000_000_000)
    run(board, 1, b"GET /over", time.monotonic_ns(), scoreboard.IDLE)
    access.died(77, board, range(2), {})
    (record,) = told(tmp_path)
    assert {name: record[name] for name in ("pool", "pid", "method", "uri", "status")} == {
        "pool": "web", "pid": 77, "method": "POST", "uri": "/a/b", "status": 502,
    }  # fmt: skip
    assert 2 <= record["duration"] < 60 and record["bytes_out"] is None


def test_what_a_worker_forges_on_its_scoreboard_stays_one_line(access: AccessFile, board: memoryview, tmp_path: Path) -> None:
    run(board, 0, b'GET /\r\n"x\x1b[31m?secret=1 \xff', 1 << 63)
    access.died(None, board, range(1), {})
    raw = (tmp_path / "access").read_bytes()
    assert raw.count(b"\n") == 1 and raw.isascii() and b"\x1b" not in raw and b"secret" not in raw
    (record,) = told(tmp_path)
    assert record["uri"] == '/\r\n"x\x1b[31m' and record["duration"] is None and record["pid"] == 0


def test_a_file_that_another_program_opened_is_kept_until_it_is_reopened(tmp_path: Path) -> None:
    with (tmp_path / "old").open("ab") as old:
        file = AccessFile({"file": str(tmp_path / "access"), "format": "json"}, "web", Log(str(tmp_path / "log")), os.dup(old.fileno()))
        assert os.path.sameopenfile(file.descriptors[0], old.fileno())
        file.reopen()
        assert not os.path.sameopenfile(file.descriptors[0], old.fileno())
    number = file.descriptors[0]
    file.close()
    file.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_one_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(SystemProblem, match="cannot open the access log"):
        AccessFile({"file": str(tmp_path / "missing" / "access"), "format": "json"}, "web", Log(str(tmp_path / "log")))


def test_who_had_a_status_before_the_end_has_a_line_with_it(access: AccessFile, board: memoryview, tmp_path: Path) -> None:
    run(board, 0, b"GET /stuck", 1000)
    run(board, 1, b"GET /beside", 1000)
    access.died(77, board, range(2), {0: Answered(504, 1000)})
    access.died(77, board, range(2), {0: Answered(0, 0), 1: Answered(200, 2000)})  # A worker may say anything.
    assert [(record["uri"], record["status"]) for record in told(tmp_path)] == [("/stuck", 504), ("/beside", 502), ("/stuck", 502), ("/beside", 200)]


def test_a_status_of_the_request_before_is_not_that_of_the_next(access: AccessFile, board: memoryview, tmp_path: Path) -> None:
    run(board, 0, b"GET /next", 3000)
    access.died(77, board, range(1), {0: Answered(504, 2000)})
    assert [(record["uri"], record["status"]) for record in told(tmp_path)] == [("/next", 502)]
