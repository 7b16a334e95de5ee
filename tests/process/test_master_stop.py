"""The daemon's end: nothing queued is lost, nobody waits for ever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from tests.support.daemon import ROOT, Daemon, eventually
from tests.support.fastcgi import Connection, Reply, ask, environ, request
from tests.support.gate import Gate

DaemonFactory = Callable[..., Daemon]

CASES = {"app": "cases:application"}


def at_gate(daemon: Daemon, gate: Gate) -> Connection:
    """A connection whose request is inside the application."""
    connection = Connection(daemon.address())
    connection.send(request(environ("/at-gate", GATE=gate.path)))
    gate.arrival()
    return connection


def test_what_is_queued_is_served(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": {"app": "sleep:application", "workers": 2}})
    clients = [Connection(daemon.address()) for _ in range(100)]
    for client in clients:
        client.send(request(environ("/?s=0.01")))
    os.kill(daemon.pid, signal.SIGTERM)
    for client in clients:
        with client:
            assert client.read_reply().status == 200
    daemon.stop()


def test_a_lock_file_that_somebody_cleaned_away_does_not_spoil_it(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": CASES})
    os.unlink(f"{daemon.control_path}.lock")
    assert daemon.command("stop").returncode == 0
    daemon.stop()


def test_under_load_every_connection_that_was_made_is_answered(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": {**CASES, "workers": 2}})
    under_way = threading.Semaphore(0)
    answered: list[Reply] = []
    lost: list[object] = []

    def client() -> None:
        while True:
            try:
                connection = Connection(daemon.address())
            except (FileNotFoundError, ConnectionRefusedError):
                return  # The path is gone: that is how a stop looks from outside.
            with connection:
                try:
                    reply = connection.ask(environ("/hello"))
                    if reply.complete and reply.body == b"hello":
                        answered.append(reply)
                    else:
                        lost.append(reply)
                except (OSError, EOFError) as error:
                    lost.append(error)
            under_way.release()

    clients = [threading.Thread(target=client) for _ in range(8)]
    for thread in clients:
        thread.start()
    for _ in range(200):
        under_way.acquire()
    os.kill(daemon.pid, signal.SIGTERM)
    for thread in clients:
        thread.join()
    assert not lost and len(answered) >= 200
    daemon.stop()


def test_term_waits_for_the_running_request_and_repeats_change_nothing(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": CASES})
    with Gate() as gate, at_gate(daemon, gate) as connection:
        for _ in range(3):
            os.kill(daemon.pid, signal.SIGTERM)
        daemon.wait_for_line("stopping")
        status = daemon.status()
        assert status["state"] == "stopping" and status["pools"]["web"]["workers"]["stopping"] == 1
        assert not os.path.exists(daemon.address()[5:]), "no new client can come"
        gate.open()
        assert connection.read_reply().body == b"after the gate"
    daemon.stop()
    assert len([line for line in daemon.lines if line.endswith("stopping")]) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_second_interrupt_stops_at_once(daemon_factory: DaemonFactory, number: signal.Signals) -> None:
    daemon = daemon_factory({"web": CASES})
    with Gate() as gate, at_gate(daemon, gate) as connection:
        os.kill(daemon.pid, number)
        daemon.wait_for_line("stopping")
        os.kill(daemon.pid, number)
        assert daemon.wait() == 0
        assert connection.read_to_end() == b""
    daemon.stop()


def test_stop_timeout_ends_the_patience(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": CASES}, settings={"stop_timeout": "200ms"})
    with Gate() as gate, at_gate(daemon, gate):
        os.kill(daemon.pid, signal.SIGTERM)
        assert daemon.wait() == 0
    daemon.wait_for_line("1 worker left: terminating it")
    daemon.stop()


def test_the_command_shows_progress_and_waits_for_the_end(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": {**CASES, "workers": 2}})
    with Gate() as gate, at_gate(daemon, gate) as connection:
        command = start_command(daemon, "stop")
        assert command.stdout is not None
        while "web: 1" not in command.stdout.readline():
            pass
        gate.open()
        assert connection.read_reply().complete
        rest, _ = command.communicate(timeout=20)
    assert command.returncode == 0 and rest.splitlines()[-1] == "stopped"
    assert daemon.wait() == 0
    daemon.stop()


def test_the_command_now(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": CASES})
    with Gate() as gate, at_gate(daemon, gate):
        assert daemon.command("stop", "--now").returncode == 0
        assert daemon.wait() == 0
    daemon.stop()


def test_after_the_command_the_next_daemon_can_start_at_once(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": CASES})
    lines = daemon.control({"command": "stop"})
    assert lines[-1] == {"result": "stopped"} and all("progress" in line for line in lines[:-1])
    assert os.listdir(daemon.run_folder) == []
    daemon.wait()


def test_everybody_who_asked_is_answered(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": CASES})
    with Gate() as gate, at_gate(daemon, gate):
        commands = [start_command(daemon, "stop") for _ in range(3)]
        for command in commands:
            assert command.stdout is not None and "web: 1" in command.stdout.readline()
        gate.open()
        assert [command.communicate(timeout=20)[0].splitlines()[-1] for command in commands] == ["stopped"] * 3
    daemon.wait()


def test_a_stop_while_the_application_is_being_imported(daemon_factory: DaemonFactory) -> None:
    with Gate() as gate:
        daemon = Daemon({"web": CASES})
        source = f"import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect({gate.path!r})\ns.recv(1)\n"
        (daemon.folder / "slow.py").write_text(source)
        daemon.write(daemon.file.read_text().replace("cases:application", "slow:application").replace(
            str(ROOT / "tests/support/apps"), str(daemon.folder)))  # fmt: skip
        with daemon.start(ready=False):
            gate.arrival()


def test_processes_that_the_application_left_do_not_hold_the_stop(daemon_factory: DaemonFactory) -> None:
    """A grandchild holds the worker's output pipe, and the master adopts it: neither may be waited for."""
    with Gate() as gate:
        daemon = Daemon({"web": CASES})
        source = (
            "import subprocess\n"
            "def application(environ, start_response):\n"
            f"    subprocess.Popen(['python3', '-c', 'import socket; s = socket.socket(socket.AF_UNIX); s.connect({gate.path!r}); s.recv(1)'])\n"
            "    start_response('200 OK', [])\n"
            "    return [b'']\n"
        )
        (daemon.folder / "leaver.py").write_text(source.replace(f"({gate.path!r})", f'("{gate.path}")'))
        daemon.write(daemon.file.read_text().replace("cases:application", "leaver:application").replace(
            str(ROOT / "tests/support/apps"), str(daemon.folder)))  # fmt: skip
        daemon.start()
        assert ask(daemon.address()).status == 200
        gate.arrival()
        os.kill(daemon.pid, signal.SIGTERM)
        assert daemon.wait() == 0
        gate.open()
        eventually(lambda: not daemon.processes(), "the grandchild has ended")
        daemon.stop()


def start_command(daemon: Daemon, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", "-m", "fcgipm.cli", arguments[0], "-c", str(daemon.file), *arguments[1:]]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_the_result_is_json_lines(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": CASES})
    assert json.dumps(daemon.control({"command": "ping"})[-1]["result"]["pid"]) == str(daemon.pid)
