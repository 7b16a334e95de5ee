"""The import of the application, and what is said when it fails."""

from __future__ import annotations

from typing import Any

from fcgipm.gateways.errors import format_failure
from fcgipm.gateways.loading import NotAnApplication, load

_OUR_FRAMES = 3
"""`import_application`, `load` and `_import` stand on top of every traceback of an import."""


class Unimportable(Exception):
    """There is no application there; the text says why, its last line in short."""


def import_application(name: str) -> Any:
    """The application of that name. Raises Unimportable."""
    try:
        return load(name)
    except NotAnApplication as error:
        raise Unimportable(f"application {name}: {error}") from None
    except BaseException as error:  # SystemExit too: a module that exits is no application.
        raise Unimportable(f"application {name} cannot be imported\n{format_failure(error, skip=_OUR_FRAMES)}") from None
