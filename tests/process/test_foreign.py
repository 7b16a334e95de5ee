"""Foreign programs and their keeper, without a web server: trials, programs that die at once, a master that is killed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import yaml

from tests.support.daemon import Daemon, eventually
from tests.support.foreign import APPS

FLUP = [sys.executable, str(APPS / "program.py")]
Daemons = Callable[..., Daemon]


def test_a_program_that_dies_at_once_is_not_switched_to(daemon_factory: Daemons) -> None:
    daemon = daemon_factory({"web": {"command": FLUP, "workers": 2}}, tolerate=["reload failed"])
    before = daemon.workers()
    daemon.pools["web"]["command"] = ["/bin/false"]
    daemon.write(yaml.safe_dump({"control": str(daemon.control_path), "pools": daemon.pools}))
    reloaded = daemon.command("reload")
    assert reloaded.returncode == 1 and "exited with status 1" in reloaded.stderr
    eventually(lambda: daemon.workers() == before, "only those of before are there")


def test_a_killed_master_leaves_nobody(daemon_factory: Daemons) -> None:
    daemon = daemon_factory({"web": {"command": FLUP, "workers": 2}})
    daemon.kill(signal.SIGKILL)
    daemon.wait_for_no_process()
    daemon.destroy()
