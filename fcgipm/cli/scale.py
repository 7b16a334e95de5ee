"""``fcgipm scale``: other bounds for a running pool."""

from __future__ import annotations

import click

from fcgipm.cli._daemon import ask_daemon, finds_daemon


@click.command()
@finds_daemon
@click.argument("pool")
@click.option("--min", "least", type=click.IntRange(min=0), metavar="N", help="Least workers.")
@click.option("--max", "most", type=click.IntRange(min=1), metavar="N", help="Most workers.")
@click.option("--reset", is_flag=True, help="Back to what the configuration says.")
def command(control: str | None, file: str | None, pool: str, least: int | None, most: int | None, reset: bool) -> int:
    """Give POOL other bounds now. They hold until --reset or the next start; the file is not changed.

    A static pool has one number of workers: --min and --max mean the same there.
    """
    if reset is (least is not None or most is not None):
        raise click.UsageError("say --min N or --max N or both, or --reset")
    request = {"command": "scale", "pool": pool, "min": least, "max": most, "reset": reset}
    click.echo(ask_daemon(control, file, request))
    return 0
