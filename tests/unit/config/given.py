"""Configurations as text, taken through the pure pipeline: no disk, no users, no environment but what the test gives."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent
from typing import Any

from fcgipm.config.checks import cross_checks
from fcgipm.config.effective import Machine, effective
from fcgipm.config.errors import Problem, Source, in_order
from fcgipm.config.layers import Layers, lay
from fcgipm.config.reader import Document, read

MACHINE = Machine(python="/opt/fcgipm/bin/python", control="/run/fcgipm/control.sock")
FOLDER = "/etc/site"

MINIMAL = """
pools:
  web:
    app: shop.wsgi:application
    listen: unix:/run/web.sock
"""


def document(
    text: str | bytes, environ: Mapping[str, str] = {}, name: str = "fcgipm.yaml", folder: str = FOLDER
) -> Document:
    data = text if isinstance(text, bytes) else dedent(text).lstrip("\n").encode()
    return read(Source(name, folder), data, environ)


def outcome(
    text: str | bytes, environ: Mapping[str, str] = {}, included: Mapping[str, str] = {}
) -> tuple[Layers | None, list[Problem]]:
    """The layers of a file (None when it has no root) and every problem, in order."""
    main = document(text, environ)
    others = [document(other, environ, name, f"{FOLDER}/pools.d") for name, other in included.items()]
    if main.root is None:
        return None, main.problems
    layers = lay(main, others)
    problems = [*layers.problems, *cross_checks(layers, MACHINE)]
    return layers, in_order(problems, [main.source, *(other.source for other in others)])


def problems(text: str | bytes, environ: Mapping[str, str] = {}, included: Mapping[str, str] = {}) -> list[str]:
    """The lines that a user would read, without the file's name when there is only one file."""
    found = [str(problem) for problem in outcome(text, environ, included)[1]]
    return found if included else [line.removeprefix("fcgipm.yaml:") for line in found]


def config(text: str, environ: Mapping[str, str] = {}, included: Mapping[str, str] = {}) -> dict[str, Any]:
    """The effective configuration of a file without a mistake."""
    layers, found = outcome(text, environ, included)
    assert not found, [str(problem) for problem in found]
    assert layers is not None
    return effective(layers, MACHINE)


def pool(keys: str) -> str:
    """A file of one right pool, `web`, with `keys` (lines at no indentation) beside app and listen; the first of them stands in line 5."""
    lines = "".join(f"    {line}\n" for line in dedent(keys).strip().splitlines())
    return MINIMAL + lines
