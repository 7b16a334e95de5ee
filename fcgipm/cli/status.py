"""``fcgipm status``: what the daemon and its workers do now."""

from __future__ import annotations

import json
from typing import Any

import click

from fcgipm.cli._daemon import ask_daemon, finds_daemon
from fcgipm.system import exit_codes


@click.command()
@finds_daemon
@click.argument("pool", required=False)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(control: str | None, file: str | None, pool: str | None, as_json: bool) -> int:
    """Show what the daemon does now, or one POOL of it.

    Exit code: 0 all is well, 1 degraded (or starting, or stopping), 2 not running.
    """
    request = {"command": "status"} if pool is None else {"command": "status", "pool": pool}
    status: dict[str, Any] = ask_daemon(control, file, request)
    if as_json:
        click.echo(json.dumps(status, indent=2))
    else:
        from fcgipm.report.text import to_text

        click.echo(to_text(status), nl=False)
    return 0 if is_well(status) else exit_codes.FAILED


def is_well(status: dict[str, Any]) -> bool:
    """Whether every pool shown has all its workers, and every embedded server runs."""
    http_runs = all(http["state"] == "running" for http in status["http"])
    return bool(status["pools"]) and http_runs and all(pool["state"] == "ready" for pool in status["pools"].values())
