"""``fcgipm run``: become the master.

This process finds the file, makes itself the subreaper of what it will start, and then exec's a clean interpreter: nothing of the command line's libraries is
left in the daemon.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from fcgipm.system import exit_codes
from fcgipm.system.paths import ConfigurationMissing, find_configuration
from fcgipm.system.subreaper import become_subreaper


@click.command()
@click.option(
    "-c",
    "--config",
    "file",
    metavar="FILE",
    help="Configuration file; default: ./fcgipm.yaml, then /etc/fcgipm/fcgipm.yaml.",
)
def command(file: str | None) -> NoReturn:
    """Serve in the foreground.

    Signals: TERM stops gracefully; INT and QUIT too, a second one at once; USR1 reopens the log file.
    """
    try:
        found = find_configuration(file)
    except ConfigurationMissing as missing:
        click.echo(f"fcgipm: {missing}", err=True)
        sys.exit(exit_codes.CONFIGURATION)
    become_subreaper()
    os.execv(sys.executable, [sys.executable, "-I", "-m", "fcgipm.master", found])
