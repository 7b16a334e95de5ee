"""What is left of a CGI program when something goes wrong in the worker."""

from __future__ import annotations

import os
import socket
from typing import NoReturn

import pytest

from fcgipm.scoreboard import PROGRAM
from fcgipm.wire.fastcgi import ParamsDecoder
from fcgipm.worker import cgi
from fcgipm.worker.cgi import CgiGateway
from fcgipm.worker.cgi_child import Child
from fcgipm.worker.connection import new_codec
from fcgipm.worker.deadlines import RequestWatch
from fcgipm.worker.pumped_connection import PumpedConnection
from fcgipm.worker.settings import Settings, Timeouts
from tests.support.fastcgi import Connection as Peer
from tests.support.fastcgi import request

SETTINGS = Settings("web", 1, "hello:application", os.getcwd(), "", 1, True, 0, [None], Timeouts(5, 5, 5, 5, 5), 1 << 20, interface="cgi")


def descriptors() -> list[str]:
    return os.listdir("/proc/self/fd")


def test_a_program_is_ended_also_when_there_is_no_memory_to_attend_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, pids = RequestWatch(), list[int]()
    gateway = CgiGateway(SETTINGS, "1", watch)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection, peer = PumpedConnection(ours, ours.fileno(), SETTINGS, new_codec(SETTINGS, ParamsDecoder())), Peer(theirs)
        peer.send(request({"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "5"}))
        asked = connection.receive_head()
        assert asked is not None
        before = descriptors()

        def fails(child: Child, *_given: object) -> NoReturn:
            pids.append(child.pid)
            raise MemoryError

        monkeypatch.setattr(cgi, "Pump", fails)
        response = gateway.serve(asked.params, connection)
        assert response.failed and response.status == 500
        assert descriptors() == before and watch.slot[PROGRAM] == 0
    with pytest.raises(ChildProcessError):
        os.waitpid(pids[0], os.WNOHANG)
    os.close(gateway._nothing)
