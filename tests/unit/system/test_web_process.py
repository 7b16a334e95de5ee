"""What the embedded server's process gets: a user, a socket, a specification, and nothing of the daemon's environment."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fcgipm.system import machine_http
from fcgipm.system.configuration import load
from fcgipm.system.listeners import Listener
from fcgipm.system.spawn_web import address_of, client_host, start_web

SHOW = "#!/bin/sh\nid -u; id -g; id -G; env; umask; cat\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def shown(folder: Path, monkeypatch: pytest.MonkeyPatch, **identity: Any) -> list[str]:
    """What a program in the place of the interpreter finds."""
    (folder / "show").write_text(SHOW)
    (folder / "show").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "show"))
    monkeypatch.setenv("SECRET", "1")
    read_end, write_end = os.pipe()
    with socket.socket() as listener:
        pid = start_web({"uid": None, "gid": None, "groups": None, **identity}, {"listener": listener.fileno()}, write_end)
        os.close(write_end)
        with open(read_end) as output:
            lines = output.read().splitlines()
    os.waitpid(pid, 0)
    assert json.loads(lines[-1]).keys() == {"listener"}
    return lines


def test_a_clean_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(folder, monkeypatch)
    assert lines[0] == str(os.geteuid()) and "0077" in lines
    names = {line.partition("=")[0] for line in lines if "=" in line and not line.startswith("{")}
    assert names <= {"PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_"}


@pytest.mark.root
def test_as_another_user(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(folder, monkeypatch, uid=33, gid=33, groups=[33, 4])[:3] == ["33", "33", "33 4"]


def test_where_a_listener_is_reached() -> None:
    with socket.create_server(("0.0.0.0", 0)) as anywhere:
        port = anywhere.getsockname()[1]
        assert address_of(Listener(f"0.0.0.0:{port}", anywhere)) == {"host": "127.0.0.1", "port": port}
        assert address_of(Listener("unix:/a", anywhere, "/a")) == {"unix": "/a"}
    assert [client_host(text) for text in ("unix:/a", "fd:3", "[::]:1", "10.0.0.1:1")] == [None, None, "::1", "10.0.0.1"]


def problems(file: Path, http: str, listen: str = "unix:w.sock", more: str = "") -> list[str]:
    file.write_text(f"http:\n- {{listen: '127.0.0.1:1', pool: web{http}}}\npools:\n  web: {{app: 'x:y', listen: {listen}{more}}}\n")
    return [str(problem).partition(": ")[2] for problem in load(str(file), {}).problems]


class TestProblems:
    def test_none(self, folder: Path) -> None:
        (folder / "s").mkdir()
        assert problems(folder / "f.yaml", ", static: {/s: s}") == []

    def test_a_static_folder_that_is_missing(self, folder: Path) -> None:
        assert problems(folder / "f.yaml", ", static: {/s: s}") == [
            f"http.0.static./s: {folder}/s does not exist: make the folder, or name another"
        ]

    def test_missing_packages(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(machine_http, "PACKAGES", ("uvicorn", "nothing_of_that_name"))
        assert problems(folder / "f.yaml", "") == [
            "http: needs packages that are not installed (nothing_of_that_name): pip install 'fcgipm[web]', or take the key away"
        ]

    def test_a_listener_that_does_not_allow_this_machine(self, folder: Path) -> None:
        listen = "{address: '127.0.0.1:2', allow: ['10.0.0.1']}"
        assert problems(folder / "f.yaml", "", listen) == [
            "http.0.pool: the pool's first address 127.0.0.1:2 does not allow 127.0.0.1, which the web server connects from: add it to `allow`"
        ]

    @pytest.mark.root
    def test_a_socket_that_its_user_may_not_connect_to(self, folder: Path) -> None:
        found = problems(folder / "f.yaml", ", user: www-data")
        way = f"listen: {{address: unix:{folder}/w.sock, group: www-data}}"
        assert f"http.0.pool: user www-data may not connect to the pool's first address: give the socket its group ({way})" in found
        found = problems(folder / "f.yaml", ", user: www-data", "{address: 'unix:w.sock', group: www-data}")
        assert not [line for line in found if "may not connect" in line]

    def test_a_user_that_there_is_not(self, folder: Path) -> None:
        (line,) = problems(folder / "f.yaml", ", user: nobody-of-that-name")
        assert line.startswith("http.0.user: no such user")
