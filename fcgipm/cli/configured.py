"""What `check` and `config` share: find the file, load it, and tell every problem."""

from __future__ import annotations

import os
import sys

import click

from fcgipm.config.effective import JSON
from fcgipm.config.errors import Problem
from fcgipm.system import exit_codes
from fcgipm.system.configuration import load
from fcgipm.system.paths import ConfigurationMissing, find_configuration

file_option = click.option(
    "-c",
    "--config",
    "file",
    metavar="FILE",
    help="Configuration file; default ./fcgipm.yaml, then /etc/fcgipm/fcgipm.yaml.",
)


def load_or_exit(file: str | None) -> tuple[str, JSON]:
    """The file's name, as given, and its values in effect. Ends the program with 78 after telling every problem."""
    try:
        name = file or _shortest(find_configuration())
    except ConfigurationMissing as missing:
        click.echo(f"fcgipm: {missing}", err=True)
        sys.exit(exit_codes.CONFIGURATION)
    loaded = load(name, os.environ)
    if loaded.config is None:
        _tell(name, loaded.problems)
        sys.exit(exit_codes.CONFIGURATION)
    return name, loaded.config


def _shortest(path: str) -> str:
    """A file of this folder by its bare name, any other by its whole path."""
    return os.path.basename(path) if os.path.dirname(path) == os.getcwd() else path


def _tell(name: str, problems: list[Problem]) -> None:
    if problems[0].place.line == 0 and problems[0].place.source.name == name:  # There is nothing else to tell of it.
        click.echo(f"fcgipm: {problems[0]}", err=True)
        return
    for problem in problems:
        click.echo(str(problem), err=True)
    count = len(problems)
    click.echo(f"fcgipm: {count} problem{'' if count == 1 else 's'} in {name} and what it includes", err=True)
