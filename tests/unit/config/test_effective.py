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
        "http": [],
        "pools": {
            "web": {
                "name": "web",
                "app": "shop.wsgi:application",
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
                "workers": {"mode": "static", "min": 2, "max": 2, "threads": 1},
                "timeouts": {"first_byte": 5.0, "header": 10.0, "body": 30.0, "write": 60.0, "keepalive": 75.0},
                "limits": {"params": 1 << 20},
            }
        },
    }


@pytest.mark.parametrize(
    ("keys", "name", "value"),
    [
        ("workers: 4", "workers", {"mode": "static", "min": 4, "max": 4, "threads": 1}),
        ("workers: {max: 4}", "workers", {"mode": "static", "min": 4, "max": 4, "threads": 1}),
        ("workers: {min: 3, threads: 8}", "workers", {"mode": "static", "min": 3, "max": 3, "threads": 8}),
        ("workers: {mode: static, min: 1, max: 1}", "workers", {"mode": "static", "min": 1, "max": 1, "threads": 1}),
        ("python: venv/bin/python", "python", "/etc/site/venv/bin/python"),
        ("python: ../venv/./bin/python", "python", "/etc/venv/bin/python"),
        ("directory: /srv/shop/", "directory", "/srv/shop"),
        ("umask: '022'", "umask", 0o22),
        ("user: 33", "user", "33"),
        ("mount: /shop/eu", "mount", "/shop/eu"),
        ("limits: {params: 64KiB}", "limits", {"params": 65536}),
        ("env: {A: 1, B: 1.10, C: true, D: 0660}", "env", {"A": "1", "B": "1.10", "C": "true", "D": "0660"}),
        ("env: {E: '', F: off, G: 1:30}", "env", {"E": "", "F": "off", "G": "1:30"}),
        ("env: {A: 'x\n\n      y'}", "env", {"A": "x\ny"}),
    ],
)  # fmt: skip
def test_values(keys: str, name: str, value: Any) -> None:
    assert config(pool(keys))["pools"]["web"][name] == value


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
