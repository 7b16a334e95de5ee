"""`fcgipm serve`: a pool and the embedded web server, from a command line instead of a file."""

from __future__ import annotations

import grp
import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from fcgipm.cli._application import application_here
from fcgipm.cli._foreground import Foreground, is_of_a_reload, render, say
from fcgipm.cli._options import in_options
from fcgipm.control.client import ControlRefused, NotRunning, ask
from fcgipm.system import exit_codes

if TYPE_CHECKING:
    from fcgipm.cli._changes import Watcher

POOL = "app"
NGINX_GROUPS = ("www-data", "nginx", "http")


@click.command("serve")
@click.argument("application", metavar="MODULE:APP")
@click.option("--http", default="127.0.0.1:8000", show_default=True, metavar="ADDRESS", help="Where browsers connect; a port alone is on 127.0.0.1.")
@click.option("--listen", metavar="ADDRESS", help="Where nginx may connect: unix:/path, 127.0.0.1:9000. Default: a private socket.")
@click.option("--workers", type=click.IntRange(1, 1000), default=2, show_default=True, help="Processes.")
@click.option("--static", multiple=True, metavar="/PREFIX=FOLDER", help="Serve the files of a folder; may be given often.")
@click.option("--reload", is_flag=True, help="Import the application anew when a source file below this folder changes.")
def command(application: str, http: str, listen: str | None, workers: int, static: tuple[str, ...], reload: bool) -> int:
    """Serve MODULE:APP (or file.py:APP, or MODULE:make()) from this folder, in a browser, until ^C.

    The request goes through FastCGI, workers and all, as it would behind nginx. The environment of this command is the application's.
    """
    http, listen = browser_address(http), None if listen is None else from_here(listen)
    check_descriptors({"--http": http, "--listen": listen})
    folder = Path(tempfile.mkdtemp(prefix="fcgipm-serve-"))
    try:
        file = folder / "fcgipm.yaml"
        text = configuration(folder, application, http, listen, workers, folders(static))
        file.write_text("# Made by `fcgipm serve`.\n" + yaml.safe_dump(text, sort_keys=False))
        return Serving(file, http, listen, reload).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def browser_address(given: str) -> str:
    """`8000` and `localhost:8000` are short for the loopback address."""
    host, _, port = given.rpartition(":")
    return f"127.0.0.1:{port}" if host in ("", "localhost") else from_here(given)


def from_here(address: str) -> str:
    """A relative unix:PATH begins at this folder."""
    path = address.removeprefix("unix:")
    relative = path != address and path and not path.startswith(("/", "@")) and not path.endswith("/")
    return f"unix:{os.path.abspath(path)}" if relative else address


def check_descriptors(addresses: Mapping[str, str | None]) -> None:
    """Raises UsageError: an option's `fd:N` is no open descriptor."""
    for option, address in addresses.items():
        for number in inherited(address):
            try:
                os.fstat(number)
            except OSError:
                text = f"{option}: {address} is no open descriptor: who starts the command passes a listening socket on under that number"
                raise click.UsageError(text) from None


def folders(given: tuple[str, ...]) -> dict[str, str]:
    """Prefixes and absolute folders of `--static /static=DIR`. Raises UsageError."""
    found = {}
    for text in given:
        prefix, equals, folder = text.partition("=")
        if not equals or not folder or not prefix.startswith("/"):
            raise click.UsageError(f"--static takes /PREFIX=FOLDER, such as /static=static, not {text!r}")
        found[prefix.rstrip("/")] = os.path.abspath(folder)
    return found


def configuration(
    folder: Path, application: str, http: str, listen: str | None, workers: int, static: dict[str, str]
) -> dict[str, Any]:
    """The file that does the same."""
    pool = {**application_here(application), "listen": listener(folder, listen), "workers": workers}
    return {
        "control": str(folder / "control.sock"),
        "log": {"format": "json"},
        "stop_timeout": "3s",  # An open event stream must not keep ^C waiting.
        "http": [{"listen": http, "pool": POOL, "static": static, "access_log": sys.stderr.isatty()}],
        "pools": {POOL: pool},
    }


def listener(folder: Path, wanted: str | None) -> dict[str, str]:
    """Where the pool listens. Root lets nginx's group in, where it knows one."""
    if wanted is None:
        return {"address": f"unix:{folder}/{POOL}.sock"}
    group = nginx_group() if wanted.startswith("unix:") and os.geteuid() == 0 else None
    return {"address": wanted, "group": group} if group else {"address": wanted}


def nginx_group() -> str | None:
    """The group that nginx runs as by distributions' custom, if this machine has it."""
    known = {entry.gr_name for entry in grp.getgrall()}
    return next((name for name in NGINX_GROUPS if name in known), None)


class Serving:
    """One run of the command. With `reload`, a daemon that cannot start is tried again after the next change."""

    def __init__(self, file: Path, http: str, listen: str | None, reload: bool) -> None:
        self._file, self._http, self._listen = file, http, listen
        self._wake = threading.Event()
        self._foreground = Foreground(str(file), self._announce, self._wake.set, self._shown)
        self._watcher = self._watch() if reload else None

    def run(self) -> int:
        """Until the daemon ends; its exit status."""
        while True:
            self._wake.clear()
            code = self._foreground.run(inherited(self._http, self._listen))
            if self._watcher is None or code != exit_codes.FAILED or self._stopped():
                break
            say("waiting for a change")
            self._wake.wait()
            if self._stopped():
                break
        if self._watcher is not None:
            self._watcher.stop()
        return code

    def _shown(self, line: str) -> str | None:
        """What is printed of a line of the log: how a reload went, `_changed` says."""
        return None if self._watcher is not None and is_of_a_reload(line) else self._in_options(render(line))

    def _in_options(self, text: str) -> str:
        return in_options(text, str(self._file), "TMPDIR" if self._listen is None else "--listen")

    def _stopped(self) -> bool:
        return self._foreground.ended

    def _announce(self) -> None:
        click.echo(f"\n  Open http://{self._http}/    (^C ends it)")
        if self._listen is None:
            click.echo("  For nginx: the same with --listen unix:/PATH, which tells how to get its block\n")
        else:
            click.echo(f"  For nginx, which finds it at {self._listen}: fcgipm nginx -c {self._file}\n")

    def _watch(self) -> Watcher:
        try:
            from fcgipm.cli._changes import Watcher
        except ImportError:
            raise click.ClickException("--reload needs watchfiles: pip install 'fcgipm[web]'") from None
        watcher = Watcher(os.getcwd(), self._changed)
        watcher.start()
        return watcher

    def _changed(self, files: list[str]) -> None:
        changed = f"changed: {', '.join(files[:3])}{' and more' if len(files) > 3 else ''}"
        if not self._foreground.running:
            say(changed)
            self._wake.set()
            return
        try:
            outcome = ask(str(self._file.with_name("control.sock")), {"command": "reload"}, timeout=None)
            say(f"{changed}: {outcome.removeprefix(f'{POOL}: ')}")
        except ControlRefused as refused:
            say(f"{changed}: not reloaded: {self._reason(str(refused))}")
        except NotRunning:
            say(changed)
            self._wake.set()

    def _reason(self, refusal: str) -> str:
        """Why a reload failed, in one line."""
        reasons = [self._in_options(line).removeprefix("fcgipm serve: ").removeprefix(f"{POOL}: ") for line in refusal.splitlines()]
        return "; ".join(reasons)


def inherited(*addresses: str | None) -> tuple[int, ...]:
    """The descriptors among addresses (`fd:3`), for the daemon to get."""
    return tuple(int(address[3:]) for address in addresses if address is not None and re.fullmatch("fd:[0-9]+", address))
