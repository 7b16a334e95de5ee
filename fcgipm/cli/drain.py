"""``fcgipm drain``: not ready any more, but serving on."""

from __future__ import annotations

import click

from fcgipm.cli._daemon import ask_daemon, finds_daemon


@click.command()
@finds_daemon
@click.argument("pool", required=False)
@click.option("--undo", is_flag=True, help="Ready again.")
def command(control: str | None, file: str | None, pool: str | None, undo: bool) -> int:
    """Have /readyz of the status server answer 503 for POOL, or for all pools, so that a load balancer sends no more visitors.

    Whoever comes is served all the same. It holds until --undo or the next start.
    """
    click.echo(ask_daemon(control, file, {"command": "drain", "pool": pool, "undo": undo}))
    return 0
