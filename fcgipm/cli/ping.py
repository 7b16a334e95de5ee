"""``fcgipm ping``: does the daemon answer, does a pool?"""

from __future__ import annotations

from typing import Any

import click

from fcgipm.cli._daemon import ask_daemon, fail, finds_daemon
from fcgipm.system import exit_codes

TIMEOUT = 5.0
"""Seconds a pool may take: a worker answers between two requests."""


@click.command()
@finds_daemon
@click.argument("pool", required=False)
def command(control: str | None, file: str | None, pool: str | None) -> int:
    """Ask the daemon whether it answers; with POOL, ask one of its workers too, through the pool's first address.

    Exit code: 0 it answers, 1 the pool does not, 2 not running.
    """
    if pool is None:
        answer: dict[str, Any] = ask_daemon(control, file, {"command": "ping"})
        click.echo(f"fcgipm {answer['version']} {answer['state']}, pid {answer['pid']}")
    else:
        status = ask_daemon(control, file, {"command": "status", "pool": pool})
        found = status["pools"][pool]
        ping_pool(pool, found["listen"][0]["address"], foreign=found["interface"] == "fastcgi")
    return 0


def ping_pool(pool: str, address: str, *, foreign: bool) -> None:
    """Ask by GET_VALUES (FastCGI 1.0, section 4.1), which the application has no part in. Not every foreign program answers it: those on libfcgi do not."""
    from fcgipm.client import AddressError, CannotConnect, Incomplete, TimedOut, connect
    from fcgipm.wire.fastcgi import RemoteProtocolError

    if address.startswith("fd:"):
        fail(
            f"pool {pool} listens on {address}, a descriptor of the daemon: only its clients know the address",
            exit_codes.FAILED,
        )
    try:
        with connect(address, TIMEOUT) as connection:
            values = connection.get_values()
    except (AddressError, CannotConnect, Incomplete, TimedOut, RemoteProtocolError) as problem:
        way_out = f" (programs on libfcgi never answer this question: `fcgipm request {address} PATH` asks for a page)" if foreign else ""
        fail(f"pool {pool} does not answer at {address}: {problem}{way_out}", exit_codes.FAILED)
    told = ", ".join(f"{name.decode('latin-1')}={value.decode('latin-1')}" for name, value in sorted(values.items()))
    click.echo(f"{pool} answers at {address}{f': {told}' if told else ', and tells nothing of itself'}")
