"""Finding an application by its name: ``module:attribute``, ``file.py:attribute``, or ``module:make()`` for a factory."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any, Sequence

USUAL = ("application", "app", "wsgi", "create_app", "make_app")
"""Names that applications have."""


class NotAnApplication(Exception):
    """The module was imported, but has no such attribute, or it cannot be called."""


def load(target: str, usual: Sequence[str] = USUAL) -> Any:
    """The application; `usual` are the names that its author may have meant.

    Whatever its import raises comes through; raises NotAnApplication when it is missing or not callable.
    """
    module_name, colon, path = target.partition(":")
    module = _import(module_name)
    path = path if colon else "application"
    factory = path.endswith("()")
    found: Any = module
    for name in path[:-2].split(".") if factory else path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise NotAnApplication(f"{module_name} has no attribute {name!r}{_candidates(module, usual)}") from None
    if factory:
        found = found()
    if not callable(found):
        raise NotAnApplication(f"{target} is a {type(found).__name__}, which cannot be called")
    return found


def _import(name: str) -> ModuleType:
    if not name.endswith(".py"):
        return importlib.import_module(name)
    path = os.path.abspath(name)
    stem = os.path.basename(path)[:-3].replace("-", "_")
    known = sys.modules.get(stem)
    if known is not None and getattr(known, "__file__", None) == path:  # A hook stands in the application's own file.
        return known
    spec = importlib.util.spec_from_file_location(stem, path)
    if spec is None or spec.loader is None:
        raise NotAnApplication(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[stem] = module
    spec.loader.exec_module(module)
    return module


def _candidates(module: ModuleType, usual: Sequence[str]) -> str:
    """What the author may have meant."""
    found = [name for name in usual if callable(getattr(module, name, None))]
    return f"; it has {', '.join(found)}" if found else ""
