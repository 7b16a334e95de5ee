"""The JSON Schema accepts what fcgipm accepts, and refuses what an editor should underline."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from fcgipm.config.schema import json_schema
from tests.unit.config.given import MINIMAL, config, pool

VALIDATOR = Draft202012Validator(json_schema())


def mistakes(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


RIGHT = [
    "workers: 4",
    "workers: {mode: static, min: 2, threads: 4}",
    "workers: {mode: dynamic, min: 0, max: 9, spare: 2, idle_timeout: 1m}",
    "workers: {mode: ondemand, idle_timeout: 500ms}",
    "workers: ${N}",
    "preload: false",
    "umask: '0022'",
    "umask: ${UMASK:-0022}",
    "env: {A: 1, B: x, C: true, D: 1.5}",
    "inherit_env: [HOME]",
    "user: 33",
    "no_new_privs: ${FLAG}",
    "timeouts: {body: 1.5s}",
    "limits: {params: 64KiB}",
    "interface: wsgi",
    "mount: /shop",
]


@pytest.mark.parametrize("keys", RIGHT)
def test_pools_that_both_accept(keys: str) -> None:
    assert mistakes(pool(keys)) == []
    config(pool(keys), {"N": "4", "FLAG": "true"}) if "UMASK" not in keys else None


@pytest.mark.parametrize(
    "listen",
    [
        "unix:/a",
        "fd:3",
        "['unix:/a', {address: '[::1]:9000', allow: ['::1']}]",
        "{address: unix:/a, mode: '0660', owner: x}",
    ],
)
def test_listen_in_every_form(listen: str) -> None:
    text = f"pools:\n  web:\n    app: a:b\n    listen: {listen}\n"
    assert mistakes(text) == []
    config(text)


@pytest.mark.parametrize("control", ["/run/c.sock", "{path: /run/c.sock, mode: '0600', group: ops}"])
def test_control_in_every_form(control: str) -> None:
    assert mistakes(f"control: {control}\n{MINIMAL}") == []


@pytest.mark.parametrize(
    "keys",
    [
        "workers: 0",
        "workers: x",
        "workers: {mode: elastic}",
        "workers: {max: 0}",
        "workers: {idle_timeout: 5}",
        "preload: 1",
        "umask: 18",
        "usr: x",
        "timeouts: {body: 30}",
        "env: {A: []}",
        "env: {'9': x}",
        "nice: 20",
    ],
)
def test_pools_that_both_refuse(keys: str) -> None:
    assert mistakes(pool(keys)) != []


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "pools: {a b: {}}",
        "log: {level: loud}",
        "control: {mode: '0600'}",
        "stop_timeout: 65",
        "max_workers: 0",
        "max_worker: 3",
    ],
)
def test_files_that_both_refuse(text: str) -> None:
    assert mistakes(text) != []


def test_a_limit_for_all_pools() -> None:
    assert mistakes(f"max_workers: 64\n{MINIMAL}") == []


def test_every_key_is_described_and_null_is_nowhere() -> None:
    def walk(schema: Any) -> None:
        if isinstance(schema, list):
            for item in schema:
                walk(item)
        if isinstance(schema, dict):
            assert schema.get("type") != "null"
            for key, below in schema.get("properties", {}).items():
                assert "description" in below or "$ref" in below, key
            for below in schema.values():
                walk(below)

    walk(json_schema())
