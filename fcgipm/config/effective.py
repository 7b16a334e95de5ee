"""The values in effect, as plain JSON: defaults filled in, paths absolute. What needs the machine (accounts, environment) is added in `fcgipm.system`.

Seconds are floats, sizes and modes whole numbers.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any

from fcgipm.config.addresses import unix_path
from fcgipm.config.kinds import effective_kind, interface_of
from fcgipm.config.layers import Layers, PoolLayers
from fcgipm.config.model import Control, Http, Listen, SlowLog, Status
from fcgipm.config.node import Node, reach
from fcgipm.config.scaling import values

JSON = dict[str, Any]

CONTROL_MODE, CONTROL_MODE_WITH_GROUP = 0o600, 0o660
SOCKET_MODE = 0o660
OFF, STDERR = "off", "stderr"


@dataclass(frozen=True, slots=True)
class Machine:
    """What the defaults depend on."""

    python: str
    """The interpreter that runs fcgipm."""
    control: str
    """The control socket of a file that names none."""


def effective(layers: Layers, machine: Machine) -> JSON:
    """The whole configuration but for accounts (`gid`, `uid`, `groups` are null) and the pools' complete environment (`env` is what the file says)."""
    file = layers.file
    return {
        "file": absolute(layers.node, layers.node.place.source.name.rpartition("/")[2]),
        "control": _control(layers.node, file.control, machine),
        "pid_file": path_below(layers.node, "pid_file", file.pid_file),
        "log": {**file.log.model_dump(), "file": _log_file(layers.node, file.log.file)},
        "stop_timeout": file.stop_timeout,
        "max_workers": file.max_workers,
        "http": [_http(layers.node, index, http) for index, http in enumerate(file.http)],
        "status": None if file.status is None else _status(layers.node, file.status),
        "pools": {pool.name: _pool(pool, machine) for pool in layers.pools},
    }


def absolute(node: Node, path: str) -> str:
    """`path` as it is meant in the file that holds `node`."""
    return posixpath.normpath(posixpath.join(node.place.source.folder, path))


def path_below(node: Node, *steps: str | int | None) -> str | None:
    """The absolute path for the value at all but the last of `steps`, which is its text; None stays None."""
    *way, path = steps
    holder = reach(node, [step for step in way if step is not None])[0]
    return None if path is None else absolute(holder, str(path))


def listen_address(node: Node, index: int, listen: Listen) -> str:
    """The address of a pool's listener, a unix socket's path absolute."""
    path = unix_path(listen.address)
    return listen.address if path is None else f"unix:{path_below(node, 'listen', index, 'address', path)}"


def http_address(node: Node, index: int, http: Http) -> str:
    """The address of an embedded server, a unix socket's path absolute."""
    path = unix_path(http.listen.address)
    return http.listen.address if path is None else f"unix:{path_below(node, 'http', index, 'listen', 'address', path)}"


def status_address(node: Node, status: Status) -> str:
    """The address of the status server, a unix socket's path absolute."""
    path = unix_path(status.listen.address)
    return status.listen.address if path is None else f"unix:{path_below(node, 'status', 'listen', 'address', path)}"


def control_of(node: Node, control: Control | None, machine: Machine) -> str:
    """The absolute path of the control socket."""
    return machine.control if control is None else str(path_below(node, "control", "path", control.path))


def _control(node: Node, control: Control | None, machine: Machine) -> JSON:
    default = CONTROL_MODE_WITH_GROUP if control and control.group else CONTROL_MODE
    mode = default if control is None or control.mode is None else control.mode
    return {"path": control_of(node, control, machine), "mode": mode, "gid": None}


def _log_file(node: Node, file: str) -> str | None:
    return file if file == STDERR else path_below(node, "log", "file", file)


def _access_file(node: Node, file: str) -> str | None:
    return file if file in (OFF, STDERR) else path_below(node, "access_log", "file", file)


def _pool(pool: PoolLayers, machine: Machine) -> JSON:
    keys, node = pool.keys, pool.node
    return {
        "name": pool.name,
        "app": keys.app,
        "cgi": path_below(node, "cgi", keys.cgi),
        "command": keys.command and list(keys.command),
        "interface": interface_of(keys),
        "listen": [_listen(node, index, listen) for index, listen in enumerate(keys.listen or [])],
        "python": path_below(node, "python", keys.python) or machine.python,
        "directory": path_below(node, "directory", keys.directory) or node.place.source.folder,
        "env": dict(keys.env),
        "user": keys.user,
        "uid": None,
        "gid": None,
        "groups": None,
        "umask": keys.umask,
        "nice": keys.nice,
        "no_new_privs": keys.no_new_privs,
        "mount": keys.mount,
        "workers": values(keys.workers),
        "preload": keys.preload,
        "timeouts": keys.timeouts.model_dump(),
        "limits": keys.limits.model_dump(),
        "recycle": keys.recycle.model_dump(),
        "probe": None if keys.probe is None else keys.probe.model_dump(),
        "hooks": keys.hooks.model_dump(),
        "access_log": {"file": _access_file(node, keys.access_log.file), "format": keys.access_log.format},
        "slow_log": _slow_log(node, keys.slow_log),
        **effective_kind(keys),
    }


def _slow_log(node: Node, slow: SlowLog | None) -> JSON | None:
    """`file` None: the daemon's log."""
    if slow is None:
        return None
    return {"file": None if slow.file == STDERR else path_below(node, "slow_log", "file", slow.file), "after": slow.after}


def _http(node: Node, index: int, http: Http) -> JSON:
    """Whom it runs as is filled in where the accounts are known."""
    folders = {prefix: path_below(node, "http", index, "static", prefix, path) for prefix, path in http.static.items()}
    return {
        "listen": {**_listening(http.listen), "address": http_address(node, index, http)},
        "pool": http.pool,
        "static": folders,
        "access_log": http.access_log,
        "user": http.user,
        "uid": None,
        "gid": None,
        "groups": None,
    }


def _status(node: Node, status: Status) -> JSON:
    return {"listen": {**_listening(status.listen), "address": status_address(node, status)}, "user": status.user, "uid": None, "gid": None, "groups": None}


def _listen(node: Node, index: int, listen: Listen) -> JSON:
    return {**_listening(listen), "address": listen_address(node, index, listen)}


def _listening(listen: Listen) -> JSON:
    return {
        "address": listen.address,
        "mode": SOCKET_MODE if listen.mode is None else listen.mode,
        "uid": None,
        "gid": None,
        "backlog": listen.backlog,
        "allow": listen.allow,
    }
