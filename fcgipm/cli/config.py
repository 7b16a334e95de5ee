"""`fcgipm config`."""

from __future__ import annotations

import json

import click

from fcgipm.cli.configured import file_option, load_or_exit
from fcgipm.config.show import as_yaml, masked


@click.command("config")
@file_option
@click.option("--json", "as_json", is_flag=True, help="For programs: seconds and bytes as numbers, accounts resolved.")
def command(file: str | None, as_json: bool) -> None:
    """Show the values in effect: defaults filled in, included files and `defaults` merged, paths absolute.

    Environment variables are shown by name; their values stay hidden.
    """
    _, config = load_or_exit(file)
    click.echo(json.dumps(masked(config), indent=2) if as_json else as_yaml(config), nl=as_json)
