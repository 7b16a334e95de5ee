"""Reaping, on real children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from fcgipm.master.children import describe, is_clean, reap


def status_of(code: str) -> int:
    process = subprocess.Popen([sys.executable, "-S", "-c", code], stderr=subprocess.DEVNULL)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = 0
    return status


@pytest.mark.parametrize(
    ("code", "clean", "text"),
    [
        ("", True, "exited with status 0"),
        ("raise SystemExit(3)", False, "exited with status 3"),
        ("import os; os.kill(os.getpid(), 9)", False, "was killed by SIGKILL"),
        ("import os; os.kill(os.getpid(), 40)", False, "was killed by signal 40"),
    ],
)
def test_exits_in_words(code: str, clean: bool, text: str) -> None:
    status = status_of(code)
    assert (is_clean(status), describe(status)) == (clean, text)


def test_all_that_have_exited_and_only_those() -> None:
    live = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    dead = [subprocess.Popen([sys.executable, "-S", "-c", f"raise SystemExit({code})"]) for code in (1, 2)]
    for process in dead:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        process.returncode = 0
    assert {child.pid: describe(child.status)[-1] for child in reap()} == {dead[0].pid: "1", dead[1].pid: "2"}
    assert reap() == []
    live.send_signal(signal.SIGKILL)
    live.wait()
    assert reap() == []
