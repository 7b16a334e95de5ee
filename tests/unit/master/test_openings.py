"""Listeners that are added, kept and given up by a reload: all of them or none."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from fcgipm.master.openings import Openings
from fcgipm.system.errors import SystemProblem
from fcgipm.system.listeners import Listener, open_listener


def settings(address: str, **more: Any) -> dict[str, Any]:
    return {"address": address, "mode": 0o600, "uid": None, "gid": None, "backlog": 8, "allow": None, **more}


def opened(*addresses: str) -> dict[str, Listener]:
    return {address: open_listener(settings(address)) for address in addresses}


def close(*groups: dict[str, Listener]) -> None:
    for listener in {id(one): one for group in groups for one in group.values()}.values():
        listener.unlink()
        listener.close()


def test_kept_ones_keep_their_socket_and_new_ones_come_with_the_publication(tmp_path: Path) -> None:
    first, second = f"unix:{tmp_path}/a.sock", f"unix:{tmp_path}/b.sock"
    before = opened(first)
    openings = Openings(before, [("pool web", settings(first, mode=0o660)), ("pool blog", settings(second))])
    assert openings.listeners[first] is before[first] and not os.path.exists(second[5:])
    openings.publish()
    assert os.stat(first[5:]).st_mode & 0o777 == 0o660 and os.path.exists(second[5:])
    close(before, openings.listeners)
    assert os.listdir(tmp_path) == []


def test_one_that_cannot_be_had_leaves_nothing_behind(tmp_path: Path) -> None:
    first = f"unix:{tmp_path}/a.sock"
    before = opened(first)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = [("pool web", settings(first)), ("pool web", settings(f"unix:{tmp_path}/b.sock"))]
        wanted += [("http for pool web", settings(f"127.0.0.1:{taken.getsockname()[1]}")), ("status", settings(f"unix:{tmp_path}/no/c.sock"))]
        with pytest.raises(SystemProblem) as found:
            Openings(before, wanted)
    lines = str(found.value).splitlines()
    assert len(lines) == 2 and lines[0].startswith("http for pool web: ") and "status: " in lines[1], "every problem at once"
    assert os.listdir(tmp_path) == ["a.sock"]
    close(before)


def test_a_publication_that_fails_changes_nothing(tmp_path: Path) -> None:
    first, second = f"unix:{tmp_path}/a.sock", f"unix:{tmp_path}/b.sock"
    before = opened(first)
    openings = Openings(before, [("pool web", settings(first, mode=0o666)), ("pool web", settings(second))])
    foreign = socket.socket(socket.AF_UNIX)
    foreign.bind(second[5:])
    foreign.listen()
    with pytest.raises(SystemProblem, match="another program listens"):
        openings.publish()
    assert os.stat(first[5:]).st_mode & 0o777 == 0o600
    assert sorted(os.listdir(tmp_path)) == ["a.sock", "b.sock"], "theirs is left alone"
    foreign.close()
    close(before)


def test_what_the_starter_left_open_outlives_an_attempt_that_fails(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as started, socket.create_server(("127.0.0.1", 0)) as taken:
        inherited = settings(f"fd:{started.fileno()}")
        with pytest.raises(SystemProblem):
            Openings({}, [("pool web", inherited), ("pool blog", settings(f"127.0.0.1:{taken.getsockname()[1]}"))])
        openings = Openings({}, [("pool web", inherited)])
        openings.publish()
        with socket.create_connection(started.getsockname()):
            openings.listeners[inherited["address"]].socket.accept()[0].close()
        openings.give_up()
        assert started.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
