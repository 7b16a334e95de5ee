"""What an application can do at the begin and at the end of each worker: `hooks`, and os.register_at_fork."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import APPS, Daemon, eventually
from tests.support.fastcgi import ask
from tests.support.live_worker import LiveWorker

DaemonFactory = Callable[..., Daemon]

HOOKED = {"app": "hooked:application"}


def hooked(start: str | None = None, stop: str | None = None, **more: Any) -> dict[str, Any]:
    named = {key: f"hooked:{name}" for key, name in (("worker_start", start), ("worker_stop", stop)) if name}
    return {**HOOKED, "hooks": named, **more}


def seen_by_each(daemon: Daemon, count: int) -> list[dict[str, Any]]:
    """What every one of `count` workers says of itself."""
    found: dict[int, dict[str, Any]] = {}

    def all_seen() -> bool:
        with ThreadPoolExecutor(8) as clients:
            for reply in clients.map(lambda _: ask(daemon.address()), range(8)):
                said = json.loads(reply.body)
                found[said["pid"]] = said
        return len(found) == count

    eventually(all_seen, f"all {count} workers have answered")
    return list(found.values())


@pytest.mark.parametrize("preload", [True, False])
@pytest.mark.parametrize("threads", [1, 3])
def test_each_worker_calls_them_once(daemon_factory: DaemonFactory, preload: bool, threads: int) -> None:
    daemon = daemon_factory({"web": hooked("warm", "close", env={"LATER": "1"}, preload=preload, workers={"min": 2, "max": 2, "threads": threads})})
    workers = seen_by_each(daemon, 2)
    for worker in workers:
        # With preload the fork hook is registered before the fork, and has run once by then; else nobody forks after the import.
        assert worker["started"] == [{"pid": worker["pid"], "main": True, "forks": int(preload)}]
        assert (worker["imports"], worker["forks"]) == (1, int(preload))
    daemon.stop()
    for worker in workers:
        lines = [line.partition("]: ")[2] for line in daemon.lines if f"web[{worker['pid']}]" in line]
        assert lines == ["closed after 1", "later"]


def test_the_last_call_is_before_atexit_and_after_the_last_request() -> None:
    with LiveWorker("hooked:application", APPS, env={"LATER": "1"}, hooks={"worker_stop": "hooked:close"}) as live:
        assert ask(live.address).status == 200
        live.retire()
        assert live.worker.wait() == 0
        assert live.output.clear() == ["closed after 0", "later"]
        live.template_channel.close()
        live.template_output.take("later")


def test_fork_hooks_of_the_application_run_once_in_each_worker(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": {**HOOKED, "workers": 3}})
    assert [worker["forks"] for worker in seen_by_each(daemon, 3)] == [1, 1, 1]


@pytest.mark.parametrize("preload", [True, False])
@pytest.mark.parametrize("hook", ["fail", "leave"])
def test_one_that_raises_is_a_failed_start(daemon_factory: DaemonFactory, hook: str, preload: bool) -> None:
    pools = {"web": dict(HOOKED), "bad": hooked(hook, preload=preload)}
    daemon = daemon_factory(pools, tolerate=[r"Traceback", r"bad"])
    wanted = "RuntimeError: no database here" if hook == "fail" else "SystemExit: 0"
    daemon.wait_for_line(f"hook worker_start failed.*|{wanted}")
    bad = eventually(lambda: next((p for p in [daemon.status()["pools"]["bad"]] if p["state"] == "degraded"), None), "degraded")
    assert wanted in bad["reason"]
    assert ask(daemon.address("web")).status == 200


def test_one_that_fails_ends_the_worker_with_1() -> None:
    live = LiveWorker("hooked:application", APPS, workers=0, hooks={"worker_start": "hooked:fail"})
    with live:
        fork_in_vain(live)
        assert live.worker.wait() == 1
        assert live.output.take_error("RuntimeError: no database here")[0] == "hook worker_start failed"
        live.worker.status = 0  # As expected.


def test_what_worker_stop_raises_is_logged_and_nothing_else() -> None:
    with LiveWorker("hooked:application", APPS, hooks={"worker_stop": "hooked:fail"}) as live:
        live.retire()
        assert live.worker.wait() == 0
        assert live.output.take_error("RuntimeError: no database here")[0] == "hook worker_stop failed"


def test_a_process_that_worker_start_forks_has_nothing_of_the_workers() -> None:
    with LiveWorker("hooked:application", APPS, hooks={"worker_start": "hooked:fork"}) as live:
        live.output.take("the child has 0 sockets")


def fork_in_vain(live: LiveWorker) -> None:
    with pytest.raises(AssertionError, match="expected b'READY'"):
        live.fork()


def test_a_worker_that_hangs_in_it_is_ended_by_a_signal() -> None:
    live = LiveWorker("hooked:application", APPS, workers=0, hooks={"worker_start": "hooked:hang"})
    with live:
        starting = threading.Thread(target=fork_in_vain, args=(live,))
        starting.start()
        live.until(lambda: live.workers and live.worker.pid and live.output.lines())
        live.output.take("hanging")
        live.worker.signal(signal.SIGTERM)
        assert live.worker.wait() == -signal.SIGTERM
        starting.join()
        live.worker.status = 0  # As expected.


@pytest.mark.parametrize("preload", [True, False])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hooked:missing", "hook worker_start hooked:missing: hooked has no attribute 'missing'"),
        ("hooked:not_callable", "hook worker_start hooked:not_callable: hooked:not_callable is a int, which cannot be called"),
        ("no_such_module:warm", "ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_one_that_is_missing(daemon_factory: DaemonFactory, name: str, reason: str, preload: bool) -> None:
    bad = {**HOOKED, "hooks": {"worker_start": name}, "preload": preload}
    daemon = daemon_factory({"web": dict(HOOKED), "bad": bad}, tolerate=["Traceback", "bad"])
    said = eventually(lambda: next((p for p in [daemon.status()["pools"]["bad"]] if p["state"] == "degraded"), None), "degraded")
    assert reason in said["reason"]


def test_check_import_tries_them_too(tmp_path: Path) -> None:
    daemon = Daemon({"web": {**HOOKED, "hooks": {"worker_stop": "hooked:missing"}}})
    try:
        done = daemon.command("check", "--import")
        assert done.returncode == 78 and "hook worker_stop hooked:missing: hooked has no attribute 'missing'" in done.stdout + done.stderr
    finally:
        daemon.destroy()


def test_one_in_the_applications_own_file_shares_its_module(daemon_factory: DaemonFactory) -> None:
    pool = {"app": "hooked.py:application", "hooks": {"worker_start": "hooked.py:warm"}}
    daemon = daemon_factory({"web": pool})
    assert len(seen_by_each(daemon, 1)[0]["started"]) == 1
