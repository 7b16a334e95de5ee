"""From a configuration file to a running master, and the way back: everything that exists once in a daemon is opened and taken away here."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from typing import Any

from fcgipm.control.server import ControlServer, allow_peers
from fcgipm.master.log import Log
from fcgipm.master.master import Master
from fcgipm.system import exit_codes, lock
from fcgipm.system.errors import SystemProblem
from fcgipm.system.folders import make_control_folder
from fcgipm.system.listeners import Listener, open_listener
from fcgipm.system.unix_sockets import Ownership, listen_unix, unlink_if_same

CONTROL_BACKLOG = 64


class ConfigurationRefused(Exception):
    """The configuration child found the file wanting. `lines` are for people; `code` is the exit code."""

    def __init__(self, lines: list[str], code: int) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.code = code


def main(file: str) -> int:
    """Run the daemon of one configuration file in the foreground; the exit code."""
    try:
        return run(read_configuration(file))
    except ConfigurationRefused as refused:
        sys.stderr.write("".join(f"{line}\n" for line in refused.lines))
        return refused.code
    except SystemProblem as problem:
        sys.stderr.write(f"fcgipm: {problem}\n")
        return exit_codes.CANNOT_OPEN


def read_configuration(file: str) -> dict[str, Any]:
    """The effective configuration, read and judged in a child: a hostile or huge file cannot hurt or fatten the master.

    Raises:
        ConfigurationRefused: the file has errors, or the child failed.
    """
    child = subprocess.run(
        [sys.executable, "-I", "-m", "fcgipm.system.configuration", file],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    try:
        document = json.loads(child.stdout)
    except ValueError:
        lines = [f"fcgipm: reading {file} failed (exit {child.returncode})"]
        raise ConfigurationRefused(lines, exit_codes.INTERNAL) from None
    if "config" not in document:
        raise ConfigurationRefused(document["errors"], exit_codes.CONFIGURATION)
    config: dict[str, Any] = document["config"]
    return config


def run(settings: Mapping[str, Any]) -> int:
    """Take the lock, open everything, serve, and leave nothing behind.

    Raises:
        SystemProblem: something cannot be opened or bound.
    """
    raise_descriptor_limit()
    log = Log(settings["log"]["file"], settings["log"]["level"], settings["log"]["format"])
    with ExitStack() as last:
        with ExitStack() as stack:
            master = make_master(settings, log, stack, last)
            code = master.run()
        master.tell_stopped()
    return code


def make_master(settings: Mapping[str, Any], log: Log, stack: ExitStack, last: ExitStack) -> Master:
    """Make all that a daemon is known by. `stack` takes it away again, whatever happens; what those who asked for the stop still need goes with `last`.

    Raises:
        SystemProblem: something cannot be opened or bound.
    """
    control = settings["control"]
    make_control_folder(os.path.dirname(control["path"]))
    held = lock.take(lock.lock_path(control["path"]))
    stack.callback(held.release)
    listeners, http_listeners = open_listeners(settings["pools"], settings["http"], held.left_behind)
    opened = [listener for group in (*listeners.values(), http_listeners) for listener in group]
    stack.callback(take_away, opened)
    status = open_status(settings["status"], held.left_behind)
    opened += [status] if status is not None else []
    held.record([listener.address for listener in opened])
    ownership = Ownership(control["mode"], None, control["gid"])
    listening, inode = listen_unix(control["path"], ownership, CONTROL_BACKLOG, ours=True)
    last.callback(listening.close)
    stack.callback(unlink_if_same, control["path"], inode)
    server = ControlServer(listening, allow_peers(control["gid"]))
    last.callback(server.close)
    write_pid_file(settings["pid_file"])
    stack.callback(remove_pid_file, settings["pid_file"])
    return Master(settings, listeners, server, log, http_listeners, status)


def open_listeners(
    pools: Mapping[str, Any], http: list[dict[str, Any]], left_behind: frozenset[str]
) -> tuple[dict[str, list[Listener]], list[Listener]]:
    """The listeners of all pools, and those of the embedded servers; or none.

    Raises:
        SystemProblem: with every problem, a line each; what had been made is taken away again.
    """
    opened: dict[str, list[Listener]] = {name: [] for name in pools}
    http_listeners: list[Listener] = []
    wanted = [(f"pool {name}", opened[name], one) for name, pool in pools.items() for one in pool["listen"]]
    wanted += [(f"http for pool {one['pool']}", http_listeners, one["listen"]) for one in http]
    problems = []
    for whose, group, settings in wanted:
        try:
            group.append(open_listener(settings, left_behind))
        except SystemProblem as problem:
            problems.append(f"{whose}: {problem}")
    if problems:
        take_away([listener for group in (*opened.values(), http_listeners) for listener in group])
        raise SystemProblem("\nfcgipm: ".join(problems))
    return opened, http_listeners


def open_status(settings: Mapping[str, Any] | None, left_behind: frozenset[str]) -> Listener | None:
    """The status server's listener. Raises SystemProblem."""
    try:
        return None if settings is None else open_listener(settings["listen"], left_behind)
    except SystemProblem as problem:
        raise SystemProblem(f"status: {problem}") from None


def take_away(listeners: Iterable[Listener]) -> None:
    """Unlink and close them, where that has not been done."""
    for listener in listeners:
        listener.unlink()
        listener.close()


def raise_descriptor_limit() -> None:
    """A worker costs its master two descriptors, and the default of 1024 is for programs that use select(2).

    Workers inherit it, because their connections cost descriptors too: an application's own select(2) fails on numbers from 1024 on, poll(2) does not.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def write_pid_file(path: str | None) -> None:
    """Write our pid, whole or not at all. Raises SystemProblem."""
    if path is None:
        return
    temporary = f"{path}.{os.getpid()}"
    try:
        with open(temporary, "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        os.rename(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise SystemProblem(f"cannot write the pid file {path}: {error.strerror}") from error


def remove_pid_file(path: str | None) -> None:
    """Remove the pid file, if it still is ours."""
    if path is None:
        return
    try:
        with open(path, encoding="ascii") as file:
            ours = file.read().strip() == str(os.getpid())
        if ours:
            os.unlink(path)
    except OSError:
        pass
