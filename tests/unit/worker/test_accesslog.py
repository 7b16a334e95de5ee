"""The access log in a worker: what it does when its file or its clock does not do as usual."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fcgipm import orders
from fcgipm.gateways.wsgi import AnyGateway, Response
from fcgipm.worker import accesslog
from fcgipm.worker.accesslog import LoggedGateway, take_log
from fcgipm.worker.deadlines import RequestWatch


class Answers(AnyGateway):
    def __init__(self) -> None:
        self.constants = {}

    def serve(self, params: dict[str, Any], exchange: Any) -> Response:
        exchange.bytes_out = 5
        return SimpleNamespace(status=200)  # type: ignore[return-value]


class Log:
    """A gateway with a log, and the file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.gateway: Any = LoggedGateway(Answers(), self.descriptor, "{uri}", "web", RequestWatch())

    def serve(self, path: str) -> None:
        self.gateway.serve({"REQUEST_METHOD": "GET"}, SimpleNamespace(path=path))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path / "access")
    yield log
    os.close(log.descriptor)


class FullDisk:
    """In the place of `os.write`: no more than `room` bytes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def __call__(self, descriptor: int, data: bytes) -> int:
        written = os.write(descriptor, data[: self.room])
        self.room -= written
        return written


def fill(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    monkeypatch.setattr(accesslog, "os", SimpleNamespace(write=FullDisk(room), fstat=os.fstat))


def test_what_comes_behind_a_torn_line_begins_a_line_of_its_own(log: Log, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    with monkeypatch.context() as full:
        fill(full, 3)
        log.serve("/first")
    log.serve("/second")
    log.serve("/third")
    assert log.file.read_text() == "/fi\n/second\n/third\n"
    assert "no room" in (said := capfd.readouterr().err) and "written again: 1 lines were lost" in said


def test_behind_what_another_has_written_there_is_no_empty_line(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full:
        fill(full, 3)
        log.serve("/first")
    os.write(log.descriptor, b"/other\n")
    log.serve("/second")
    assert log.file.read_text() == "/fi/other\n/second\n"


def test_a_new_file_does_not_begin_with_an_empty_line(log: Log, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as full:
        fill(full, 3)
        log.serve("/first")
    other = os.open(tmp_path / "new", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(other, log.descriptor)
    os.close(other)
    log.serve("/second")
    assert (tmp_path / "new").read_text() == "/second\n"


def test_cpu_of_another_thread_is_no_time_before_the_request(tmp_path: Path) -> None:
    """What leaves may be served in another thread than before, which has used less."""
    log = Log(tmp_path / "access")
    log.gateway = LoggedGateway(Answers(), log.descriptor, "json", "web", RequestWatch())
    log.gateway._cpu = 1 << 62
    log.serve("/a")
    assert json.loads(log.file.read_text())["cpu"] == 0
    os.close(log.descriptor)


@pytest.mark.parametrize(("access", "descriptors", "answered"), [(9, [], False), (2, [], True), (-1, [], True)])
def test_a_file_that_did_not_arrive_is_not_said_to_be_taken(access: int, descriptors: list[int], answered: bool) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        assert take_log(orders.LOGS + b" 7", descriptors, access, ours)
        ours.shutdown(socket.SHUT_WR)
        assert theirs.recv(100) == (orders.LOGS_TAKEN + b" 7" if answered else b"")
