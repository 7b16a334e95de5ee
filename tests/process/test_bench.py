"""`fcgipm bench`: every way is measured, through a real nginx too, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import MARK, PATIENCE, eventually, marked_processes
from tests.support.nginx import nginx_binary

APP = """\
import os

def application(environ, start_response):
    try:
        os.close(os.open(os.environ["CALLED"], os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        pass  # nobody waits for it
    start_response(os.environ.get("ANSWER", "200 OK"), [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"one"]
"""
SHORT = ("--duration", "600ms", "--rounds", "2", "--concurrency", "2", "--workers", "2")
WAYS = ["cgi-direct", "fastcgi-direct", "fastcgi-kept-direct", "cgi-nginx", "fastcgi-nginx", "fastcgi-kept-nginx"]


class Bench:
    """One run of the command in `folder`."""

    def __init__(self, folder: Path, *arguments: str, application: str = "app:application", **variables: str) -> None:
        self.folder, self.temporary = folder, folder / "tmp"
        self.temporary.mkdir(exist_ok=True)
        path = f"{os.environ['PATH']}:{Path(nginx_binary()).parent}"
        environment = {**os.environ, "PATH": path, MARK: str(folder), "TMPDIR": str(self.temporary), "CALLED": str(folder / "called"), **variables}
        environment.pop("VIRTUAL_ENV", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fcgipm.cli", "bench", application, *SHORT, *arguments],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def ended(self) -> tuple[int, str, str]:
        """Its exit code and what it said; nothing of it is left."""
        said, complained = self.process.communicate(timeout=50)
        assert not marked_processes(str(self.folder))
        assert os.listdir(self.temporary) == []
        return self.process.returncode, said, complained

    def called(self) -> None:
        """Wait until the application is called."""
        with open(self.folder / "called", "rb"):
            pass


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="be", dir="/tmp") as name:
        (Path(name) / "app.py").write_text(APP)
        os.mkfifo(Path(name) / "called")
        yield Path(name)
        for pid in marked_processes(name):
            os.kill(pid, signal.SIGKILL)


def test_every_way_is_measured(folder: Path) -> None:
    code, said, complained = Bench(folder, "--json", "--picture", "speed").ended()
    assert code == 0, complained
    measured: dict[str, Any] = json.loads(said)
    rows = {row["way"]: row for row in measured["rows"]}
    assert list(rows) == WAYS
    for row in rows.values():
        assert row["failed"] == 0 and row["requests"] == sum(one["requests"] for one in row["rounds"])
        assert 0 < row["p50_ms"] <= row["p90_ms"] <= row["p99_ms"]
        assert row["requests_per_second"] > 0 and row["cpu_ms_per_request"] > 0 and row["memory_bytes"] > 1 << 20
    for door in ("direct", "nginx"):
        slow, fast = rows[f"cgi-{door}"], rows[f"fastcgi-kept-{door}"]
        assert [one["processes_started"] for one in fast["rounds"]] == [0, 0]
        for one in slow["rounds"]:  # a look may miss a process that ends at once
            assert 0.8 * one["requests"] <= one["processes_started"] <= one["requests"] + 2
        assert measured["factors"][door]["rate"] > 3, "a bare application, on a busy machine"
        assert slow["cpu_ms_per_request"] > 3 * fast["cpu_ms_per_request"]
    assert (rows["cgi-nginx"]["nginx_cpu_ms_per_request"] > 0) and rows["cgi-direct"]["nginx_cpu_ms_per_request"] == 0
    assert measured["load"]["nginx"] and measured["application"] == "app:application"
    assert (folder / "speed.svg").stat().st_size > 1000 and (folder / "speed.png").stat().st_size > 1000
    assert "drawn: speed.svg, speed.png" in complained


def test_the_table(folder: Path) -> None:
    code, said, _ = Bench(folder, "--no-nginx").ended()
    assert code == 0
    assert said.count(", directly") == 4 and "nginx" not in said
    assert "CGI → FastCGI with kept connections, directly: requests ×" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_leaves_nothing(folder: Path, number: signal.Signals) -> None:
    bench = Bench(folder, "--duration", "1m")
    bench.called()
    os.kill(bench.process.pid, number)
    os.kill(bench.process.pid, number)  # twice: clearing up is not for interrupting
    code, said, _ = bench.ended()
    assert (code, said) == (130, "")


def test_when_it_is_killed_its_servers_end(folder: Path) -> None:
    bench = Bench(folder, "--duration", "1m")
    bench.called()
    bench.process.kill()
    bench.process.communicate(timeout=PATIENCE)
    eventually(lambda: not marked_processes(str(folder)), "all have ended")


def test_an_application_that_fails_is_not_measured(folder: Path) -> None:
    code, said, complained = Bench(folder, ANSWER="503 No").ended()
    assert (code, said) == (1, "")
    assert "status 503" in complained


def test_an_application_that_cannot_be_imported(folder: Path) -> None:
    (folder / "app.py").write_text("import nothing_of_that_name\n")
    code, _, complained = Bench(folder).ended()
    assert code == 1
    assert "No module named 'nothing_of_that_name'" in complained


def test_without_matplotlib_it_says_how_to_get_it_before_anything_runs(folder: Path) -> None:
    program = "import sys; sys.modules['matplotlib'] = None; import fcgipm.cli; fcgipm.cli.main(['bench', '--picture', 'x.png'])"
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr == "Error: a picture needs matplotlib: pip install 'fcgipm[bench]'\n"


@pytest.mark.parametrize("arguments", [["--duration", "0s"], ["--duration", "soon"], ["--path", "shop"], ["--path", "/a b"], ["--picture", "x.gif"]])
def test_wrong_usage(folder: Path, arguments: list[str]) -> None:
    code, said, complained = Bench(folder, *arguments).ended()
    assert (code, said) == (64, "")
    assert arguments[0] in complained


def test_an_application_without_an_attribute(folder: Path) -> None:
    code, said, complained = Bench(folder, application="shop").ended()
    assert (code, said) == (64, "")
    assert "MODULE:APP must be module:attribute, file.py:attribute or module:factory(), not 'shop'" in complained
