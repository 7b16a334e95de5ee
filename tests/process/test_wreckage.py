"""Everything at once, for a while: processes are killed and stopped, requests hang, leak and flood, clients vanish, the daemon reloads and scales.

Only requests inside a killed worker may fail, the counters agree with the clients, and when it is over everything is as it was.
FCGIPM_CHAOS_SECONDS: how long (10); 300 for a long look.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import Connection, environ, request

SECONDS = float(os.environ.get("FCGIPM_CHAOS_SECONDS", "10"))
TEMPLATE_KILLS = 3
"""Each is followed by a longer delay, so not too many."""

APP = """
import time
KEPT = []

def application(environ, start_response):
    path = environ["PATH_INFO"]
    environ["wsgi.input"].read()
    if path == "/hang":
        time.sleep(60)
    elif path == "/leak":
        KEPT.append(bytearray(100_000))
    elif path == "/flood":
        print("\\n".join(["flood " * 20] * 500))
    status = "418 Teapot" if path == "/vanish" else "200 OK"
    start_response(status, [("Content-Type", "text/plain")])
    return [b"x" * 1000]
"""


class Wreckage:
    """Clients that ask and one that wrecks, until it is over."""

    def __init__(self, daemon: Daemon, chance: random.Random) -> None:
        self.daemon, self.chance = daemon, chance
        self.answers: Counter[int] = Counter()
        self.lost: list[str] = []
        self.kills = 0
        self.over = threading.Event()
        self._lock = threading.Lock()

    def client(self, number: int) -> None:
        chance = random.Random(number)
        while not self.over.is_set():
            path = chance.choices(["/ok", "/leak", "/flood", "/hang"], [90, 5, 3, 1])[0]
            body = b"b" * chance.choice([0, 10, 70_000])
            try:
                with Connection(self.daemon.address(), timeout=30.0) as connection:
                    connection.send(request(environ(path, "POST" if body else "GET", body), body))
                    status = connection.read_reply().status
            except (OSError, AssertionError, EOFError) as error:
                with self._lock:
                    self.lost.append(f"{path}: {error!r}")
            else:
                with self._lock:
                    self.answers[status] += 1

    def vanisher(self) -> None:
        """Leaves at any byte, of its request or of the answer."""
        whole = request(environ("/vanish"), b"")
        while not self.over.wait(0.01):
            try:
                with Connection(self.daemon.address()) as connection:
                    connection.send(whole[: self.chance.randrange(len(whole) + 1)])
            except OSError:
                continue

    def wreck(self) -> None:
        templates = 0
        while not self.over.wait(self.chance.uniform(0.05, 0.3)):
            status = self.daemon.control({"command": "status"})[-1]["result"]["pools"]["web"]
            workers = [process["pid"] for process in status["processes"] if process["state"] in ("idle", "busy")]
            what = self.chance.choice(["kill", "segv", "stop", "retire", "reload", "scale", "template"])
            if what in ("kill", "segv") and workers:
                self.kills += _signal(self.chance.choice(workers), signal.SIGKILL if what == "kill" else signal.SIGSEGV)
            elif what == "stop" and workers:
                pid = self.chance.choice(workers)
                _signal(pid, signal.SIGSTOP)
                self.over.wait(0.2)
                _signal(pid, signal.SIGCONT)
            elif what == "retire" and workers:
                self.daemon.control({"command": "retire", "pid": self.chance.choice(workers)})
            elif what == "reload":
                os.kill(self.daemon.pid, signal.SIGHUP)
            elif what == "scale":
                self.daemon.control({"command": "scale", "pool": "web", "min": self.chance.randrange(1, 6)})
            elif what == "template" and templates < TEMPLATE_KILLS and status["template"]["pid"]:
                templates += _signal(status["template"]["pid"], signal.SIGKILL)


def _signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _weight(pid: int) -> tuple[int, int]:
    """KiB of memory and number of descriptors."""
    resident = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(resident.split()[1]), len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.timeout(SECONDS + 120)
def test_everything_is_as_it_was(daemon_factory: Callable[..., Daemon], tmp_path: Path) -> None:
    (tmp_path / "wreck.py").write_text(APP)
    pool: dict[str, Any] = {"app": "wreck:application", "directory": str(tmp_path), "workers": {"min": 4, "max": 8}}
    pool["timeouts"] = {"request": "1s", "kill_after": "1s"}
    daemon = daemon_factory({"web": pool}, tolerate=["Traceback", "the template was killed", "reload failed: "])
    eventually(lambda: daemon.status()["pools"]["web"]["workers"]["idle"] >= 4, "it is there")
    memory, descriptors = _weight(daemon.pid)
    wreckage = Wreckage(daemon, random.Random(int(time.time())))
    threads = [threading.Thread(target=wreckage.client, args=(number,)) for number in range(6)]
    threads += [threading.Thread(target=wreckage.vanisher), threading.Thread(target=wreckage.wreck)]
    for thread in threads:
        thread.start()
    wreckage.over.wait(SECONDS)
    wreckage.over.set()
    for thread in threads:
        thread.join()

    assert wreckage.answers[200] > 100 and wreckage.answers[504] > 0
    assert len(wreckage.lost) <= wreckage.kills, f"{wreckage.kills} workers were killed, and lost were: {wreckage.lost}"
    assert daemon.command("scale", "web", "--reset").returncode == 0
    eventually(lambda: daemon.status()["pools"]["web"]["state"] == "ready", "the pool is whole again", timeout=60.0)
    eventually(lambda: daemon.status()["pools"]["web"]["requests"]["active"] == 0, "nothing is left inside")
    requests = daemon.status()["pools"]["web"]["requests"]
    assert abs(requests["by_class"]["2xx"] - wreckage.answers[200]) <= wreckage.kills, (requests, wreckage.answers)
    assert requests["timed_out"] >= wreckage.answers[504] - wreckage.kills, "one may have been killed between answer and count"
    after, then = _weight(daemon.pid)
    assert after < memory + 16 * 1024, "the master has not grown"
    eventually(lambda: _weight(daemon.pid)[1] <= descriptors + 4 * 8, "its descriptors are those of its workers")
    print(wreckage.answers, len(wreckage.lost), wreckage.kills, (memory, after), (descriptors, then))
