"""A unit of systemd for a configuration. `conf/systemd/fcgipm.service` is this module's text for the reference, compared byte for byte by a test; so the
reasons in the comments stand in one place, here.

Made for systemd 252 and later; every key is older.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from fcgipm.recipes import NoRecipe

JSON = Mapping[str, Any]

AFTER_STOP = 25
"""Seconds that a stop may take beyond `stop_timeout`: for processes that must be terminated, and then killed."""
WATCHDOG = 60
RUN = "/run/"
TEMPORARY = ("/tmp/", "/var/tmp/")

_UNIT = """\
# fcgipm as a service of systemd. Copy to /etc/systemd/system/fcgipm.service, then: systemctl daemon-reload && systemctl enable --now fcgipm
# `fcgipm systemd` prints this file with the paths of your configuration and your installation put in.

[Unit]
Description=fcgipm, Python applications behind nginx
After=network.target

[Service]
# "systemctl start" returns when every pool serves, or is degraded beside one that serves; it fails when none can. "systemctl status" shows what each does.
Type=notify
ExecStart=@executable@ run -c @file@

# Waits, and fails visibly when the new code or configuration does not work: the old then serves on.
ExecReload=@executable@ reload --control @control@

# TERM goes to the master alone, which lets every request finish; whatever is left after TimeoutStopSec= is killed. That must be longer than
# the configuration's stop_timeout, @stop_timeout@ s.
KillMode=mixed
TimeoutStopSec=@stop@

# A master that has died is started again; one whose configuration is wrong (78) or that was called wrongly (64) is not, that needs a person.
Restart=on-failure
RestartSec=1
RestartPreventExitStatus=64 78

# A master that hangs is killed and started again. Its own loop gives the signs of life: a worker that hangs is the master's business, not systemd's.
WatchdogSec=@watchdog@

# A worker that the kernel kills for its memory is replaced. By default systemd would stop all of them.
OOMPolicy=continue

@runtime@# What the master needs of root: to become the pools' users (SETUID, SETGID), to give sockets away (CHOWN, FOWNER), to make them in folders of others
# (DAC_OVERRIDE), to signal and measure workers (KILL, SYS_PTRACE), priorities (SYS_NICE), limits (SYS_RESOURCE), ports below 1024 (NET_BIND_SERVICE).
# Workers have none of these, unless their pool runs as root.
CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE CAP_KILL CAP_SYS_PTRACE CAP_SYS_NICE CAP_SYS_RESOURCE CAP_NET_BIND_SERVICE
@privileges@
# What no web application needs. Not here, because some do: MemoryDenyWriteExecute= (just-in-time compilers), RestrictNamespaces= (browsers),
# RestrictSUIDSGID= (folders whose files keep their group), ProtectHome= (sites in home directories).
ProtectSystem=full
@tmp@ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
# NETLINK is how the master asks the kernel how many connections wait.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
# Take this out for an application that uses a device, such as a GPU.
PrivateDevices=yes

[Install]
WantedBy=multi-user.target
"""

_RUNTIME = """\
# The folder of the sockets, made at the start. A restart keeps it: so a new master finds what was left by one that was killed, and takes its place.
RuntimeDirectory=@folders@
RuntimeDirectoryPreserve=restart

"""
_NO_NEW_PRIVILEGES = """\
# As `no_new_privs` of every pool: nothing that is started gains privileges by being executed (sudo, sendmail).
NoNewPrivileges=yes
"""
_NEW_PRIVILEGES = """\
# No NoNewPrivileges=: a pool has `no_new_privs: false`.
"""
_NO_TMP = """\
# No PrivateTmp=: others find a socket of this configuration there.
"""


def unit(config: JSON, executable: str) -> str:
    """The unit file. `config` is an effective configuration, `executable` the absolute path of `fcgipm`. Raises NoRecipe."""
    stop_timeout = math.ceil(config["stop_timeout"])
    folders = sorted({found[1] for path in _sockets(config) if (found := re.match(f"{RUN}([^/]+)/", path)) and found[1] != "user"})
    private_tmp = not any(path.startswith(TEMPORARY) for path in _sockets(config))
    unprivileged = all(pool["no_new_privs"] for pool in config["pools"].values())
    put_in = {
        "executable": _argument(executable),
        "file": _argument(config["file"]),
        "control": _argument(config["control"]["path"]),
        "stop_timeout": f"{config['stop_timeout']:g}",
        "stop": str(stop_timeout + AFTER_STOP),
        "watchdog": str(WATCHDOG),
        "runtime": _RUNTIME.replace("@folders@", " ".join(map(_word, folders))) if folders else "",
        "privileges": _NO_NEW_PRIVILEGES if unprivileged else _NEW_PRIVILEGES,
        "tmp": "PrivateTmp=yes\n" if private_tmp else _NO_TMP,
    }
    return re.sub("@([a-z_]+)@", lambda name: put_in[name[1]], _UNIT)


def _sockets(config: JSON) -> Iterator[str]:
    """Paths that others look for: sockets, and the pid file."""
    yield config["control"]["path"]
    if config["pid_file"] is not None:
        yield config["pid_file"]
    listeners = [listen for pool in config["pools"].values() for listen in pool["listen"]]
    for listen in (*listeners, *(http["listen"] for http in config["http"])):
        if listen["address"].startswith("unix:"):
            yield listen["address"].removeprefix("unix:")


def _argument(text: str) -> str:
    """One word of a command line, where `$` is for variables too (systemd.service(5), Command lines)."""
    return _word(text.replace("$", "$$"))


def _word(text: str) -> str:
    """One word, as systemd reads it: `%` stands for itself (systemd.unit(5), Specifiers; systemd.syntax(7), Quoting)."""
    if not text.isprintable():
        raise NoRecipe(f"{text!a} has a character that cannot stand in a unit file")
    text = text.replace("%", "%%")
    if not re.search(r"[\s\"'\\;]", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
