"""`http:`: its shape, and the mistakes in it."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from fcgipm.config.schema import json_schema
from fcgipm.config.show import as_yaml
from tests.unit.config.given import MINIMAL, config, problems


def http(text: str) -> str:
    return f"http:\n{text}{MINIMAL}"


def test_the_smallest() -> None:
    assert config(http("- {listen: '127.0.0.1:8000', pool: web}"))["http"] == [
        {
            "listen": {"address": "127.0.0.1:8000", "mode": 0o660, "uid": None, "gid": None, "backlog": 1024, "allow": None},
            "pool": "web",
            "static": {},
            "access_log": None,
            "user": None,
            "uid": None,
            "gid": None,
            "groups": None,
        }
    ]


def test_the_largest() -> None:
    text = "- {listen: {address: 'unix:h.sock', mode: '0666', backlog: 5}, pool: web, static: {/s: s, /m/n: /srv/m}, access_log: true, user: 33}"
    (found,) = config(http(text))["http"]
    assert (found["listen"]["address"], found["listen"]["mode"], found["listen"]["backlog"]) == ("unix:/etc/site/h.sock", 0o666, 5)
    assert found["static"] == {"/s": "/etc/site/s", "/m/n": "/srv/m"}
    assert (found["access_log"], found["user"]) == (True, "33")


def test_both_forms_are_valid_against_the_schema() -> None:
    validator = Draft202012Validator(json_schema())
    short = {"listen": "127.0.0.1:8000", "pool": "web", "static": {"/s": "s"}}
    long = {"listen": {"address": "127.0.0.1:8000", "backlog": 5}, "pool": "web", "access_log": True}
    assert list(validator.iter_errors({"http": [short, long]})) == []
    assert list(validator.iter_errors({"http": [{**short, "static": {"s": "s"}}]})) != []


def test_any_address_is_allowed() -> None:
    text = "- {listen: '0.0.0.0:80', pool: web}\n- {listen: '[::]:80', pool: web}\n- {listen: 'fd:5', pool: web}"
    assert [one["listen"]["address"] for one in config(http(text))["http"]] == ["0.0.0.0:80", "[::]:80", "fd:5"]


def test_it_can_be_shown_and_read_again() -> None:
    found = config(http("- {listen: '127.0.0.1:8000', pool: web, static: {/s: /srv/s}, access_log: false}"))
    again = config(as_yaml({**found, "pools": {"web": {**found["pools"]["web"], "env": {}}}}))
    assert again["http"] == found["http"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- {listen: '127.0.0.1:80', pool: shop}", "2:34: http.0.pool: there is no pool shop: the pools are web"),
        ("- {listen: '127.0.0.1:80'}", "2:3: http.0.pool: is missing"),
        ("- {pool: web}", "2:3: http.0.listen: is missing"),
        ("- {listen: 'unix:/run/web.sock', pool: web}",
         "2:12: http.0.listen: unix:/run/web.sock is taken: pool web listens there (fcgipm.yaml:6:13); choose another address"),
        ("- {listen: '127.0.0.1:1', pool: web}\n- {listen: '127.0.0.1:1', pool: web}",
         "3:12: http.1.listen: 127.0.0.1:1 is taken: the web server for pool web listens there (fcgipm.yaml:2:3); choose another address"),
        ("- {listen: '127.0.0.1:1', pool: web, static: {s: /x}}",
         '2:47: http.0.static.s: must be a path prefix such as /static, without a slash at its end, not "s"'),
        ("- {listen: '127.0.0.1:1', pool: web, statics: {}}", "2:38: http.0.statics: unknown key: did you mean `static`?"),
        ("- {listen: {address: '127.0.0.1:1', owner: root}, pool: web}",
         "2:44: http.0.listen.owner: is for unix sockets alone, and this address is 127.0.0.1:1: take the key away"),
        ("- 8000", '2:3: http.0: must be a mapping such as `- {listen: "127.0.0.1:8000", pool: shop}`, not 8000'),
    ],
)  # fmt: skip
def test_mistakes(text: str, line: str) -> None:
    assert problems(http(text)) == [line]


def test_a_pool_with_a_mistake_of_its_own_is_not_called_missing() -> None:
    text = "http: [{listen: '127.0.0.1:1', pool: web}]\npools: {web: 7, other: {app: 'x:y', listen: fd:3}}\n"
    (problem,) = problems(text)
    assert problem.partition(": ")[2].startswith("pools.web: must be a mapping such as `web: {app: ")
