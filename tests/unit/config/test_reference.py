"""conf/fcgipm.yaml is the reference: right, complete, and its values are the defaults it says they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from fcgipm.config.model import ConfigFile, Limits, Log, Pool, Timeouts
from fcgipm.config.schema import json_schema
from fcgipm.config.words import _model_in
from tests.unit.config.given import config

CONF = Path(__file__).parents[3] / "conf"
REFERENCE = (CONF / "fcgipm.yaml").read_text()
SITES = {f"pools.d/{file.name}": file.read_text() for file in sorted((CONF / "pools.d").glob("*.yaml"))}


def test_the_files_as_shipped_are_right() -> None:
    assert SITES
    assert {"web", "blog"} <= config(REFERENCE, included=SITES)["pools"].keys()


def test_the_files_as_shipped_are_valid_against_the_schema() -> None:
    validator = Draft202012Validator(json_schema())
    for text in (REFERENCE, *SITES.values()):
        assert [error.message for error in validator.iter_errors(yaml.safe_load(text))] == []


def keys_of(model: type[BaseModel]) -> set[str]:
    keys = set(model.model_fields)
    for field in model.model_fields.values():
        below = _model_in(field.annotation)
        keys |= keys_of(below) if below else set()
    return keys


def test_every_key_of_the_model_is_there() -> None:
    for key in keys_of(ConfigFile):
        assert re.search(rf"^ *(# )? *(- )?{key}:", REFERENCE, re.MULTILINE), key


def test_the_six_lines_at_its_top_are_right() -> None:
    lines = [
        line.removeprefix("#     ") for line in REFERENCE.split("\n\n")[0].splitlines() if line.startswith("#     ")
    ]
    assert len(lines) == 6 and config("\n".join(lines))["pools"]["web"]["app"] == "shop.wsgi:application"


def test_what_it_gives_as_defaults_are_the_defaults() -> None:
    found = config(REFERENCE, included=SITES)
    bare = config("pools: {web: {app: 'x:y', listen: ['unix:/a', fd:3]}}\n")
    web, plain = found["pools"]["web"], bare["pools"]["web"]
    same = ("interface", "umask", "nice", "no_new_privs", "mount", "workers", "preload", "timeouts", "limits")
    assert {key: web[key] for key in same} == {key: plain[key] for key in same}
    assert (found["log"], found["stop_timeout"], found["control"]) == (
        bare["log"],
        bare["stop_timeout"],
        bare["control"],
    )
    assert [one["mode"] for one in web["listen"]] == [one["mode"] for one in plain["listen"]]
    assert [one["backlog"] for one in web["listen"]] == [one["backlog"] for one in plain["listen"]]


def test_optional_keys_that_are_commented_out_are_right_too() -> None:
    text = re.sub(
        r"^( *)# (group: ops|pid_file: .*|env_file: .*|max_workers: .*)$", r"\1\2", REFERENCE, flags=re.MULTILINE
    )
    found = config(text)
    assert found["pid_file"] and found["max_workers"] == 64 and text.count("\n") == REFERENCE.count("\n")


def test_the_keys_of_scaling_that_are_commented_out_are_the_defaults_of_mode_dynamic() -> None:
    text = re.sub(r"^( *)# (spare: 1|idle_timeout: 10s)$", r"\1\2", REFERENCE, flags=re.MULTILINE)
    found = config(text.replace("mode: static", "mode: dynamic"))["pools"]["web"]["workers"]
    bare = config("pools: {web: {app: 'x:y', listen: fd:3, workers: {mode: dynamic, max: 2}}}\n")
    assert found == bare["pools"]["web"]["workers"] and text.count("# spare") + text.count("# idle_timeout") == 0


def test_the_embedded_server_that_is_commented_out_is_right_too() -> None:
    start, end = REFERENCE.index("# http:"), REFERENCE.index("\n\n# The status server")
    lines = [line.removeprefix("# ") for line in REFERENCE[start:end].splitlines()]
    (found,) = config(REFERENCE[:start] + "\n".join(lines) + REFERENCE[end:])["http"]
    assert (found["listen"]["address"], found["pool"], found["user"]) == ("127.0.0.1:8000", "web", "www-data")


def test_the_models_know_their_defaults() -> None:
    everything: tuple[Any, ...] = (Pool, Timeouts, Limits, Log)
    assert all(not field.is_required() for model in everything for field in model.model_fields.values())


def test_the_status_server_that_is_commented_out_is_right_too() -> None:
    start, end = REFERENCE.index("# status:"), REFERENCE.index("\n\n# More files")
    lines = [line.removeprefix("# ") for line in REFERENCE[start:end].splitlines()]
    found = config(REFERENCE[:start] + "\n".join(lines) + REFERENCE[end:])["status"]
    assert (found["listen"]["address"], found["user"]) == ("127.0.0.1:9180", "nobody")
