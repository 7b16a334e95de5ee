"""What a folder holds: applications (by the syntax trees of its files) and a virtual environment. Runs nothing of it."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from fcgipm.recipes.applications import Found, applications, settings_module

VENVS = (".venv", "venv", "env")
_SKIPPED = {*VENVS, "node_modules", "site-packages", "build", "dist", "tests", "test", "migrations", "docs"}
_SKIPPED_FILES = ("test_", "conftest.py", "setup.py")
_DEPTH = 3
_FILES = 1000
_SIZE = 1 << 20
"""How deep is looked, at how many files, and how long they may be: a folder like / is no project."""


@dataclass(frozen=True)
class Candidate:
    """One application of a folder."""

    file: str
    """Relative to the folder."""
    directory: str
    """Absolute; to be first on sys.path."""
    app: str
    """As in the configuration."""
    kind: str
    asgi: bool = False
    settings: str | None = None
    """Django's."""


def candidates(folder: str) -> list[Candidate]:
    """The likeliest application of each file. A wsgi.py is made to be served, so when there is one, only those count."""
    files = islice(_files(folder, _DEPTH), _FILES)
    found = [one for file in files for one in _in_file(folder, file)]
    served = [one for one in found if not one.asgi]
    return [one for one in served if os.path.basename(one.file) == "wsgi.py"] or served or found


def virtual_environment(*folders: str) -> str | None:
    """The interpreter of a virtual environment in one of the folders."""
    for folder in folders:
        for name in VENVS:
            python = os.path.join(folder, name, "bin", "python")
            if os.path.isfile(os.path.join(folder, name, "pyvenv.cfg")) and os.access(python, os.X_OK):
                return python
    return None


def _files(folder: str, depth: int) -> Iterator[str]:
    """Python files, those on top first."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith(".py") and not entry.name.startswith(_SKIPPED_FILES) and entry.is_file():
            yield entry.path
    for entry in entries:
        if depth > 0 and not entry.name.startswith(".") and entry.name not in _SKIPPED and entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path, depth - 1)


def _in_file(folder: str, path: str) -> Iterator[Candidate]:
    source = _source(path)
    best: Found | None = None
    try:
        with warnings.catch_warnings(action="ignore"):  # a file's own odd escapes are not our news
            best = next(iter(applications(source)), None)
            settings = settings_module(source)
    except (SyntaxError, ValueError, RecursionError):
        pass
    if best is not None:
        directory, module = _module(path)
        app = f"{module}:{best.attribute}"
        yield Candidate(os.path.relpath(path, folder), directory, app, best.kind, best.asgi, settings)


def _source(path: str) -> str:
    """The text of a file; what cannot be read or is too long counts as empty."""
    try:
        with open(path, "rb") as file:
            data = file.read(_SIZE + 1)
        return data.decode() if len(data) <= _SIZE else ""
    except (OSError, UnicodeDecodeError):
        return ""


def _module(path: str) -> tuple[str, str]:
    """The folder that must be on sys.path, and the module's name from there. A file whose name is no module's, or hides one, goes by its name as a file."""
    directory, name = os.path.split(path)
    if name[:-3] in sys.stdlib_module_names or not name[:-3].isidentifier():
        return directory, name
    steps = [] if name == "__init__.py" else [name[:-3]]
    while os.path.isfile(os.path.join(directory, "__init__.py")):
        directory, package = os.path.split(directory)
        steps.insert(0, package)
    return directory, ".".join(steps)
