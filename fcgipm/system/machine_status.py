"""What the machine says about `status:`: the packages it needs, and whom it runs as."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import fcgipm
from fcgipm.config.addresses import unix_path
from fcgipm.config.checks import status_listen
from fcgipm.config.effective import JSON
from fcgipm.config.errors import Problem
from fcgipm.config.layers import Layers
from fcgipm.system.access import ENTER, READ, missing, obstacle
from fcgipm.system.accounts import AccountError, gid_of, uid_of, user_named

PACKAGES = ("uvicorn", "starlette", "prometheus_client")
"""What the extra `web` brings for it."""

NOBODY = "nobody"
"""Whom it runs as where we may choose: it needs no file and no right."""


def complete_status(config: JSON, layers: Layers) -> list[Problem]:
    """Add accounts to the status server in `config`, in place; the problems found on the way."""
    values = config["status"]
    if values is None:
        return []
    absent = [name for name in PACKAGES if find_spec(name) is None]
    if absent:
        text = f"needs packages that are not installed ({', '.join(absent)}): pip install 'fcgipm[web]', or take the key away"
        return [layers.node.problem_of("status", text=text)]
    return [*_owners(values, layers), *_identity(values, layers)]


def _owners(values: JSON, layers: Layers) -> list[Problem]:
    listen, problems = status_listen(layers.node), []
    for key, lookup, field in (("owner", uid_of, "uid"), ("group", gid_of, "gid")):
        named = listen.child(key)
        try:
            values["listen"][field] = None if named is None else lookup(named.text)
        except AccountError as error:
            problems.append(listen.problem_of(key, text=str(error)))
    path = unix_path(values["listen"]["address"])
    if path is not None and (fault := missing(os.path.dirname(path), folder=True)):
        problems.append(listen.problem_of("address", text=f"the socket has no place: {fault}; make the folder, or choose another"))
    return problems


def _identity(values: JSON, layers: Layers) -> list[Problem]:
    name = values["user"] or (NOBODY if os.geteuid() == 0 else None)
    if name is None:
        return []
    try:
        who = user_named(name)
    except AccountError as error:
        return [layers.node.problem_of("status", "user", text=str(error))]
    if who.switched:
        values.update(user=who.name, uid=who.uid, gid=who.gid, groups=list(who.groups))
    faults = [obstacle(sys.executable, who, ENTER), obstacle(os.path.dirname(os.path.abspath(fcgipm.__file__)), who, READ | ENTER)]
    text = f"the status server, user {who.name}, cannot run"
    return [layers.node.problem_of("status", "user", text=f"{text}: {fault}; or name a user who can in `status.user`") for fault in faults if fault][:1]
