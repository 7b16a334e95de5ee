"""The import of the application, and what is said when it fails."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional

from fcgipm.gateways.errors import format_failure
from fcgipm.gateways.loading import NotAnApplication, load
from fcgipm.worker.settings import Settings

_OUR_FRAMES = 3
"""`_imported`, `load` and `_import` stand on top of every traceback of an import."""

Hook = Optional[Callable[[], Any]]


class Imported(NamedTuple):
    """What a pool names of its application's code."""

    application: Any
    worker_start: Hook
    worker_stop: Hook


class Unimportable(Exception):
    """There is no application there; the text says why, its last line in short."""


def import_all(settings: Settings) -> Imported:
    """The application and its hooks. Raises Unimportable."""
    application = _imported("application", settings.app)
    start, stop = (None if name is None else _imported("hook", name) for name in (settings.worker_start, settings.worker_stop))
    return Imported(application, start, stop)


def _imported(what: str, name: str) -> Any:
    try:
        return load(name)
    except NotAnApplication as error:
        raise Unimportable(f"{what} {name}: {error}") from None
    except BaseException as error:  # SystemExit too: a module that exits is no application.
        raise Unimportable(f"{what} {name} cannot be imported\n{format_failure(error, skip=_OUR_FRAMES)}") from None
