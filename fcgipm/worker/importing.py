"""The import of the application and its hooks, and what is said when it fails."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional, Sequence

from fcgipm.gateways.errors import format_failure
from fcgipm.gateways.loading import USUAL, NotAnApplication, load
from fcgipm.worker.settings import Settings

_OUR_FRAMES = 3
"""`_found`, `load` and `_import` stand on top of every traceback of an import."""

Hook = Callable[[], object]


class Unimportable(Exception):
    """It is not there; the text says what and why, its last line in short."""


class Imported(NamedTuple):
    """What a generation has of its application's."""

    application: Any
    worker_start: Optional[Hook]
    worker_stop: Optional[Hook]


def import_all(settings: Settings) -> Imported:
    """The application first: its module may set up what a hook's module needs. Raises Unimportable."""
    application = _found("application", settings.app, USUAL)
    return Imported(application, _hook("worker_start", settings.worker_start), _hook("worker_stop", settings.worker_stop))


def _hook(key: str, name: Optional[str]) -> Optional[Hook]:
    return None if name is None else _found(f"hook {key}", name, ())


def _found(what: str, name: str, usual: Sequence[str]) -> Any:
    try:
        return load(name, usual)
    except NotAnApplication as error:
        raise Unimportable(f"{what} {name}: {error}") from None
    except BaseException as error:  # SystemExit too: a module that exits is no application.
        raise Unimportable(f"{what} {name} cannot be imported\n{format_failure(error, skip=_OUR_FRAMES)}") from None
