"""What is told when log files cannot be opened anew."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from fcgipm.master.access import AccessFile
from fcgipm.master.log import Log
from fcgipm.master.overseer import Overseer
from fcgipm.master.reopening import Reopening
from fcgipm.master.runner import PoolRunner

SETTINGS: dict[str, Any] = {
    "slow_log": {"after": 1.0},
    "timeouts": {"request": 50.0, "kill_after": 5.0},
    "workers": {"threads": 1},
    "access_log": {"file": "off", "format": "json"},
}


def test_a_slow_log_that_cannot_be_opened_is_told_in_the_daemons_log_and_to_who_asked(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log, slow_log = Log(str(tmp_path / "log")), Log(str(folder / "slow"))
    runner = cast("PoolRunner", SimpleNamespace(name="web", board=SimpleNamespace(memory=memoryview(bytearray(8))), workers={}))
    runner.access = AccessFile(SETTINGS["access_log"], "web", log)
    runner.overseer = Overseer(runner, SETTINGS, log, slow_log)
    (folder / "slow").rename(tmp_path / "old")
    folder.rmdir()
    told: list[tuple[str, bool]] = []
    reopening = Reopening(log)
    reopening.begin([runner], 0.0, lambda text, good: told.append((text, good)))
    reopening.see_to(0.0)
    problem = f"cannot open the log file {folder / 'slow'}: No such file or directory"
    assert told == [(problem, False)]
    assert f" error web: {problem}\n" in (tmp_path / "log").read_text() and not (tmp_path / "old").read_text()
    folder.mkdir()
    reopening.begin([runner], 0.0, lambda text, good: told.append((text, good)))
    reopening.see_to(0.0)
    assert told[1:] == [("log files reopened", True)] and (folder / "slow").exists()
    runner.overseer.close()
    log.close()
