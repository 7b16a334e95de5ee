"""What the machine says about a configuration: users, folders, interpreters, environment files. Fills in what the pure part left open."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import PurePosixPath

import fcgipm
from fcgipm.config.addresses import unix_path
from fcgipm.config.effective import JSON, OFF, STDERR
from fcgipm.config.errors import Problem
from fcgipm.config.layers import Layers, PoolLayers
from fcgipm.config.node import Node
from fcgipm.system.access import ENTER, READ, missing, obstacle
from fcgipm.system.accounts import AccountError, Identity, gid_of, in_group, starter, uid_of, user_named
from fcgipm.system.environment import EnvironmentFileError, environment, inherited, read_environment_file
from fcgipm.system.machine_http import complete_http
from fcgipm.system.machine_status import complete_status

PACKAGE = os.path.dirname(os.path.abspath(fcgipm.__file__))


def complete(config: JSON, layers: Layers, environ: Mapping[str, str]) -> list[Problem]:
    """Add accounts and environments to `config`, in place; the problems found on the way."""
    problems = [*_control(config, layers), *_files(config, layers)]
    for pool in layers.pools:
        problems += _Pool(pool, config["pools"][pool.name], environ, config["control"]["path"]).complete()
    return [*problems, *complete_http(config, layers), *complete_status(config, layers)]


def _control(config: JSON, layers: Layers) -> list[Problem]:
    control = layers.file.control
    if control is None or control.group is None:
        return []
    try:
        config["control"]["gid"] = gid_of(control.group)
    except AccountError as error:
        return [layers.node.problem_of("control", "group", text=str(error))]
    return []


def _files(config: JSON, layers: Layers) -> list[Problem]:
    """The log's folder must be there; those of the control socket and the pid file the daemon can make."""
    file = config["log"]["file"]
    if file == STDERR:
        return []
    fault = _no_place(file)
    return [layers.node.problem_of("log", "file", text=fault)] if fault else []


class _Pool:
    """One pool and the machine."""

    def __init__(self, pool: PoolLayers, values: JSON, environ: Mapping[str, str], control: str) -> None:
        self.node, self.keys, self.values, self.environ = pool.node, pool.keys, values, environ
        self.control_folder = os.path.dirname(control)
        self.problems: list[Problem] = []

    def complete(self) -> list[Problem]:
        who = self._identity()
        for index, listen in enumerate(self.keys.listen or []):
            self._socket(index, listen.owner, listen.group)
        from_file = self._environment_file()
        own = self.values["env"]
        if who is not None:
            passed = inherited(self.keys.inherit_env, self.environ)
            self.values["env"] = environment(who, from_file, passed, own)
            self._nice(who)
        self._directory(who)
        self._python(who)
        self._program(who)
        self._scripts(who)
        self._logs()
        return self.problems

    def report(self, *steps: str, text: str, node: Node | None = None) -> None:
        self.problems.append((node or self.node).problem_of(*steps, text=text))

    def _identity(self) -> Identity | None:
        """Who the pool runs as; None when that is not clear."""
        user, group = self.keys.user, self.keys.group
        if user is None:
            return None if {"user", "group"} & self.node.lost else starter()
        who = self._account("user", user)
        if who is not None and group is not None:
            who = self._grouped(who, group)
        if who is not None and who.switched:
            self.values.update(user=who.name, uid=who.uid, gid=who.gid, groups=list(who.groups))
        return who

    def _account(self, key: str, name: str) -> Identity | None:
        try:
            return user_named(name)
        except AccountError as error:
            self.report(key, text=str(error))
            return None

    def _grouped(self, who: Identity, group: str) -> Identity | None:
        try:
            return in_group(who, gid_of(group))
        except AccountError as error:
            self.report("group", text=str(error))
            return None

    def _socket(self, index: int, owner: str | None, group: str | None) -> None:
        listen = self.node.child("listen")
        assert listen is not None and isinstance(listen.value, list)
        node, values = listen.value[index], self.values["listen"][index]
        for key, name, lookup, field in (("owner", owner, uid_of, "uid"), ("group", group, gid_of, "gid")):
            try:
                values[field] = None if name is None else lookup(name)
            except AccountError as error:
                self.report(key, text=str(error), node=node)
        path = unix_path(values["address"])
        if path is not None and (fault := self._socket_folder(os.path.dirname(path))):
            self.report("address", text=fault, node=node)

    def _socket_folder(self, folder: str) -> str | None:
        if folder == self.control_folder and not os.path.lexists(folder):
            return None  # the daemon makes it for its control socket
        if fault := missing(folder, folder=True):
            return f"the socket has no place: {fault}; make the folder, or choose another"
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            return f"the socket cannot be made: {starter().name} may not write into the folder {folder}"
        return None

    def _environment_file(self) -> dict[str, str]:
        path = self.keys.env_file
        if path is None:
            return {}
        holder = self.node.child("env_file")
        assert holder is not None
        try:
            return read_environment_file(str(PurePosixPath(holder.place.source.folder, path)))
        except EnvironmentFileError as error:
            self.report("env_file", text=str(error))
            return {}

    def _nice(self, who: Identity) -> None:
        if self.keys.nice < 0 and os.geteuid() != 0:
            self.report(
                "nice", text=f"only root can give more than ordinary priority: {self.keys.nice} must be 0 to 19 here"
            )

    def _directory(self, who: Identity | None) -> None:
        folder = self.values["directory"]
        if "directory" in self.node.lost:
            return
        if fault := missing(folder, folder=True):
            self.report("directory", text=f"{fault}: make the folder, or name the application's")
        elif who is not None and (fault := obstacle(folder, who, READ | ENTER)):
            self.report("directory", text=f"the pool cannot work in {folder}: {fault}")

    def _python(self, who: Identity | None) -> None:
        python = self.values["python"]
        if "python" in self.node.lost:
            return
        if fault := missing(python, folder=False):
            self.report("python", text=f"{fault}: {_interpreter_for(python)}")
        elif who is not None and (fault := obstacle(python, who, ENTER)):
            leads = f", which leads to {real}" if (real := os.path.realpath(python)) != python else ""
            self.report("python", text=f"the pool cannot run {python}{leads}: {fault}")
        elif who is not None and (fault := obstacle(os.path.join(PACKAGE, "worker"), who, READ | ENTER)):
            self.report("user", text=f"the pool cannot read fcgipm itself, in {PACKAGE}: {fault}")

    def _program(self, who: Identity | None) -> None:
        """Named by a path, it is looked for in the pool's folder; by its name alone, where the pool's PATH leads."""
        command = self.values["command"]
        if command is None or who is None or {"directory", "command"} & self.node.lost:
            return
        if "/" in command[0]:
            program = os.path.join(self.values["directory"], command[0])
        else:
            found = shutil.which(command[0], path=self.values["env"]["PATH"])
            if found is None:
                self.report("command", text=f"there is no program {command[0]} on the pool's PATH: install it, or name its path")
                return
            program = found
        if fault := missing(program, folder=False):
            self.report("command", text=f"{fault}: name a FastCGI program")
        elif fault := obstacle(os.path.normpath(program), who, ENTER):
            self.report("command", text=f"the pool cannot run {program}: {fault}")

    def _scripts(self, who: Identity | None) -> None:
        folder = self.values["cgi"]
        if folder is None or "cgi" in self.node.lost:
            return
        if fault := missing(folder, folder=True):
            self.report("cgi", text=f"{fault}: make the folder, or name the one where the scripts are")
        elif who is not None and (fault := obstacle(folder, who, READ | ENTER)):
            self.report("cgi", text=f"the pool cannot read {folder}: {fault}")

    def _logs(self) -> None:
        """The daemon opens these files; it makes no folders for them."""
        for key in ("access_log", "slow_log"):
            file = (self.values[key] or {}).get("file")
            if file not in (None, OFF, STDERR) and (fault := _no_place(file)):
                self.report(key, "file", text=fault)


def _no_place(file: str) -> str | None:
    """Why a log file cannot be made there, or None."""
    if fault := missing(os.path.dirname(file), folder=True):
        return f"the log has no place: {fault}; make the folder, or choose another"
    return f"the log has no place: {file} is a folder: name a file" if os.path.isdir(file) else None


def _interpreter_for(python: str) -> str:
    """What to do about a `python` that is none, never the very thing that was named."""
    inside = os.path.join(python, "bin/python")
    if os.path.exists(inside):
        return f"did you mean {inside}?"
    environment, folder, name = python.rpartition("/bin/")
    if folder and environment and "/" not in name and environment not in ("/usr", "/usr/local"):
        return f"make that environment (python3 -m venv {environment}), or name an interpreter that is there"
    return "name an interpreter that is there (`command -v python3` finds one)"
