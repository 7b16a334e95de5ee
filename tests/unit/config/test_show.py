"""`fcgipm config` prints a configuration file again."""

from __future__ import annotations

import yaml

from fcgipm.config.show import HIDDEN, as_yaml, masked
from tests.unit.config.given import config, pool

TEXT = (
    pool("""
    workers: {min: 3, threads: 2}
    env: {SECRET: hunter2}
    user: 33
    umask: "0022"
    timeouts: {first_byte: 1500ms, keepalive: 2h}
    limits: {params: 3KiB}
""")
    + "  api: {app: 'm:f()', listen: ['[::1]:9000', {address: unix:x.sock, mode: '0600'}], mount: /api}\nstop_timeout: 90s\n"
)


def test_the_text_is_a_file_of_the_same_meaning() -> None:
    found = config(TEXT)
    again = config(as_yaml(found))
    assert again == masked(found)


def test_values_of_the_environment_stay_hidden() -> None:
    found = config(TEXT)
    assert masked(found)["pools"]["web"]["env"] == {"SECRET": HIDDEN}
    assert "hunter2" not in as_yaml(found) and found["pools"]["web"]["env"] == {"SECRET": "hunter2"}


def test_the_notation_is_the_one_of_the_file() -> None:
    web = yaml.safe_load(as_yaml(config(TEXT)))["pools"]["web"]
    assert web["timeouts"]["first_byte"] == "1500ms" and web["timeouts"]["keepalive"] == "2h"
    assert web["umask"] == "0022" and web["limits"] == {"params": "3KiB"}
