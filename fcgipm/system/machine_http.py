"""What the machine says about `http:`: the packages it needs, whom it runs as, and whether that user reaches the pool and the static folders."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import fcgipm
from fcgipm.config.addresses import unix_path
from fcgipm.config.checks import http_node
from fcgipm.config.effective import JSON
from fcgipm.config.errors import Problem
from fcgipm.config.layers import Layers
from fcgipm.config.node import Node
from fcgipm.system.access import ENTER, READ, missing, obstacle
from fcgipm.system.accounts import AccountError, Identity, gid_of, starter, uid_of, user_named
from fcgipm.system.spawn_web import client_host

PACKAGES = ("uvicorn", "httptools", "starlette")
"""What the extra `web` brings for it."""

WORLD, GROUP, OWNER = 0o002, 0o020, 0o200


def complete_http(config: JSON, layers: Layers) -> list[Problem]:
    """Add accounts to the embedded servers in `config`, in place; the problems found on the way."""
    if not layers.file.http:
        return []
    absent = [name for name in PACKAGES if find_spec(name) is None]
    if absent:
        text = f"needs packages that are not installed ({', '.join(absent)}): pip install 'fcgipm[web]', or take the key away"
        return [layers.node.problem_of("http", text=text)]
    problems: list[Problem] = []
    for index, values in enumerate(config["http"]):
        pool = config["pools"].get(values["pool"])
        if pool is not None:
            problems += _Http(http_node(layers.node, index), values, pool).complete()
    return problems


class _Http:
    """One embedded server and the machine."""

    def __init__(self, node: Node, values: JSON, pool: JSON) -> None:
        self.node, self.values, self.pool = node, values, pool
        self.problems: list[Problem] = []

    def complete(self) -> list[Problem]:
        self._owners()
        who = self._identity()
        if who is not None:
            self._program(who)
            self._backend(who)
            for prefix, folder in self.values["static"].items():
                self._static(who, prefix, folder)
        return self.problems

    def report(self, *steps: str, text: str) -> None:
        self.problems.append(self.node.problem_of(*steps, text=text))

    def _owners(self) -> None:
        listen = self.node.child("listen")
        assert listen is not None
        for key, lookup, field in (("owner", uid_of, "uid"), ("group", gid_of, "gid")):
            named = listen.child(key)
            try:
                self.values["listen"][field] = None if named is None else lookup(named.text)
            except AccountError as error:
                self.report("listen", key, text=str(error))
        path = unix_path(self.values["listen"]["address"])
        if path is not None and (fault := missing(os.path.dirname(path), folder=True)):
            self.report("listen", "address", text=f"the socket has no place: {fault}; make the folder, or choose another")

    def _identity(self) -> Identity | None:
        """Who it runs as: its `user`, else the pool's with all groups of that; None when that is not clear."""
        name = self.values["user"]
        if name is None:
            account = {key: self.pool[key] for key in ("user", "uid", "gid", "groups")}
            self.values.update(account)
            if account["uid"] is None:
                return starter() if account["user"] is None else None
            return Identity(account["user"], account["uid"], account["gid"], tuple(account["groups"]), "/", switched=True)
        try:
            who = user_named(name)
        except AccountError as error:
            self.report("user", text=str(error))
            return None
        if who.switched:
            self.values.update(user=who.name, uid=who.uid, gid=who.gid, groups=list(who.groups))
        return who

    def _program(self, who: Identity) -> None:
        for path, wish in ((sys.executable, ENTER), (os.path.dirname(os.path.abspath(fcgipm.__file__)), READ | ENTER)):
            if fault := obstacle(path, who, wish):
                self.report("user" if self.node.child("user") else "pool", text=f"the web server cannot run {path}: {fault}")

    def _backend(self, who: Identity) -> None:
        """Whether it may connect to the pool's first listener."""
        if not self.pool["listen"]:
            return
        listen = self.pool["listen"][0]
        path = unix_path(listen["address"])
        if path is not None:
            self._unix_backend(who, listen, path)
        elif listen["allow"] is not None and client_host(listen["address"]) not in (None, *listen["allow"]):
            text = f"the pool's first address {listen['address']} does not allow {client_host(listen['address'])}, which the web server connects from"
            self.report("pool", text=f"{text}: add it to `allow`")

    def _unix_backend(self, who: Identity, listen: JSON, path: str) -> None:
        own = starter()
        owner = own.uid if listen["uid"] is None else listen["uid"]
        group = own.gid if listen["gid"] is None else listen["gid"]
        if who.uid == owner:
            bit = OWNER
        else:
            bit = GROUP if group in (who.gid, *who.groups) else WORLD
        if who.uid != 0 and not listen["mode"] & bit:
            way = f"listen: {{address: unix:{path}, group: {who.name}}}"
            self.report("pool", text=f"user {who.name} may not connect to the pool's first address: give the socket its group ({way})")
        folder = os.path.dirname(path)
        if os.path.isdir(folder) and (fault := obstacle(folder, who, ENTER)):
            self.report("pool", text=f"user {who.name} cannot reach the pool's first address: {fault}")

    def _static(self, who: Identity, prefix: str, folder: str) -> None:
        if fault := missing(folder, folder=True):
            self.report("static", prefix, text=f"{fault}: make the folder, or name another")
        elif fault := obstacle(folder, who, READ | ENTER):
            self.report("static", prefix, text=f"the web server cannot read {folder}: {fault}")
