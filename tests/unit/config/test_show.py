"""`fcgipm config` prints a configuration file again."""

from __future__ import annotations

import pytest
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
    + "  api: {app: 'm:f()', listen: ['[::1]:9000', {address: unix:x.sock, mode: '0600'}], mount: /api}\nstop_timeout: 90s\nmax_workers: 40\n"
)


def test_the_text_is_a_file_of_the_same_meaning() -> None:
    found = config(TEXT)
    again = config(as_yaml(found))
    assert again == masked(found)


@pytest.mark.parametrize(
    "workers",
    ["4", "{mode: static}", "{min: 0, max: 8, spare: 3, idle_timeout: 1500ms}", "{mode: ondemand, idle_timeout: 2m}"],
)
def test_workers_of_every_mode(workers: str) -> None:
    found = config(pool(f"workers: {workers}\npreload: false"))
    assert config(as_yaml(found)) == found


def test_a_limit_that_is_none_is_not_shown() -> None:
    assert "max_workers" not in as_yaml(config(pool("nice: 1"))) and "max_workers: 40" in as_yaml(config(TEXT))


def test_values_of_the_environment_stay_hidden() -> None:
    found = config(TEXT)
    assert masked(found)["pools"]["web"]["env"] == {"SECRET": HIDDEN}
    assert "hunter2" not in as_yaml(found) and found["pools"]["web"]["env"] == {"SECRET": "hunter2"}


def test_the_notation_is_the_one_of_the_file() -> None:
    web = yaml.safe_load(as_yaml(config(TEXT)))["pools"]["web"]
    assert web["timeouts"]["first_byte"] == "1500ms" and web["timeouts"]["keepalive"] == "2h"
    assert web["umask"] == "0022" and web["limits"] == {"params": "3KiB"}
