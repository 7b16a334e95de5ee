"""`fcgipm schema`."""

from __future__ import annotations

import json

import click

from fcgipm.config.schema import json_schema


@click.command("schema")
def command() -> None:
    """Print a JSON Schema of the configuration file.

    Editors complete and check with it: save it, and begin the file with `# yaml-language-server: $schema=PATH`.
    """
    click.echo(json.dumps(json_schema(), indent=2))
