"""``fcgipm status``: what the daemon and its workers do now."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import Any

import click

from fcgipm.cli._daemon import fail, finds_daemon, told_why
from fcgipm.control.client import NoAnswer, ask
from fcgipm.system import exit_codes
from fcgipm.system.paths import control_path

PATIENCE = 0.6
"""Seconds that the master has to answer; a turn of it takes 5 ms."""


@click.command()
@finds_daemon
@click.argument("pool", required=False)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--watch", is_flag=True, help="Look again every second, until q or ^C.")
@click.option("--events", is_flag=True, help="What happened lately: growth, crashes, time-outs, slow requests, reloads.")
def command(control: str | None, file: str | None, pool: str | None, as_json: bool, watch: bool, events: bool) -> int:
    """Show what the daemon does now, or one POOL of it.

    A master that does not answer is said to be so, and what its workers do is read from their shared memory.

    Exit code: 0 all is well, 1 degraded (or starting, or stopping, or not answering), 2 not running.
    """
    if watch:
        if as_json or not sys.stdout.isatty():
            raise click.UsageError("--watch is for a terminal, without --json")
        from fcgipm.cli._watch import watch_status

        return watch_status(lambda: look(control, file, pool), events)
    status = look(control, file, pool, events or as_json)
    if as_json:
        click.echo(json.dumps(status.get("events", []) if events else status, indent=2))
    else:
        from fcgipm.report import text

        paint = text.ansi if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text.plain
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        click.echo(text.events_text(status.get("events", []), paint, columns) if events else text.to_text(status, paint, columns), nl=False)
    return 0 if is_well(status) else exit_codes.FAILED


def look(control: str | None, file: str | None, pool: str | None, events: bool = True) -> dict[str, Any]:
    """The document, with `events` or without, of the master or else of the scoreboards; what goes wrong is said on stderr and ends the command."""
    with told_why():
        path = control_path(control, file)
        try:
            status: dict[str, Any] = ask(path, {"command": "status", "pool": pool, "events": events}, timeout=PATIENCE)
            return status
        except NoAnswer as silence:
            from fcgipm.cli._boards import status_without_master

            found = status_without_master(path, pool)
            if found is None:
                fail(f"{silence}, and its scoreboards cannot be read: be root or the daemon's user", exit_codes.FAILED)
            click.echo(f"fcgipm: {silence}: what follows is from its scoreboards", err=True)
            return found


def is_well(status: dict[str, Any]) -> bool:
    """Whether every pool shown has all its workers, and every server beside them runs."""
    servers = [*status.get("http", ()), *filter(None, [status.get("status_server")])]
    servers_run = all(server["state"] == "running" for server in servers)
    return bool(status["pools"]) and servers_run and all(pool["state"] == "ready" for pool in status["pools"].values())
