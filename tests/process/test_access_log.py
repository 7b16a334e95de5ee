"""The access log of a running daemon."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import Connection, ask, environ, request
from tests.support.nginx import Nginx

DaemonFactory = Callable[..., Daemon]

WHO = {"app": "identity:application"}


def records(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_line_for_each_request(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    log = tmp_path / "access"
    daemon = daemon_factory({"web": {"app": "echo:application", "access_log": {"file": str(log)}}})
    ask(daemon.address(), "/a?secret=1", "POST", b"x" * 1000, HTTP_REFERER="http://b/c?secret=2", HTTP_USER_AGENT="me", HTTP_COOKIE="secret=3")
    eventually(lambda: log.read_text().endswith("\n"), "a line")
    assert "secret" not in log.read_text()
    (record,) = records(log)
    (pid,) = daemon.workers()
    told = {name: record[name] for name in ("pool", "pid", "method", "uri", "status", "referer", "agent")}
    assert told == {"pool": "web", "pid": pid, "method": "POST", "uri": "/a", "status": 200, "referer": "http://b/c", "agent": "me"}
    assert record["bytes_out"] > 0 and 0 <= record["cpu"] <= record["duration"] < 10 and record["request_id"]


def test_off_by_default_and_stderr_under_the_workers_own_name(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": {**WHO, "access_log": {"file": "stderr", "format": "{method} {uri} {status}"}}, "quiet": WHO})
    ask(daemon.address("quiet"), "/quiet")
    ask(daemon.address(), "/loud")
    (pid,) = daemon.workers()
    daemon.wait_for_line(rf"info web\[{pid}\]: GET /loud 200$")
    assert "/quiet" not in daemon.text


def test_a_request_that_dies_with_its_worker_has_a_line(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    log = tmp_path / "access"
    daemon = daemon_factory({"web": {**WHO, "access_log": {"file": str(log)}}}, tolerate=["worker"])
    (pid,) = daemon.workers()
    with Connection(daemon.address()) as connection:
        connection.send(request(environ("/exit?3", "GET", None), b"", 1, False))
        connection.read_to_end()
    eventually(lambda: log.read_text(), "a line")
    (record,) = records(log)
    assert (record["pool"], record["pid"], record["status"]) == ("web", pid, 502)
    assert (record["method"], record["uri"]) == ("GET", "/exit") and 0 <= record["duration"] < 10
    eventually(lambda: (counted := daemon.settled()["requests"])["failed"] == counted["by_class"]["5xx"] == counted["total"] == 1, "the status counts it too")


def test_reopening_loses_no_line(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    log = tmp_path / "access"
    daemon = daemon_factory({"web": {**WHO, "workers": 2, "access_log": {"file": str(log)}}})
    stop, asked = threading.Event(), [0, 0]

    def load(number: int) -> None:
        while not stop.is_set():
            ask(daemon.address(), f"/print?{number}")
            asked[number] += 1

    threads = [threading.Thread(target=load, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for turn in range(5):
        log.rename(tmp_path / f"old{turn}")
        done = daemon.command("reopen-logs")
        assert (done.returncode, done.stdout) == (0, "log files reopened\n"), done.stderr
        size = (tmp_path / f"old{turn}").stat().st_size
        seen = sum(asked)
        eventually(lambda seen=seen: sum(asked) > seen + 5, "requests go on")
        assert (tmp_path / f"old{turn}").stat().st_size == size
    stop.set()
    for thread in threads:
        thread.join()
    files = [log, *(tmp_path / f"old{turn}" for turn in range(5))]
    eventually(lambda: sum(len(records(file)) for file in files) == sum(asked), "a line for each request")


def test_a_new_worker_writes_into_the_new_file(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    log = tmp_path / "access"
    daemon = daemon_factory({"web": {**WHO, "access_log": {"file": str(log)}}}, tolerate=["worker"])
    log.rename(tmp_path / "old")
    assert daemon.command("reopen-logs").returncode == 0
    (pid,) = daemon.workers()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: daemon.workers() not in ([pid], []), "another worker")
    ask(daemon.address(), "/print?x")
    eventually(lambda: log.read_text(), "a line in the new file")
    assert not (tmp_path / "old").read_text()


def test_a_stopped_worker_is_named_and_does_not_keep_the_command(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    daemon = daemon_factory({"web": {**WHO, "access_log": {"file": str(tmp_path / "access")}}})
    (pid,) = daemon.workers()
    os.kill(pid, signal.SIGSTOP)
    try:
        done = daemon.command("reopen-logs")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert done.returncode == 1 and f"process {pid} still writes into the old file" in done.stderr


def test_a_folder_that_is_gone_is_told_and_requests_go_on(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    daemon = daemon_factory({"web": {**WHO, "access_log": {"file": str(folder / "access")}}}, tolerate=["cannot open"])
    (folder / "access").unlink()
    folder.rmdir()
    assert "cannot open the access log" in daemon.command("reopen-logs").stderr
    assert ask(daemon.address(), "/print?x").body == b'"printed"'
    folder.mkdir()
    assert daemon.command("reopen-logs").returncode == 0
    ask(daemon.address(), "/print?y")
    eventually((folder / "access").read_text, "a line again")


def test_a_full_disk_costs_lines_and_one_warning(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": {**WHO, "access_log": {"file": "/dev/full"}}})
    for _ in range(5):
        assert ask(daemon.address(), "/print?x").body == b'"printed"'
    daemon.wait_for_line("cannot write the access log: No space left on device")
    assert daemon.text.count("cannot write the access log") == 1


def test_a_pipe_that_nobody_reads_costs_lines_until_somebody_does(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    fifo = tmp_path / "access"
    os.mkfifo(fifo)
    daemon = daemon_factory({"web": {**WHO, "access_log": {"file": str(fifo)}}})
    while "cannot write the access log" not in daemon.text:
        assert ask(daemon.address(), "/print?x", HTTP_USER_AGENT="a" * 3000).body == b'"printed"'
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.read(reader, 1 << 20)
        ask(daemon.address(), "/print?x")
        daemon.wait_for_line(r"the access log is written again: \d+ lines were lost")
    finally:
        os.close(reader)


def test_no_request_through_nginx_forges_a_line(daemon_factory: DaemonFactory, nginx_factory: Callable[..., Nginx], tmp_path: Path) -> None:
    log = tmp_path / "access"
    daemon = daemon_factory({"web": {**WHO, "access_log": {"file": str(log), "format": "combined"}}})
    nginx = nginx_factory(daemon.address())
    hostile = b'GET /"\x9b31mx\\%0d%0aforged HTTP/1.1\r\nHost: a\r\nUser-Agent: \x1b[2J" "\xff\\\tforged\r\nReferer: "\x9b31m\r\nConnection: close\r\n\r\n'
    with socket.create_connection(("127.0.0.1", nginx.port)) as client:
        client.sendall(hostile)
        while client.recv(65536):
            pass
    said = '/print?%0d%0aforged%1b%5b31m%22%0a'
    with socket.create_connection(("127.0.0.1", nginx.port)) as client:
        client.sendall(f"GET {said} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        while client.recv(65536):
            pass
    eventually(lambda: log.read_bytes().count(b"\n") >= 2, "a line for each request")
    text = log.read_bytes()
    assert all(0x20 <= byte < 0x7F or byte == 0x0A for byte in text)
    assert [line.startswith(b"127.0.0.1 - - [") for line in text.splitlines()] == [True, True]
    assert rb"\u001b[2J" in text and rb"\u009b31m" in text  # nginx let both through.
    daemon.wait_for_line(r"web\[\d+\]: forged\\x1b\[31m\"$")
    assert "\x1b" not in daemon.text


def test_open_files_and_core_are_limited(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": {**WHO, "limits": {"open_files": 99, "core": 0}}})
    (pid,) = daemon.workers()
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert [line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files")] == [["99", "99"]]
    assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file")] == [["0", "0"]]


def test_three_floods_starve_nobody_and_lose_nothing(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    log = tmp_path / "log"
    daemon = Daemon({"loud": {**WHO, "workers": 3}, "web": WHO}, settings={"log": {"file": str(log)}})
    with daemon.start(ready=False):
        eventually(lambda: log.exists() and "ready to serve" in log.read_text(), "it serves")
        floods = [threading.Thread(target=ask, args=(daemon.address("loud"), "/flood?20000"), kwargs={"timeout": 60}) for _ in range(3)]
        for flood in floods:
            flood.start()
        for _ in range(10):
            assert ask(daemon.address(), "/print?x", timeout=5).body == b'"printed"'
        assert daemon.command("status", "--json", timeout=10).returncode == 0
        for flood in floods:
            flood.join()
        eventually(lambda: log.read_text().count("f" * 1000 + "\n") == 60000, "every line")
