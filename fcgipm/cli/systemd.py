"""`fcgipm systemd`."""

from __future__ import annotations

import os
import shutil
import sys

import click

from fcgipm.cli.configured import file_option, load_or_exit
from fcgipm.recipes import NoRecipe

HINT = "fcgipm: save it as /etc/systemd/system/fcgipm.service, then: systemctl daemon-reload && systemctl enable --now fcgipm"


@click.command("systemd")
@file_option
@click.option("--path", "executable", metavar="EXECUTABLE", help="The fcgipm that systemd is to start; default: this one.")
def command(file: str | None, executable: str | None) -> None:
    """Print a unit of systemd that fits the configuration."""
    from fcgipm.recipes.systemd import unit

    config = load_or_exit(file)[1]
    try:
        click.echo(unit(config, _this_one() if executable is None else _absolute(executable)), nl=False)
    except NoRecipe as error:
        raise click.UsageError(str(error)) from None
    if sys.stdout.isatty():
        click.echo(HINT, err=True)


def _absolute(executable: str) -> str:
    if not os.path.isabs(executable):
        raise click.UsageError(f"--path must be an absolute path, not {executable}")
    return os.path.normpath(executable)


def _this_one() -> str:
    """The program beside our interpreter: pip puts it there, in a virtual environment too."""
    beside = os.path.join(os.path.dirname(sys.executable), "fcgipm")
    found = beside if os.access(beside, os.X_OK) else shutil.which("fcgipm")
    if found is None:
        raise click.UsageError("where the program fcgipm is cannot be told: name it with --path")
    return os.path.abspath(found)
