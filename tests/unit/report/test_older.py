"""Documents of daemons that are older than the command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fcgipm.cli.status import is_well
from fcgipm.report.document import to_json
from fcgipm.report.older import completed
from fcgipm.report.text import to_text
from tests.unit.report.snapshots import SNAPSHOT

DOCUMENT = to_json(SNAPSHOT)


def keys(document: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path to each key, however deep."""
    for key, value in document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ():
        if isinstance(key, str):
            yield (*path, key)
        yield from keys(value, (*path, key))


def without(document: Any, path: tuple[str | int, ...]) -> Any:
    first, *rest = path
    if not rest:
        return {key: value for key, value in document.items() if key != first}
    if isinstance(document, list):
        return [without(one, tuple(rest)) if index == first else one for index, one in enumerate(document)]
    return {key: without(value, tuple(rest)) if key == first else value for key, value in document.items()}


NEWER = [path for path in keys(DOCUMENT) if not {"listen", "running", "last_reload"} & set(path[:-1])]


@pytest.mark.parametrize("path", NEWER, ids=lambda path: ".".join(map(str, path)))
def test_any_key_may_be_missing(path: tuple[str | int, ...]) -> None:
    assert to_text(without(DOCUMENT, path)).startswith("fcgipm ")


def test_what_is_missing_is_nothing_and_what_is_there_stays() -> None:
    assert completed(DOCUMENT) == DOCUMENT
    older = {key: value for key, value in DOCUMENT.items() if key not in ("status_server", "http", "loop_lag_seconds")}
    assert completed(older) == {**DOCUMENT, "status_server": None, "http": [], "loop_lag_seconds": 0.0}
    assert not is_well(older)
    assert is_well({"pools": {"web": {"state": "ready"}}})


def test_every_key_of_a_document_has_its_nothing() -> None:
    bare = completed({"pools": {"web": {"processes": [{}]}}, "http": [{}]})
    pool = DOCUMENT["pools"]["web"]
    assert bare.keys() == DOCUMENT.keys() and bare["http"][0].keys() == DOCUMENT["http"][0].keys()
    assert bare["pools"]["web"].keys() == pool.keys()
    assert bare["pools"]["web"]["processes"][0].keys() == pool["processes"][0].keys()
    for key in ("workers", "scaling", "requests", "latency_histogram", "connections", "memory", "template"):
        assert bare["pools"]["web"][key].keys() == pool[key].keys()
