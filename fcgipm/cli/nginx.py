"""`fcgipm nginx`."""

from __future__ import annotations

import sys

import click

from fcgipm.cli.configured import file_option, load_or_exit
from fcgipm.config.effective import JSON
from fcgipm.recipes import NoRecipe

PARAMS_HINT = "fcgipm: the block includes fcgipm_params: fcgipm nginx --params > /etc/nginx/fcgipm_params"


@click.command("nginx")
@click.argument("pool", required=False)
@file_option
@click.option("--server-name", default="localhost", show_default=True, metavar="NAME", help="The site's host name.")
@click.option("--listen", default="80", show_default=True, help="What nginx listens on, in its own notation.")
@click.option("--address", help="Where nginx finds the pool, when its `listen` does not tell (fd:3).")
@click.option("--params", is_flag=True, help="Print the file fcgipm_params, which every block includes.")
def command(pool: str | None, file: str | None, server_name: str, listen: str, address: str | None, params: bool) -> None:
    """Print a server block of nginx that fits the configuration.

    Without POOL, one for all pools, each at its `mount:`. Save it in /etc/nginx/conf.d/, and once, with --params, /etc/nginx/fcgipm_params.
    """
    if params:
        from fcgipm.recipes.nginx_params import PARAMS

        click.echo(PARAMS, nl=False)
        return
    config = load_or_exit(file)[1]
    click.echo(_block(config, _names(config, pool), server_name, listen, address), nl=False)
    if sys.stdout.isatty():
        click.echo(PARAMS_HINT, err=True)


def _names(config: JSON, pool: str | None) -> list[str]:
    names = list(config["pools"])
    if pool is not None and pool not in names:
        raise click.UsageError(f"there is no pool {pool!r}; there is {', '.join(names)}")
    return names if pool is None else [pool]


def _block(config: JSON, names: list[str], server_name: str, listen: str, address: str | None) -> str:
    from fcgipm.config.addresses import AddressError, normalised
    from fcgipm.recipes.nginx import server

    try:
        found = None if address is None else normalised(address)
        if found is not None and len(names) > 1:
            raise click.UsageError("--address is for one pool: name it")
        return server(config, names, server_name=server_name, listen=listen, address=found)
    except AddressError as error:
        raise click.UsageError(f"--address {address} {error}") from None
    except NoRecipe as error:
        raise click.UsageError(str(error)) from None
