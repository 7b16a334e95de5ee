"""Whatever the file holds: a configuration or located problems, and never an exception."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fcgipm.config.effective import effective
from fcgipm.config.model import ConfigFile, Control, Limits, Listen, Log, Pool, Timeouts, Workers
from tests.unit.config.given import MACHINE, outcome

KEYS = sorted(
    {key for model in (ConfigFile, Control, Log, Pool, Listen, Workers, Timeouts, Limits) for key in model.model_fields}
)
LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


def examine(data: bytes) -> None:
    layers, problems = outcome(data, {"A": "1", "EMPTY": ""})
    lines = LINE_END.split(data.decode("utf-8-sig", "replace"))
    for problem in problems:
        place = problem.place
        assert 1 <= place.line <= len(lines), problem
        assert 1 <= place.column <= len(lines[place.line - 1]) + 1, problem
        assert re.fullmatch(r"fcgipm\.yaml:\d+:\d+: .+", str(problem)) and str(problem).isprintable()
    assert problems or layers is not None
    if not problems and layers is not None:
        json.dumps(effective(layers, MACHINE))


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    examine(data)


@given(st.text())
def test_any_text(text: str) -> None:
    examine(text.encode("utf-8", "surrogatepass"))


@given(
    st.lists(
        st.sampled_from(
            [
                *KEYS,
                ":",
                ": ",
                "- ",
                "\n",
                "\n  ",
                "\n    ",
                "{",
                "}",
                "[",
                "]",
                ",",
                '"',
                "'",
                "&a ",
                "*a",
                "${A}",
                "${",
                "<<",
                "!t ",
                "|",
                "#",
                "0660",
                "1:30",
                "\t",
                "\\",
                "%",
                "---",
            ]
        )
    )
)
def test_anything_that_looks_like_yaml(parts: list[str]) -> None:
    examine("".join(parts).encode())


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["10s", "1MiB", "0660", "unix:/a", "fd:3", "127.0.0.1:9000", "a:b", "${A}", "${B}", "${EMPTY}", "static", "wsgi", "/x", "stderr"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(st.sampled_from(KEYS), below, max_size=4)),
    max_leaves=12,
)
POOLS = st.dictionaries(
    st.text(max_size=4),
    st.one_of(VALUES, st.dictionaries(st.sampled_from(list(Pool.model_fields)), VALUES)),
    max_size=3,
)
FILES = st.fixed_dictionaries(
    {"pools": st.one_of(POOLS, VALUES)}, optional={key: VALUES for key in ConfigFile.model_fields if key != "pools"}
)


@settings(max_examples=150)
@given(FILES)
def test_any_values_at_any_key(file: dict[str, Any]) -> None:
    examine(yaml.safe_dump(file, allow_unicode=True).encode("utf-8", "surrogatepass"))


def right_or_wrong(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(right, right, right, VALUES)


SCALING = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["static", "dynamic", "ondemand"]),
        "min": st.integers(0, 3),
        "max": st.integers(1, 3),
        "spare": st.integers(0, 3),
        "idle_timeout": st.just("1s"),
    },
)

NEARLY = st.fixed_dictionaries(
    {"app": right_or_wrong(st.just("a:b")), "listen": right_or_wrong(st.sampled_from(["unix:/a", "fd:3", ["fd:4", "unix:/b"]]))},
    optional={
        "workers": right_or_wrong(st.one_of(st.integers(1, 9), SCALING)),
        "timeouts": right_or_wrong(st.dictionaries(st.sampled_from(list(Timeouts.model_fields)), st.just("1s"))),
        "env": right_or_wrong(st.dictionaries(st.sampled_from(["A", "B"]), st.text(max_size=3))),
        "umask": right_or_wrong(st.just("0022")),
    },
)  # fmt: skip


@settings(max_examples=150)
@given(
    st.fixed_dictionaries(
        {"pools": st.dictionaries(st.sampled_from(["a", "b", "c"]), NEARLY, max_size=3)},
        optional={"defaults": NEARLY, "max_workers": st.integers(1, 9)},
    )
)
def test_files_that_are_nearly_right(file: dict[str, Any]) -> None:
    examine(yaml.safe_dump(file, allow_unicode=True).encode("utf-8", "surrogatepass"))
