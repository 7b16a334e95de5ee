"""The status without the master: what scoreboards tell, and nothing made up beside it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fcgipm import scoreboard
from fcgipm.cli._boards import status_without_master
from fcgipm.report.text import to_text
from fcgipm.system.board import Board
from fcgipm.system.lock import lock_path

POOL = "test-boards"


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    """Of a pool with one worker of this process's pid, which is taken for the master too."""
    Path(lock_path(str(tmp_path / "control"))).write_text(json.dumps({"pid": os.getpid()}))
    board = Board.create(POOL, 2)
    words = scoreboard.words(board.memory, 0)
    words[scoreboard.PID], words[scoreboard.STARTED], words[scoreboard.STATE] = os.getpid(), time.monotonic_ns() // 1000000, scoreboard.IDLE
    words.release()
    yield board
    board.close()


def seen(tmp_path: Path) -> tuple[dict[str, Any], list[str]]:
    """The pool in the document, and the lines of the text."""
    status = status_without_master(str(tmp_path / "control"), POOL)
    assert status is not None and json.loads(json.dumps(status)) == status
    return status["pools"][POOL], to_text(status).splitlines()


def test_what_only_the_master_knows_is_unknown(board: Board, tmp_path: Path) -> None:
    pool, (head, name, workers, scaling, requests, exits, _memory, _heads, worker) = seen(tmp_path)
    assert ", up -, " in head
    assert name.startswith(f"{POOL}: unresponsive, generation 0: the master, pid")
    assert workers == "  workers   [.] 1: 1 idle, 0 busy; peak -"
    assert scaling == "  scaling   unknown, target -; not known without the master"
    assert requests == "  requests  -; 0 active"
    assert exits == "  exits     -"
    assert worker.split()[2:4] == ["idle", "-"]
    unknown = [pool[key] for key in ("interface", "exits", "requests_per_second")] + [pool["requests"]["total"], pool["scaling"]["target"]]
    assert unknown == [None] * 5 and {pool["workers"][key] for key in ("min", "max", "peak", "max_reached")} == {None}


def test_what_living_workers_have_counted_is_told(board: Board, tmp_path: Path) -> None:
    words = scoreboard.words(board.memory, 0)
    counts = {scoreboard.BEGUN: 4, scoreboard.CLASS_2XX: 3, scoreboard.CLASS_5XX: 1, scoreboard.FAILED: 1, scoreboard.REJECTED: 2}
    for word, count in {**counts, scoreboard.SERVED_NS: 5 * 10**9}.items():
        words[word] = count
    words.release()
    pool, lines = seen(tmp_path)
    assert "  requests  4 (3 2xx, 1 5xx), 0 active, -/s; 1 failed, 2 rejected connections" in lines and lines[-1].split()[2:4] == ["idle", "4"]
    assert pool["latency_histogram"]["sum_seconds"] == 5.0 and pool["requests_per_second"] is None
