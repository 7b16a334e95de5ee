"""`command:`: what it means for the other keys."""

from __future__ import annotations

import pytest

from fcgipm.config.kinds import sayable
from fcgipm.config.show import as_yaml
from tests.unit.config.given import config, outcome, problems

PROGRAM = """
pools:
  web:
    command: [./dispatch.fcgi, --all]
    listen: unix:/run/web.sock
"""


def program(*lines: str) -> str:
    return PROGRAM + "".join(f"    {line}\n" for line in lines)


def test_what_is_decided() -> None:
    web = config(PROGRAM)["pools"]["web"]
    assert web["command"] == ["./dispatch.fcgi", "--all"] and web["interface"] == "fastcgi"
    assert (web["app"], web["cgi"], web["slow_log"], web["mount"]) == (None, None, None, "")
    assert web["access_log"]["file"] == "off"


def test_who_looks_after_it_may_be_named() -> None:
    assert config(program("python: /opt/python/bin/python3"))["pools"]["web"]["python"] == "/opt/python/bin/python3"


@pytest.mark.parametrize(
    ("line", "where", "why"),
    [
        ("mount: /shop", "5:12: pools.web.mount", "is for applications that fcgipm loads"),
        ("preload: false", "5:14: pools.web.preload", "is for applications that fcgipm loads"),
        ("hooks: {worker_start: 'a:b'}", "5:12: pools.web.hooks", "is for applications that fcgipm loads"),
        ("access_log: {file: /a}", "5:17: pools.web.access_log", "is for applications that fcgipm loads"),
        ("slow_log: {after: 5s}", "5:15: pools.web.slow_log", "is for applications that fcgipm loads"),
        ("timeouts: {request: 5s}", "5:15: pools.web.timeouts", "is for applications that fcgipm loads"),
        ("limits: {params: 1MiB}", "5:22: pools.web.limits.params", "is for applications that fcgipm loads"),
        ("workers: {threads: 2}", "5:24: pools.web.workers.threads", "has threads of its own or none"),
        ("recycle: {requests: 500}", "5:25: pools.web.recycle.requests", "nobody can count"),
        ("interface: wsgi", "5:16: pools.web.interface", "must be fastcgi beside `command`"),
        ("app: shop:app", "4:5: pools.web.command", "cannot stand beside `app`"),
    ],
)
def test_keys_that_mean_nothing_beside_it(line: str, where: str, why: str) -> None:
    found = problems(program(line))
    assert len(found) == 1 and why in found[0], found
    assert found[0].split(": ")[1] == where.split(": ")[1], found


def test_the_defaults_may_say_them_for_the_other_pools() -> None:
    assert problems("defaults: {timeouts: {request: 5s}, preload: false, recycle: {requests: 500}}" + PROGRAM) == []


@pytest.mark.parametrize(
    ("listen", "more", "why"),
    [
        ("[unix:/a.sock, unix:/b.sock]", "", "has 2 addresses"),
        ("{address: '127.0.0.1:9000', allow: [127.0.0.1]}", "", "accepts connections by itself"),
        ("127.0.0.1:9000", "probe: {path: /}", "needs a unix socket"),
    ],
)
def test_listeners(listen: str, more: str, why: str) -> None:
    found = problems(f"pools:\n  web:\n    command: [a]\n    listen: {listen}\n    {more}\n")
    assert len(found) == 1 and why in found[0], found


def test_a_command_needs_a_program() -> None:
    for nothing in ("[]", "['']", "./one"):
        assert outcome(f"pools: {{web: {{command: {nothing}, listen: 'unix:/a'}}}}")[1], nothing


SCRIPTS = """
defaults: {workers: {threads: 4}, slow_log: {after: 5s}}
pools: {web: {cgi: /srv/cgi, listen: 'unix:/run/web.sock', workers: {max: 3, threads: 1}}}
"""


@pytest.mark.parametrize("given", [PROGRAM, SCRIPTS])
def test_what_is_shown_can_be_read_again(given: str) -> None:
    said = config(as_yaml(config(given)))
    assert said["pools"]["web"] == config(given)["pools"]["web"]


def test_an_application_may_say_all() -> None:
    web = {"app": "a:b", "interface": "wsgi", "mount": "/x"}
    assert sayable(web) == web
