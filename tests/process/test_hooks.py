"""Hooks: functions of the application that each worker calls before it accepts and after its last request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.fastcgi import ask

DaemonFactory = Callable[..., Daemon]


def hooked(notes: Path, fails: str = "", **pool: Any) -> dict[str, Any]:
    return {
        "app": "hooked:application",
        "workers": 2,
        "env": {"FCGIPM_HOOKS": str(notes), "FCGIPM_FAILS": fails},
        "hooks": {"worker_start": "hooked:start", "worker_stop": "hooked:stop"},
        **pool,
    }


@pytest.mark.parametrize("preload", [True, False])
def test_each_worker_calls_them_once(daemon_factory: DaemonFactory, tmp_path: Path, preload: bool) -> None:
    notes = tmp_path / "notes"
    daemon = daemon_factory({"web": hooked(notes, preload=preload)})
    workers = {str(pid) for pid in daemon.workers()}
    assert ask(daemon.address()).body == b"True"
    daemon.stop()
    said = [line.split() for line in notes.read_text().splitlines()]
    assert {pid for what, pid in said if what == "start"} == {pid for what, pid in said if what == "stop"} == workers
    assert len([what for what, _ in said if what == "start"]) == len([what for what, _ in said if what == "stop"]) == 2


def test_functions_that_the_application_registered_for_a_fork_run_once_in_each_worker(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    daemon = daemon_factory({"web": hooked(notes)})
    workers = sorted(str(pid) for pid in daemon.workers())
    assert sorted(line.split()[1] for line in notes.read_text().splitlines() if line.startswith("forked")) == workers


def test_one_that_fails_at_the_start_is_a_failed_start(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    daemon = Daemon({"web": hooked(tmp_path / "notes", "start")}, tolerate=["no pool can serve", "Traceback"])
    assert daemon.run_to_end() == 1
    assert any("hook worker_start failed" in line for line in daemon.lines)
    assert any("exited with status 1: RuntimeError: no database" in line for line in daemon.lines)


def test_one_that_fails_at_the_end_is_logged(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    daemon = daemon_factory({"web": hooked(tmp_path / "notes", "stop")}, tolerate=["Traceback"])
    daemon.stop()
    assert any("hook worker_stop failed" in line for line in daemon.lines)


def test_one_that_is_not_there_is_named(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    daemon = Daemon({"web": hooked(tmp_path / "notes", hooks={"worker_start": "hooked:warm"})}, tolerate=["no pool can serve", "template: hook"])
    assert daemon.run_to_end() == 1
    assert any("hook hooked:warm: hooked has no attribute 'warm'" in line for line in daemon.lines)
