"""The values in effect as a person wrote them, or would have: in the file's own notation, secrets hidden."""

from __future__ import annotations

from typing import Any

import yaml

from fcgipm.config.addresses import unix_path
from fcgipm.config.effective import JSON
from fcgipm.config.kinds import sayable
from fcgipm.config.units import duration_text, mode_text, size_text

HIDDEN = "***"


def masked(config: JSON) -> JSON:
    """A copy of an effective configuration whose environments show names alone."""
    pools = {name: {**pool, "env": dict.fromkeys(pool["env"], HIDDEN)} for name, pool in config["pools"].items()}
    return {**config, "pools": pools}


def as_yaml(config: JSON) -> str:
    """An effective configuration as a configuration file; `include` and `defaults` are dissolved in it."""
    return yaml.safe_dump(_file(masked(config)), sort_keys=False, allow_unicode=True, width=120)


def _file(config: JSON) -> JSON:
    control = config["control"]
    return _given(
        control=_given(path=control["path"], mode=mode_text(control["mode"]), group=control["gid"]),
        pid_file=config["pid_file"],
        log=config["log"],
        stop_timeout=duration_text(config["stop_timeout"]),
        max_workers=config["max_workers"],
        http=[_http(http) for http in config["http"]] or None,
        status=None if config["status"] is None else _given(listen=_listen(config["status"]["listen"]), user=config["status"]["user"]),
        pools={name: _pool(pool) for name, pool in config["pools"].items()},
    )


def _http(http: JSON) -> JSON:
    unchanged = {key: http[key] for key in ("pool", "access_log", "user")}
    return _given(listen=_listen(http["listen"]), static=http["static"] or None, **unchanged)


def _pool(pool: JSON) -> JSON:
    unchanged = ("app", "cgi", "command", "interface", "python", "directory", "env", "user", "nice", "no_new_privs", "mount", "preload")
    said = _given(
        **{key: pool[key] for key in unchanged},
        workers=_workers(pool["workers"]),
        listen=[_listen(listen) for listen in pool["listen"]],
        group=pool["gid"],
        umask=mode_text(pool["umask"]),
        timeouts={key: duration_text(value) for key, value in pool["timeouts"].items()},
        limits=_limits(pool["limits"]),
        recycle=_recycle(pool["recycle"]),
        probe=pool["probe"],
        hooks=_given(**pool["hooks"]) or None,
        access_log=pool["access_log"],
        slow_log=_slow_log(pool["slow_log"]),
    )
    return sayable(said)


def _recycle(recycle: JSON) -> JSON:
    return {
        "requests": recycle["requests"],
        "jitter": f"{round(recycle['jitter'] * 100)}%",
        "memory": recycle["memory"] and size_text(recycle["memory"]),
        "age": recycle["age"] and duration_text(recycle["age"]),
    }


def _limits(limits: JSON) -> JSON:
    core = limits["core"] and size_text(limits["core"])
    return _given(params=size_text(limits["params"]), open_files=limits["open_files"], core=core)


def _slow_log(slow: JSON | None) -> JSON | None:
    return slow and {"file": slow["file"] or "stderr", "after": duration_text(slow["after"])}


def _workers(workers: JSON) -> JSON:
    """The keys that may be said in its mode."""
    unused = {"static": ("spare", "idle_timeout"), "ondemand": ("min", "spare")}.get(workers["mode"], ())
    said = {**workers, "idle_timeout": duration_text(workers["idle_timeout"])}
    return {key: value for key, value in said.items() if key not in unused}


def _listen(listen: JSON) -> JSON:
    unix = unix_path(listen["address"]) is not None
    own = {"mode": mode_text(listen["mode"]), "owner": listen["uid"], "group": listen["gid"]} if unix else {}
    return _given(address=listen["address"], **own, backlog=listen["backlog"], allow=listen["allow"])


def _given(**values: Any) -> JSON:
    """The keys that have a value: null is not written in a file."""
    return {key: value for key, value in values.items() if value is not None}
