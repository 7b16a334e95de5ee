"""Who comes to a listener is heard of, however soon somebody else accepts. In a process of one thread, as a keeper is: any other would take the signal."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.daemon import ROOT

BEGIN = """
import fcntl, select, signal, socket, subprocess, sys
from fcgipm.worker.keeper_visits import SIGNAL, Visits

heard = []
signal.signal(SIGNAL, lambda number, frame: heard.append(number))
listener, epoll = socket.socket(fileno=0), select.epoll()

def come():
    with socket.socket(listener.family) as client:
        client.connect(listener.getsockname())
        listener.accept()[0].close()

visits = Visits(listener, epoll)
visits.attend()
visits.rest()
"""

AT_REST = """
come()
assert heard == [SIGNAL] and epoll.poll(0) == [], "epoll looks, and sees nobody"
"""

ATTENDING = """
visits.attend()
assert not visits.came()
for _ in range(3):
    come()
assert visits.came() and not visits.came() and heard == []
"""

IN_BETWEEN = """
visits.attend()
come()
visits.rest()
assert heard == [SIGNAL]
"""

OF_ANOTHER = """
with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other, socket.socket(listener.family) as client:
    fcntl.fcntl(listener, fcntl.F_SETOWN, other.pid)
    client.connect(listener.getsockname())
    assert epoll.poll(0) == [(listener.fileno(), select.EPOLLIN)] and epoll.poll(0) == [] and heard == []
    assert other.wait(20) == -SIGNAL
"""


@pytest.mark.parametrize("family", ["unix", "tcp"])
@pytest.mark.parametrize(
    "then",
    [
        pytest.param(AT_REST, id="at rest it is told at once although epoll knows of nothing"),
        pytest.param(ATTENDING, id="while it attends it is asked and not told"),
        pytest.param(IN_BETWEEN, id="who came between the last question and the rest is told of"),
        pytest.param(OF_ANOTHER, id="epoll tells where the signal is anothers"),
    ],
)
def test_who_comes_is_heard_of(then: str, family: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX if family == "unix" else socket.AF_INET) as listener:
        listener.bind(str(tmp_path / "s") if family == "unix" else ("127.0.0.1", 0))
        listener.listen()
        done = subprocess.run([sys.executable, "-c", BEGIN + then], cwd=ROOT, stdin=listener, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
