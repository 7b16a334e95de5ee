"""``fcgipm reload``: new code, configuration, Python, listeners, users, limits, under full traffic."""

from __future__ import annotations

import click

from fcgipm.cli._daemon import ask_daemon, finds_daemon


@click.command()
@finds_daemon
@click.argument("pool", required=False)
@click.option("--no-wait", is_flag=True, help="Ask for it and do not wait for how it ends.")
def command(control: str | None, file: str | None, pool: str | None, no_wait: bool) -> int:
    """Read the file anew and replace all pools, or one POOL, under full traffic.

    New code proves itself first: its import, a first worker, the configured probe. If anything fails, everything serves on as before, the reason is told,
    and the exit code is 1.
    """
    request = {"command": "reload", "pool": pool, "wait": not no_wait}
    click.echo(ask_daemon(control, file, request, progress=lambda text: click.echo(text, err=True), timeout=None))
    return 0
