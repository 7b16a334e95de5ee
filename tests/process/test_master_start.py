"""From a file to a daemon that serves, or to a clear refusal."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.daemon import ROOT, Daemon
from tests.support.fastcgi import ask

DaemonFactory = Callable[..., Daemon]

HELLO = {"app": "hello:application"}


def test_it_serves_on_unix_and_tcp_of_both_families(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    addresses = [f"unix:{tmp_path}/a.sock", f"127.0.0.1:{free_port()}", f"[::1]:{free_port()}"]
    daemon = daemon_factory({"web": {**HELLO, "listen": addresses}})
    for address in addresses:
        assert ask(address).body == b"Hello, world!"
    assert [listener["address"] for listener in daemon.status()["pools"]["web"]["listen"]] == addresses


def test_a_descriptor_that_the_starter_left_open(daemon_factory: DaemonFactory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        daemon_factory({"web": {**HELLO, "listen": f"fd:{given.fileno()}"}}, pass_fds=[given.fileno()])
        assert ask(f"127.0.0.1:{given.getsockname()[1]}").body == b"Hello, world!"


def test_a_descriptor_that_is_not_there() -> None:
    daemon = Daemon({"web": {**HELLO, "listen": "fd:77"}})
    assert daemon.run_to_end() == 71
    assert "pool web: descriptor 77 is not open" in daemon.text


def test_several_pools(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"one": HELLO, "two": {**HELLO, "workers": 3}})
    assert ask(daemon.address("one")).status == ask(daemon.address("two")).status == 200
    assert {name: pool["workers"]["total"] for name, pool in daemon.status()["pools"].items()} == {"one": 1, "two": 3}
    assert len([line for line in daemon.lines if "ready to serve" in line]) == 1


def test_every_listener_that_cannot_be_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        pools = {
            "good": {**HELLO, "listen": f"unix:{tmp_path}/good.sock"},
            "file": {**HELLO, "listen": f"unix:{tmp_path}/file"},
            "taken": {**HELLO, "listen": f"127.0.0.1:{port}"},
        }
        (tmp_path / "file").touch()
        daemon = Daemon(pools)
        assert daemon.run_to_end() == 71
    assert f"pool file: {tmp_path}/file exists and is a regular file, no socket" in daemon.text
    assert f"pool taken: cannot listen on 127.0.0.1:{port}: another program listens there" in daemon.text
    assert os.listdir(tmp_path) == ["file"]


def test_a_second_daemon_is_refused_and_harmless(daemon_factory: DaemonFactory) -> None:
    first = daemon_factory({"web": HELLO})
    second = Daemon({"web": {**HELLO, "listen": first.address()}}, settings={"control": str(first.control_path)})
    assert second.run_to_end() == 71
    assert f"fcgipm is already running (pid {first.pid})" in second.text
    assert ask(first.address()).status == 200 and first.command("ping").returncode == 0


def test_another_daemons_address_is_refused_and_kept(daemon_factory: DaemonFactory) -> None:
    first = daemon_factory({"web": HELLO})
    second = Daemon({"web": {**HELLO, "listen": first.address()}})
    assert second.run_to_end() == 71
    assert "another program listens on" in second.text
    assert ask(first.address()).status == 200


def test_the_pid_file(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    file = tmp_path / "fcgipm.pid"
    daemon = daemon_factory({"web": HELLO}, settings={"pid_file": str(file)})
    assert file.read_text() == f"{daemon.pid}\n"
    daemon.stop()
    assert not file.exists()


def test_a_pid_file_that_cannot_be_written(tmp_path: Path) -> None:
    daemon = Daemon({"web": HELLO}, settings={"pid_file": "/proc/none/fcgipm.pid"})
    assert daemon.run_to_end() in (71, 78)
    assert "/proc/none" in daemon.text and "ready" not in daemon.text


def test_a_start_that_fails_late_leaves_nothing(tmp_path: Path) -> None:
    """The pid file is the last that is made; here a folder is in its place."""
    (tmp_path / "pid").mkdir()
    daemon = Daemon({"web": HELLO}, settings={"pid_file": str(tmp_path / "pid")})
    try:
        daemon.start(ready=False)
        assert daemon.wait() == 71
        daemon.lines_reader.join()
        assert "cannot write the pid file" in daemon.text
        assert os.listdir(daemon.run_folder) == [] and os.listdir(tmp_path) == ["pid"]
    finally:
        daemon.destroy()


def test_a_master_that_fails_leaves_no_file(tmp_path: Path) -> None:
    daemon = Daemon({"web": HELLO}, settings={"pid_file": str(tmp_path / "pid")})
    code = "import sys; from fcgipm.master import start; start.Master.run = lambda self: 1 / 0; start.main(sys.argv[1])"
    try:
        done = subprocess.run([sys.executable, "-c", code, str(daemon.file)], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and "ZeroDivisionError" in done.stderr
        assert os.listdir(daemon.run_folder) == os.listdir(tmp_path) == []
    finally:
        daemon.destroy()


def test_a_file_with_mistakes() -> None:
    daemon = Daemon(text="pools:\n  web: {app: hello:application, workers: many, listne: x}\n")
    assert daemon.run_to_end() == 78
    assert len([line for line in daemon.lines if line.startswith(f"{daemon.file}:2:")]) >= 2, daemon.text


def test_no_file() -> None:
    daemon = Daemon({"web": HELLO})
    daemon.file.unlink()
    assert daemon.run_to_end() == 78
    assert "No such file" in daemon.text


class TestAnApplicationThatCannotBeImported:
    def test_alone_it_ends_the_daemon(self, tmp_path: Path) -> None:
        (tmp_path / "broken.py").write_text("import nosuchmodule_xyz\n")
        daemon = Daemon({"web": {"app": "broken:application", "directory": str(tmp_path)}})
        assert daemon.run_to_end() == 1
        assert "No module named 'nosuchmodule_xyz'" in daemon.text
        assert "no pool can serve" in daemon.text and "ready to serve" not in daemon.text
        assert daemon.text.count("generation 1 starts") == 1, "who stops starts nothing any more"

    def test_with_a_log_of_its_own_the_terminal_is_told_where_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "broken.py").write_text("import nosuchmodule_xyz\n")
        log = tmp_path / "log"
        daemon = Daemon({"web": {"app": "broken:application", "directory": str(tmp_path)}}, settings={"log": {"file": str(log)}})
        assert daemon.run_to_end() == 1
        assert daemon.lines == [f"fcgipm: no pool can serve: {log} tells why"]
        assert "No module named 'nosuchmodule_xyz'" in log.read_text()

    @pytest.mark.parametrize(
        ("source", "reason"),
        [
            ("import nosuchmodule_xyz", "ModuleNotFoundError: No module named 'nosuchmodule_xyz'"),
            ("import os\nos._exit(3)", "the template exited with status 3"),
            ("import os\nos.kill(os.getpid(), 9)", "the template was killed by SIGKILL"),
            ("import threading, time\nthreading.Thread(target=time.sleep, args=(3600,)).start()\n1/0", "ZeroDivisionError: division by zero"),
        ],
        ids=["module", "exit", "killed", "thread"],
    )  # fmt: skip
    def test_beside_another_it_is_degraded_and_tried_again(
        self, daemon_factory: DaemonFactory, tmp_path: Path, source: str, reason: str
    ) -> None:
        app = tmp_path / "broken.py"
        app.write_text(source)
        daemon = daemon_factory(
            {"good": HELLO, "bad": {"app": "broken:application", "directory": str(tmp_path)}}, tolerate=[""]
        )
        assert ask(daemon.address("good")).status == 200
        status = daemon.status()
        assert status["state"] == "degraded" and daemon.command("status").returncode == 1
        assert status["pools"]["bad"]["reason"] == reason
        app.write_text("from wsgiref.simple_server import demo_app as application")
        while daemon.status()["pools"]["bad"]["state"] != "ready":
            pass
        assert ask(daemon.address("bad")).status == 200 and daemon.command("status").returncode == 0

    @pytest.mark.parametrize("preload", [True, False])
    def test_its_traceback_is_told_once_and_then_counted(self, daemon_factory: DaemonFactory, tmp_path: Path, preload: bool) -> None:
        app = tmp_path / "broken.py"
        app.write_text("import nosuchmodule_xyz\n")
        daemon = daemon_factory({"good": HELLO, "bad": {"app": "broken:application", "directory": str(tmp_path), "preload": preload}}, tolerate=[""])
        daemon.wait_for_line("the same [0-9]+ lines as the one before, 3 times in a row now")
        assert daemon.text.count("Traceback (most recent call last)") == 1
        app.write_text("import another_xyz\n")
        daemon.wait_for_line("ModuleNotFoundError: No module named 'another_xyz'$")
        daemon.wait_for_line("the same [0-9]+ lines as the one before, 2 times in a row now")
        assert daemon.text.count("Traceback (most recent call last)") == 2


def free_port() -> int:
    """A port of both families that is free now, and that the kernel gives to nobody unasked: below the range of ephemeral ports."""
    while True:
        where = ("::", random.randrange(20000, 32000))
        try:
            with socket.create_server(where, family=socket.AF_INET6, dualstack_ipv6=True):
                return where[1]
        except OSError:
            continue
