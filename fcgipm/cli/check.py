"""`fcgipm check`."""

from __future__ import annotations

import sys

import click

from fcgipm.cli.configured import file_option, load_or_exit
from fcgipm.config.addresses import is_private
from fcgipm.config.effective import JSON
from fcgipm.config.errors import printable
from fcgipm.pool.bounds import described
from fcgipm.pool.policy import Bounds
from fcgipm.system import exit_codes


@click.command("check")
@file_option
@click.option(
    "--import", "try_import", is_flag=True, help="Also load each application, in a throw-away process as its user."
)
def command(file: str | None, try_import: bool) -> None:
    """Validate a configuration file and all that it names. Tells every problem at once and ends with 78 if there is one."""
    name, config = load_or_exit(file)
    pools = config["pools"].values()
    click.echo(f"{printable(name)} is right: {len(pools)} pool{'' if len(pools) == 1 else 's'}")
    for pool in pools:
        click.echo(f"  {_summary(pool)}")
    if config["status"] is not None and not is_private(address := config["status"]["listen"]["address"]):
        warning = f"whoever reaches {address} sees what this daemon does; 127.0.0.1 or a unix: path is private"
        click.echo(f"{printable(name)}: warning: status.listen: {warning}", err=True)
    for pool in pools:
        for address in _open_to_all(pool):
            who = "have a firewall keep others out" if pool["command"] else "name your web servers beside the address: `allow: [IP, ...]`"
            warning = f"whoever reaches {address} may send requests as if it were your web server; {who}"
            click.echo(printable(f"{name}: warning: pools.{pool['name']}.listen: {warning}"), err=True)
    if try_import and [pool for pool in pools if pool["command"] is None and not _imports(pool)]:
        sys.exit(exit_codes.CONFIGURATION)


def _open_to_all(pool: JSON) -> list[str]:
    """Addresses that other machines may connect to; of an inherited descriptor (fd:3) nothing is known."""
    return [one["address"] for one in pool["listen"] if one["allow"] is None and not is_private(one["address"]) and not one["address"].startswith("fd:")]


def _summary(pool: JSON) -> str:
    workers, threads = pool["workers"], pool["workers"]["threads"]
    processes = described(Bounds(workers["min"], workers["max"])) + (f" of {threads} threads" if threads > 1 else "")
    served = pool["app"] or pool["cgi"] or " ".join(pool["command"])
    addresses = ", ".join(listen["address"] for listen in pool["listen"])
    return printable(
        f"{pool['name']}: {served} on {addresses}, {processes}" + (f", as {pool['user']}" if pool["user"] else "")
    )


def _imports(pool: JSON) -> bool:
    """Whether the application can be loaded; tells how it went."""
    from fcgipm.system.trial import try_application

    trial = try_application(pool)
    loaded = trial.python is not None
    verdict = f"loaded under Python {trial.python}" if loaded else "cannot be loaded:"
    click.echo(f"{pool['name']}: {pool['app'] or pool['cgi']} {verdict}", err=not loaded)
    if not loaded:
        for line in trial.output.splitlines() or ["its process ended without a word"]:
            click.echo(f"  {printable(line)}", err=True)
    return loaded
