"""``fcgipm stop``: ask the daemon to stop, and wait until it has."""

from __future__ import annotations

import click

from fcgipm.cli._daemon import ask_daemon, finds_daemon


@click.command()
@finds_daemon
@click.option("--now", is_flag=True, help="Do not wait for running requests.")
def command(control: str | None, file: str | None, now: bool) -> int:
    """Stop the daemon gracefully: what is queued is served, what runs is finished."""
    result = ask_daemon(control, file, {"command": "stop", "now": now}, progress=click.echo, timeout=None)
    click.echo(result)
    return 0
