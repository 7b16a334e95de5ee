"""``fcgipm stack``: what the workers are doing, line by line of their code."""

from __future__ import annotations

import click

from fcgipm.cli._daemon import ask_daemon, finds_daemon


@click.command()
@finds_daemon
@click.argument("of", required=False, metavar="[POOL|PID]")
def command(control: str | None, file: str | None, of: str | None) -> int:
    """Print the Python stacks of all threads of the workers: of all, of POOL, or of the one with PID. Nothing is stopped."""
    wanted = int(of) if of is not None and of.isascii() and of.isdigit() else of
    for found in ask_daemon(control, file, {"command": "stack", "of": wanted}):
        click.echo(found["pool"] if found["pid"] is None else f"{found['pool']}[{found['pid']}]")
        for line in found["stack"] or ["it does not answer"]:
            click.echo(f"  {line}")
    return 0
