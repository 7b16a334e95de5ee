"""Reload of a pool that has no worker at that moment: what was there before must not come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import ask

DaemonFactory = Callable[..., Daemon]

BROKEN = "raise RuntimeError('not yet')\n"
WORKING = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [{answer!r}]
"""


def start(factory: DaemonFactory, folder: Path, **late: Any) -> Daemon:
    folder.chmod(0o755)
    common = {"app": "late:application", "directory": str(folder), "env": {"PYTHONDONTWRITEBYTECODE": "1"}}
    return factory({"web": {"app": "echo:application"}, "late": {**common, **late}}, tolerate=["late", "Traceback", "RuntimeError"])


def test_one_that_never_came_up_starts_nothing_any_more(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    """Its next try, which would succeed now, is due while its successor is looked at."""
    code = tmp_path / "late.py"
    code.write_text(BROKEN)
    daemon = start(daemon_factory, tmp_path, workers=1)
    daemon.wait_for_line("late: template: .*next try in 0.4 s")
    code.write_text(WORKING.format(answer=b"new"))
    assert daemon.reload("late")[0] == 0
    assert daemon.reload("late")[0] == 0
    everybody = {*daemon.workers("web"), *daemon.workers("late")}
    eventually(lambda: len(daemon.processes()) == len(everybody) + 3, "beside the workers a master and two templates are left")
    assert ask(daemon.address("late")).body == b"new"


def test_one_that_rests_leaves_nothing_behind(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(WORKING.format(answer=b"old"))
    daemon = start(daemon_factory, tmp_path, workers={"mode": "ondemand", "max": 2, "idle_timeout": "50ms"})
    eventually(lambda: not daemon.workers("late"), "nobody is left")
    before = len(daemon.processes())
    (tmp_path / "late.py").write_text(WORKING.format(answer=b"new"))
    assert daemon.reload("late")[0] == 0
    eventually(lambda: not daemon.workers("late"), "nobody is left again")
    eventually(lambda: len(daemon.processes()) == before, "the template of before is gone")
    assert ask(daemon.address("late")).body == b"new"
