"""Memory and CPU time as /proc tells them, held against psutil."""

from __future__ import annotations

import os
import signal
import subprocess

import psutil
import pytest

from fcgipm.system.memory import shares, usage

GONE = 2**22 + 1


def test_our_own_memory() -> None:
    found, wanted = shares(os.getpid()), psutil.Process().memory_full_info()
    assert found is not None
    assert found.pss == pytest.approx(wanted.pss, rel=0.05)
    assert found.uss == pytest.approx(wanted.uss, rel=0.05)
    assert found.rss == pytest.approx(wanted.rss, rel=0.05)


def test_our_own_cpu_time() -> None:
    found, times = usage(os.getpid()), psutil.Process().cpu_times()
    assert found is not None
    assert found.cpu == pytest.approx(times.user + times.system, abs=0.5)


def test_who_was_stopped_by_a_signal() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            for number, stopped in ((signal.SIGSTOP, True), (signal.SIGCONT, False)):
                process.send_signal(number)
                os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WCONTINUED)
                found = usage(process.pid)
                assert found is not None and found.stopped is stopped
        finally:
            process.kill()


def test_who_is_gone_has_none() -> None:
    assert shares(GONE) is None and usage(GONE) is None
