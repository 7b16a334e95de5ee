"""What the commands that talk to the daemon share: how they find it, and what they say when they cannot."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from fcgipm.control.client import ControlRefused, NotRunning, ask
from fcgipm.system import exit_codes
from fcgipm.system.paths import ConfigurationMissing, control_path

_CONTROL = click.option("--control", metavar="PATH", help="Control socket of the daemon.")
_FILE = click.option("-c", "--config", "file", metavar="FILE", help="Configuration file that names the control socket.")


def finds_daemon(command: Callable[..., int]) -> Callable[..., int]:
    """Add `--control PATH` and `-c FILE` to a command, which gets them as `control` and `file`."""
    return _CONTROL(_FILE(command))


def ask_daemon(control: str | None, file: str | None, request: dict[str, Any], **options: Any) -> Any:
    """``control.client.ask``; what goes wrong is said on stderr and ends the command: 2 when no daemon runs, 1 when it refuses."""
    with told_why():
        return ask(control_path(control, file), request, **options)


@contextmanager
def told_why() -> Iterator[None]:
    """Around talk with the daemon: what goes wrong ends the command, as told at `ask_daemon`."""
    try:
        yield
    except NotRunning as problem:
        fail(str(problem), exit_codes.NOT_RUNNING)
    except ControlRefused as problem:
        fail(str(problem), exit_codes.FAILED)
    except ConfigurationMissing as problem:
        fail(str(problem), exit_codes.CONFIGURATION)


def fail(text: str, code: int) -> NoReturn:
    """Say why on stderr, each line with the name of who says it, and end with `code`."""
    for line in text.splitlines():
        click.echo(f"fcgipm: {line}", err=True)
    sys.exit(code)
