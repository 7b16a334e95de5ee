"""What /proc tells of foreign programs, of real sockets and processes of this test."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fcgipm.worker.keeper_holding import Connections, members, rests, sockets
from tests.support.daemon import ROOT

IPV4, IPV6 = ("127.0.0.1", 0), ("::1", 0)


def inode(one: socket.socket) -> int:
    return os.fstat(one.fileno()).st_ino


@pytest.fixture(params=["unix", "odd path", "abstract", "ipv4", "ipv6"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    family = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}.get(request.param, socket.AF_UNIX)
    with socket.socket(family) as one:
        if family != socket.AF_UNIX:
            one.bind(IPV4 if family == socket.AF_INET else IPV6)
        else:
            folder = os.path.relpath(tmp_path)  # Shorter than 108 bytes.
            one.bind({"unix": f"{folder}/a", "odd path": f"{folder}/a (b)+ é.*", "abstract": f"\0fcgipm-test-{os.getpid()}"}[request.param])
        one.listen()
        yield one


def test_only_who_was_accepted_counts(listener: socket.socket) -> None:
    connections = Connections(listener)
    with socket.socket(listener.family) as client:
        client.connect(listener.getsockname())
        assert connections.accepted() == frozenset(), "neither the listener nor who waits"
        ours, _ = listener.accept()
        with ours:
            assert connections.accepted() == {inode(ours)}
            client.close()
            assert connections.accepted() == {inode(ours)}, "until we let go"
        assert connections.accepted() == frozenset()


def test_connections_of_others_do_not_count(tmp_path: Path) -> None:
    """One whose path begins as ours does, and one of ours to somebody else."""
    folder = os.path.relpath(tmp_path)
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second, socket.socket(socket.AF_UNIX) as client:
        for one, name in ((first, "a"), (second, "a b")):
            one.bind(f"{folder}/{name}")
            one.listen()
        client.connect(f"{folder}/a b")
        with second.accept()[0] as ours:
            assert Connections(first).accepted() == frozenset()
            assert Connections(second).accepted() == {inode(ours)}


def test_the_sockets_of_a_process() -> None:
    with socket.socket() as one:
        assert inode(one) in sockets(os.getpid())
        number = inode(one)
    assert number not in sockets(os.getpid())


def test_a_process_that_is_gone_has_nothing() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert sockets(gone.pid) == set() and members(gone.pid) == [gone.pid] and rests(gone.pid)


@pytest.mark.parametrize("look", ["members", "rests", "sockets"])
def test_without_a_descriptor_left_to_look_with_nothing_is_claimed(look: str) -> None:
    code = (
        "import os, resource, sys\n"
        f"from fcgipm.worker.keeper_holding import {look}\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        "try:\n"
        f"    {look}(os.getpid())\n"
        "except OSError as error:\n"
        "    print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, stdin=subprocess.DEVNULL, timeout=60, check=True)
    assert done.stdout == f"{errno.EMFILE}\n"


def test_members_are_all_that_came_from_it() -> None:
    """Also what a thread of it started."""
    code = (
        "import subprocess, sys, threading\n"
        "def start():\n"
        "    children.append(subprocess.Popen(['cat'], stdin=subprocess.PIPE))\n"
        "children = []\n"
        "threads = [threading.Thread(target=start) for _ in range(2)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "print(*(child.pid for child in children), flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None and parent.stdout is not None
        children = list(map(int, parent.stdout.readline().split()))
        assert sorted(members(parent.pid)) == sorted([parent.pid, *children])


def test_who_is_stopped_rests(tmp_path: Path) -> None:
    """Whatever it is called."""
    name = tmp_path / "a) T (b"
    name.symlink_to("/bin/cat")
    with subprocess.Popen([str(name)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as one:
        assert one.stdin is not None and one.stdout is not None
        one.stdin.write(b"1\n")
        one.stdin.flush()
        assert one.stdout.readline() == b"1\n", "it runs"
        assert Path(f"/proc/{one.pid}/comm").read_text() == "a) T (b\n"
        assert not rests(one.pid)
        os.kill(one.pid, signal.SIGSTOP)
        os.waitpid(one.pid, os.WUNTRACED)
        assert rests(one.pid)
        os.kill(one.pid, signal.SIGCONT)
        os.waitpid(one.pid, os.WCONTINUED)
        assert not rests(one.pid)


def test_a_thread_that_runs_is_seen() -> None:
    over = threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    assert not rests(os.getpid())
    over.set()
    other.join()
