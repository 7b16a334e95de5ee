"""From a configuration file to a running master, and the way back: everything that exists once in a daemon is opened and taken away here."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from fcgipm.control.server import ControlServer, allow_peers
from fcgipm.master.belongings import Belongings, take_away
from fcgipm.master.inheritance import inherit, read_state
from fcgipm.master.log import STDERR, Log
from fcgipm.master.master import Master
from fcgipm.master.openings import Openings, wanted
from fcgipm.master.reading import ConfigurationRefused, command, judged
from fcgipm.system import exit_codes, lock
from fcgipm.system.errors import SystemProblem
from fcgipm.system.folders import make_control_folder
from fcgipm.system.notify import Manager, take_manager
from fcgipm.system.unix_sockets import Ownership, listen_unix

CONTROL_BACKLOG = 64


def main(file: str) -> int:
    """Run the daemon of one configuration file in the foreground; the exit code."""
    manager = take_manager(os.environ, os.getpid())
    try:
        return run(read_configuration(file), manager)
    except ConfigurationRefused as refused:
        sys.stderr.write("".join(f"{line}\n" for line in refused.lines))
        return refused.code
    except SystemProblem as problem:
        sys.stderr.write(f"fcgipm: {problem}\n")
        return exit_codes.CANNOT_OPEN


def read_configuration(file: str) -> dict[str, Any]:
    """The effective configuration, read and judged in a child. Raises ConfigurationRefused: the file has errors, or the child failed."""
    child = subprocess.run(command(file), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return judged(child.stdout, file, child.returncode)


def run(settings: Mapping[str, Any], manager: Manager) -> int:
    """Take the lock, open everything, serve, and leave nothing behind.

    Raises:
        SystemProblem: something cannot be opened or bound.
    """
    raise_descriptor_limit()
    log = Log(settings["log"]["file"], settings["log"]["level"], settings["log"]["format"])
    with ExitStack() as last:
        with ExitStack() as stack:
            master = make_master(settings, log, manager, stack, last)
            master.begin()
            code = master.run()
        master.tell_stopped()
    if code == exit_codes.FAILED and settings["log"]["file"] != STDERR:  # Who started it looks at the terminal.
        sys.stderr.write(f"fcgipm: no pool can serve: {settings['log']['file']} tells why\n")
    return code


def resume(paper: int) -> int:
    """Go on in the place of the program whose state is in that memory file; the exit code. Raises SystemProblem."""
    state = read_state(paper)
    os.close(paper)
    with ExitStack() as last:
        with ExitStack() as stack:
            master = inherit(state)
            last.callback(master.belongings.control[1].close)
            stack.callback(master.belongings.take_away)
            master.go_on()
            code = master.run()
        master.tell_stopped()
    return code


def rehearse(paper: int) -> int:
    """Take over all that is in that memory file, and serve nobody; the exit code. Raises SystemProblem, OSError, KeyError."""
    inherit(read_state(paper))
    return 0


def make_master(settings: Mapping[str, Any], log: Log, manager: Manager, stack: ExitStack, last: ExitStack) -> Master:
    """Make all that a daemon is known by. `stack` takes it away again, whatever happens; what those who asked for the stop still need goes with `last`.

    Raises:
        SystemProblem: something cannot be opened or bound.
    """
    control = settings["control"]
    make_control_folder(os.path.dirname(control["path"]))
    held = lock.take(lock.lock_path(control["path"]))
    stack.callback(held.release)
    openings = Openings({}, wanted(settings), held.left_behind)
    stack.callback(take_away, openings.new)
    openings.publish()
    listening, inode = listen_unix(control["path"], Ownership(control["mode"], None, control["gid"]), CONTROL_BACKLOG, ours=True)
    last.callback(listening.close)
    belongings = Belongings(held, (control["path"], listening, inode))
    belongings.listeners = openings.listeners
    belongings.record()
    stack.pop_all()
    stack.callback(belongings.take_away)
    server = ControlServer(listening, allow_peers(control["gid"]))
    last.callback(server.close)
    belongings.write_pid_file(settings["pid_file"])
    return Master(settings, belongings, server, log, manager)


def raise_descriptor_limit() -> None:
    """A worker costs its master two descriptors, and the default of 1024 is for programs that use select(2).

    Workers inherit it, because their connections cost descriptors too: an application's own select(2) fails on numbers from 1024 on, poll(2) does not.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
