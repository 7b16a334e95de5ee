"""``fcgipm reopen-logs``: after a rotation; returns when no process writes into an old file any more."""

from __future__ import annotations

import click

from fcgipm.cli._daemon import ask_daemon, finds_daemon


@click.command()
@finds_daemon
def command(control: str | None, file: str | None) -> int:
    """Have the daemon open its log files anew; not a line is lost."""
    click.echo(ask_daemon(control, file, {"command": "reopen-logs"}))
    return 0
