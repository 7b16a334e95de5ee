"""The import of the application and its hooks, and what is said when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, Callable, List, NamedTuple, Optional, Sequence

from fcgipm.gateways.errors import format_failure
from fcgipm.gateways.loading import USUAL, NotAnApplication, load
from fcgipm.worker import bootstrap
from fcgipm.worker.settings import Settings

Hook = Callable[[], object]


class Unimportable(Exception):
    """It is not there; the text says what and why, its last line in short."""


class Imported(NamedTuple):
    """What a generation has of its application's."""

    application: Any
    worker_start: Optional[Hook]
    worker_stop: Optional[Hook]


def import_all(settings: Settings) -> Imported:
    """The application first: its module may set up what a hook's module needs. A CGI program is only tried. Raises Unimportable."""
    if settings.interface == "cgi":
        try_program(settings)
        return Imported(None, None, None)
    application = find_application(settings.app or "")
    return Imported(application, _hook("worker_start", settings.worker_start), _hook("worker_stop", settings.worker_stop))


def find_application(target: str) -> Any:
    """Import it. Raises Unimportable."""
    return _found("application", target, USUAL)


def _hook(key: str, name: Optional[str]) -> Optional[Hook]:
    return None if name is None else _found(f"hook {key}", name, ())


def _found(what: str, name: str, usual: Sequence[str]) -> Any:
    try:
        return load(name, usual)
    except NotAnApplication as error:
        raise Unimportable(f"{what} {name}: {error}") from None
    except BaseException as error:  # SystemExit too: a module that exits is no application.
        raise Unimportable(f"{what} {name} cannot be imported\n{format_failure(error)}") from None


def try_program(settings: Settings) -> None:
    """Whether CGI requests can be answered: the folder is there, or an interpreter of its own can import the application. Raises Unimportable."""
    if settings.cgi is not None:
        try:
            os.listdir(settings.cgi)
        except OSError as error:
            raise Unimportable(f"cgi folder {settings.cgi} cannot be read: {error.strerror}") from None
    elif subprocess.run(program(settings, "import"), stdin=subprocess.DEVNULL, check=False).returncode:
        raise Unimportable(f"application {settings.app} cannot be imported by a CGI program: what it said is above")


def program(settings: Settings, *more: str) -> List[str]:
    """The command that runs a pool's application as a CGI program; see `cgi_application`."""
    return [sys.executable, bootstrap.__file__, bootstrap.CGI, settings.app or "", settings.directory, *more]
