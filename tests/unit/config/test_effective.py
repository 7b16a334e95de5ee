"""The plain JSON that the master reads: its shape and its defaults are a contract."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.config.given import MACHINE, MINIMAL, config, pool


def test_everything_that_a_minimal_file_leaves_out() -> None:
    assert config(MINIMAL) == {
        "file": "/etc/site/fcgipm.yaml",
        "control": {"path": MACHINE.control, "mode": 0o600, "gid": None},
        "pid_file": None,
        "log": {"file": "stderr", "level": "info", "format": "text"},
        "stop_timeout": 65.0,
        "max_workers": None,
        "http": [],
        "status": None,
        "pools": {
            "web": {
                "name": "web",
                "app": "shop.wsgi:application",
                "cgi": None,
                "command": None,
                "interface": "wsgi",
                "listen": [
                    {
                        "address": "unix:/run/web.sock",
                        "mode": 0o660,
                        "uid": None,
                        "gid": None,
                        "backlog": 1024,
                        "allow": None,
                    }
                ],
                "python": MACHINE.python,
                "directory": "/etc/site",
                "env": {},
                "user": None,
                "uid": None,
                "gid": None,
                "groups": None,
                "umask": 0o027,
                "nice": 0,
                "no_new_privs": True,
                "mount": "",
                "workers": {
                    "mode": "static",
                    "min": 2,
                    "max": 2,
                    "spare": 0,
                    "idle_timeout": 10.0,
                    "threads": 1,
                },
                "preload": True,
                "timeouts": {"first_byte": 5.0, "header": 10.0, "body": 30.0, "write": 60.0, "keepalive": 75.0, "request": 50.0, "kill_after": 5.0},
                "limits": {"params": 1 << 20, "open_files": None, "core": None},
                "recycle": {"requests": 0, "jitter": 0.1, "memory": 0, "age": 0.0},
                "probe": None,
                "hooks": {"worker_start": None, "worker_stop": None},
                "access_log": {"file": "off", "format": "json"},
                "slow_log": None,
            }
        },
    }


@pytest.mark.parametrize(
    ("keys", "name", "value"),
    [
        ("preload: false", "preload", False),
        ("python: venv/bin/python", "python", "/etc/site/venv/bin/python"),
        ("python: ../venv/./bin/python", "python", "/etc/venv/bin/python"),
        ("directory: /srv/shop/", "directory", "/srv/shop"),
        ("umask: '022'", "umask", 0o22),
        ("user: 33", "user", "33"),
        ("mount: /shop/eu", "mount", "/shop/eu"),
        ("limits: {params: 64KiB}", "limits", {"params": 65536, "open_files": None, "core": None}),
        ("limits: {open_files: 64, core: 0}", "limits", {"params": 1 << 20, "open_files": 64, "core": 0}),
        ("limits: {core: 1MiB}", "limits", {"params": 1 << 20, "open_files": None, "core": 1 << 20}),
        ("access_log: {file: stderr, format: combined}", "access_log", {"file": "stderr", "format": "combined"}),
        ("access_log: {file: a.log}", "access_log", {"file": "/etc/site/a.log", "format": "json"}),
        ("env: {A: 1, B: 1.10, C: true, D: 0660}", "env", {"A": "1", "B": "1.10", "C": "true", "D": "0660"}),
        ("env: {E: '', F: off, G: 1:30}", "env", {"E": "", "F": "off", "G": "1:30"}),
        ("env: {A: 'x\n\n      y'}", "env", {"A": "x\ny"}),
    ],
)  # fmt: skip
def test_values(keys: str, name: str, value: Any) -> None:
    assert config(pool(keys))["pools"]["web"][name] == value


@pytest.mark.parametrize(
    ("workers", "mode", "least", "most", "spare", "idle_timeout"),
    [
        ("4", "static", 4, 4, 0, 10.0),
        ("{max: 4}", "static", 4, 4, 0, 10.0),
        ("{min: 3}", "static", 3, 3, 0, 10.0),
        ("{min: 3, max: 3}", "static", 3, 3, 0, 10.0),
        ("{mode: static}", "static", 2, 2, 0, 10.0),
        ("{threads: 1}", "static", 2, 2, 0, 10.0),
        # Inferred, because a key says that the number changes.
        ("{min: 2, max: 8}", "dynamic", 2, 8, 1, 10.0),
        ("{min: 0}", "dynamic", 0, 16, 1, 10.0),
        ("{spare: 3}", "dynamic", 2, 16, 3, 10.0),
        ("{spare: 0}", "dynamic", 2, 16, 0, 10.0),
        ("{idle_timeout: 500ms}", "dynamic", 2, 16, 1, 0.5),
        # A bound that is not said gives way.
        ("{mode: dynamic}", "dynamic", 2, 16, 1, 10.0),
        ("{mode: dynamic, max: 1}", "dynamic", 1, 1, 1, 10.0),
        ("{mode: dynamic, min: 20}", "dynamic", 20, 20, 1, 10.0),
        ("{mode: dynamic, min: 4, max: 4}", "dynamic", 4, 4, 1, 10.0),
        ("{spare: 4, max: 4}", "dynamic", 2, 4, 4, 10.0),
        ("{mode: ondemand}", "ondemand", 0, 16, 0, 10.0),
        ("{mode: ondemand, min: 0, spare: 0, max: 3, idle_timeout: 5m}", "ondemand", 0, 3, 0, 300.0),
    ],
)
def test_workers(workers: str, mode: str, least: int, most: int, spare: int, idle_timeout: float) -> None:
    assert config(pool(f"workers: {workers}"))["pools"]["web"]["workers"] == {
        "mode": mode,
        "min": least,
        "max": most,
        "spare": spare,
        "idle_timeout": idle_timeout,
        "threads": 1,
    }


def test_max_workers_may_be_what_the_pools_need_at_least() -> None:
    text = f"max_workers: 7\n{pool('workers: {min: 2, max: 8}')}" + "".join(
        f"  {name}: {{app: 'a:b', listen: {listen}, workers: {workers}}}\n"
        for name, listen, workers in (("api", "fd:3", "4"), ("blog", "fd:4", "{mode: ondemand}"))
    )
    assert config(text)["max_workers"] == 7


def test_listeners_of_every_form_in_one_list() -> None:
    text = """
        pools:
          web:
            app: x:y
            listen:
              - unix:a.sock
              - 127.0.0.1:9000
              - {address: "[0:0::1]:9001", allow: ["0:0::1", 10.0.0.1], backlog: 5}
              - fd:3
              - {address: unix:/run/b.sock, mode: "0600"}
    """
    listen = config(text)["pools"]["web"]["listen"]
    assert [(one["address"], one["mode"], one["backlog"], one["allow"]) for one in listen] == [
        ("unix:/etc/site/a.sock", 0o660, 1024, None),
        ("127.0.0.1:9000", 0o660, 1024, None),
        ("[::1]:9001", 0o660, 5, ["::1", "10.0.0.1"]),
        ("fd:3", 0o660, 1024, None),
        ("unix:/run/b.sock", 0o600, 1024, None),
    ]


@pytest.mark.parametrize(
    ("control", "path", "mode"),
    [
        ("run/c.sock", "/etc/site/run/c.sock", 0o600),
        ("{path: /run/c.sock}", "/run/c.sock", 0o600),
        ("{path: /run/c.sock, group: ops}", "/run/c.sock", 0o660),
        ("{path: /run/c.sock, group: ops, mode: '0600'}", "/run/c.sock", 0o600),
    ],
)
def test_control(control: str, path: str, mode: int) -> None:
    assert config(f"control: {control}\n{MINIMAL}")["control"] == {"path": path, "mode": mode, "gid": None}


def test_the_log_and_the_pid_file() -> None:
    found = config(f"log: {{file: log/x.log, level: debug, format: json}}\npid_file: ../x.pid\n{MINIMAL}")
    assert found["log"] == {"file": "/etc/site/log/x.log", "level": "debug", "format": "json"}
    assert found["pid_file"] == "/etc/x.pid"
