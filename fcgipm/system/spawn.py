"""Start a template: the process of a pool that imports the application and forks the workers.

Privileges are dropped before the pool's Python is exec'ed, because a ``.pth`` file of its environment runs before our first line there. The template is
told everything else down its channel (fcgipm.orders): nothing about the pool is on a command line for all to see but its name.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fcgipm import orders
from fcgipm.system.errors import SystemProblem

BOOTSTRAP = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "worker", "bootstrap.py")

CHANNEL = (socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Template(NamedTuple):
    """A template just started: ours are its pid, our end of the channel (blocking), and the read end of its output pipe."""

    pid: int
    channel: socket.socket
    output: int


class Means(NamedTuple):
    """The descriptors a pool works with: scoreboard, both ends of the handover, listeners in the configuration's order."""

    scoreboard: int
    handover_give: int
    handover_take: int
    listeners: Sequence[int] = ()
    logs: Sequence[int] = ()
    """The access log's file, if it has one."""


def start_template(pool: Mapping[str, Any], generation: int, means: Means) -> Template:
    """Start the template of `pool` (the effective configuration of one pool) and tell it what to be.

    Raises:
        SystemProblem: it cannot be started.
    """
    ours, theirs = socket.socketpair(*CHANNEL)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    read_end, write_end = output_pipe(pool["uid"], pool["gid"])
    try:
        pid = _start(pool, theirs.fileno(), write_end)
        _set_nice(pid, pool["nice"])
        socket.send_fds(ours, [start_message(pool, generation)], [*means[:3], *means.listeners, *means.logs])
    except (OSError, subprocess.SubprocessError) as error:
        ours.close()
        os.close(read_end)
        raise SystemProblem(explain(error, pool)) from error
    finally:
        theirs.close()
        os.close(write_end)
    return Template(pid, ours, read_end)


def start_message(pool: Mapping[str, Any], generation: int) -> bytes:
    """The first message down a template's channel (fcgipm.orders, START)."""
    names = ("app", "cgi", "interface", "directory", "mount", "no_new_privs", "preload", "timeouts", "limits", "hooks", "access_log", "command")
    told = {name: pool[name] for name in names}
    told |= {
        "pool": pool["name"],
        "generation": generation,
        "threads": pool["workers"]["threads"],
        "master": os.getpid(),
    }
    told["listen"] = [{"address": listener["address"], "allow": listener["allow"], "backlog": listener["backlog"]} for listener in pool["listen"]]
    return orders.START + b" " + json.dumps(told).encode("ascii")


def output_pipe(uid: int | None, gid: int | None) -> tuple[int, int]:
    """A pipe for a process's output: our read end does not block, the write end does. Owned by the pool's user, who may so reopen /dev/stderr."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(read_end, False)
    if uid is not None:
        os.fchown(write_end, uid, -1 if gid is None else gid)
    return read_end, write_end


def explain(error: Exception, pool: Mapping[str, Any]) -> str:
    """Why a template could not be started, for people."""
    if isinstance(error, FileNotFoundError):
        return f"cannot start {pool['python']}: there is no such program"
    if isinstance(error, PermissionError) and pool["uid"] is not None and os.geteuid() != 0:
        return f"cannot become the user {pool['user']}: only root may start a pool as another user"
    return f"cannot start {pool['python']}: {getattr(error, 'strerror', None) or error}"


def _start(pool: Mapping[str, Any], channel: int, output: int) -> int:
    command = [pool["python"], BOOTSTRAP, str(channel), pool["name"]]
    return spawn_as(pool, command, pool["env"], pool["umask"], (channel,), output)


def spawn_as(
    who: Mapping[str, Any],
    command: Sequence[str],
    env: Mapping[str, str],
    umask: int,
    passed: Sequence[int],
    output: int,
    stdin: int = subprocess.DEVNULL,
) -> int:
    """Start a program as the user that `who` names by uid, gid and groups (uid None: as ourselves); its pid, which is the caller's to reap.

    It leads a session of its own, in the root folder, and has no descriptors but its input, its output (twice) and `passed`.

    Raises OSError, subprocess.SubprocessError.
    """
    identity: dict[str, Any] = {}
    if who["uid"] is not None:
        identity = {"user": who["uid"], "group": who["gid"], "extra_groups": who["groups"]}
    process = subprocess.Popen(
        command,
        stdin=stdin,
        stdout=output,
        stderr=output,
        cwd="/",
        env=env,
        pass_fds=passed,
        start_new_session=True,
        umask=umask,
        **identity,
    )
    process.returncode = 0  # Whoever called us reaps by pid; Popen must not try to, now or in its finaliser.
    return process.pid


def _set_nice(pid: int, nice: int) -> None:
    """Before START is sent: so nothing of the application has run yet."""
    if nice != 0:
        os.setpriority(os.PRIO_PROCESS, pid, nice)
