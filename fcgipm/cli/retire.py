"""``fcgipm retire``: replace one worker."""

from __future__ import annotations

import click

from fcgipm.cli._daemon import ask_daemon, finds_daemon


@click.command()
@finds_daemon
@click.argument("pid", type=int)
def command(control: str | None, file: str | None, pid: int) -> int:
    """Replace the worker with process id PID: another accepts first, then this one finishes what it does and leaves."""
    click.echo(ask_daemon(control, file, {"command": "retire", "pid": pid}))
    return 0
