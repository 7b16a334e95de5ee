"""`fcgipm bench`: the same application as CGI and as FastCGI, measured on this machine."""

from __future__ import annotations

import json
import os
import platform
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from fcgipm import __version__
from fcgipm.bench import picture, report
from fcgipm.bench.figures import Rounds, medians
from fcgipm.bench.measure import Plan, measure
from fcgipm.bench.stage import Settings, StageError, find_nginx, stage
from fcgipm.bench.ways import ways
from fcgipm.cli._application import application_here
from fcgipm.config.fields import Application
from fcgipm.config.units import seconds
from fcgipm.system import exit_codes

DEMONSTRATION = "fcgipm.demo:app"


def _seconds(_context: click.Context, _option: click.Parameter, value: str) -> float:
    """A duration as the configuration writes it."""
    try:
        found = seconds(value)
    except ValueError:
        found = 0.0
    if not found:
        raise click.BadParameter(f"{value!r} is no duration: write 20s or 1m")
    return found


@click.command("bench")
@click.argument("application", metavar="[MODULE:APP]", default=DEMONSTRATION)
@click.option("--path", "target", default="/", show_default=True, help="What is asked for.")
@click.option("--duration", callback=_seconds, default="12s", show_default=True, help="Of load, over everything; starting and ending come on top.")
@click.option("--rounds", type=click.IntRange(1, 100), default=3, show_default=True, help="How often each way has its turn.")
@click.option("--concurrency", type=click.IntRange(1, 256), default=4, show_default=True, help="Requests under way at once.")
@click.option("--workers", type=click.IntRange(1, 1000), default=max(2, min(8, os.cpu_count() or 1)), show_default="CPUs, 2 to 8", help="Processes.")
@click.option("--nginx/--no-nginx", default=None, help="Also through an nginx. Default: where there is one.")
@click.option("--picture", "wanted", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw it: .svg or .png, without a suffix both.")
@click.option("--json", "as_json", is_flag=True, help="Print all figures, of each round too, as JSON.")
def command(
    application: str, target: str, duration: float, rounds: int, concurrency: int, workers: int, nginx: bool | None, wanted: Path | None, as_json: bool
) -> int:
    """Serve MODULE:APP of this folder (default: the demonstration) as CGI, a process for each request, and as FastCGI, with and without kept
    connections; put each under load in turn, and say what the difference is.

    It starts servers of its own on private sockets in a temporary folder, and leaves nothing behind.
    """
    from fcgipm.cli._turns import shown

    pictures = _pictures(wanted)
    settings = Settings(_pool(application), workers, _nginx(nginx))
    field = ways(settings.nginx is not None)
    plan = Plan(_path(target), concurrency, rounds, duration / (rounds * len(field)))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with stage(settings, field) as scene, shown() as heard:
            outcome = measure(scene, field, plan, heard)
    except StageError as error:
        click.echo(f"fcgipm bench: {error}", err=True)
        return exit_codes.FAILED
    about = _about(application, settings, plan)
    click.echo(json.dumps(report.document(outcome, about), indent=2) if as_json else f"{_caption(about)}\n\n{report.text(outcome)}")
    if pictures:
        name = "The demonstration" if application == DEMONSTRATION else application
        picture.draw(pictures, outcome, name, _caption(about))
        click.echo(f"drawn: {', '.join(map(str, pictures))}", err=True)
    return exit_codes.FAILED if _failed(outcome) else 0


def _pictures(wanted: Path | None) -> list[Path]:
    """Asked for before anything is measured: it would be a pity afterwards."""
    if wanted is None:
        return []
    if not picture.available():
        raise click.ClickException("a picture needs matplotlib: pip install 'fcgipm[bench]'")
    try:
        files = picture.files(wanted)
    except ValueError as error:
        raise click.UsageError(f"--picture: {error}") from None
    if not os.access(wanted.absolute().parent, os.W_OK):
        raise click.UsageError(f"--picture: nobody can write into {wanted.absolute().parent}")
    return files


def _pool(application: str) -> dict[str, Any]:
    if application != DEMONSTRATION:
        try:
            TypeAdapter(Application).validate_python(application)
        except ValidationError as error:
            raise click.UsageError(f"MODULE:APP {error.errors()[0]['msg']}, not {application!r}") from None
        return application_here(application)
    if find_spec("flask") is None:
        raise click.ClickException("the demonstration needs Flask: pip install 'fcgipm[bench]', or name an application")
    return {"app": application}


def _nginx(wanted: bool | None) -> str | None:
    found = find_nginx() if wanted in (None, True) else None
    if wanted and found is None:
        raise click.ClickException("there is no nginx on PATH or in /usr/sbin: apt-get install nginx")
    return found


def _path(target: str) -> str:
    if not target.startswith("/") or not target.isascii() or not target.isprintable() or " " in target:
        raise click.UsageError(f"--path takes a path as it stands in a request, such as /shop?page=2, not {target!r}")
    return target


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _about(application: str, settings: Settings, plan: Plan) -> dict[str, Any]:
    machine = {"cpus": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()}
    with_nginx = settings.nginx is not None
    load = {"path": plan.target, "concurrency": plan.clients, "rounds": plan.rounds, "seconds": plan.seconds, "workers": settings.workers, "nginx": with_nginx}
    return {"fcgipm": __version__, "application": application, "machine": machine, "load": load}


def _caption(about: dict[str, Any]) -> str:
    load, machine = about["load"], about["machine"]
    what = f"fcgipm bench {about['application']}, GET {load['path']}: {load['workers']} workers, {load['concurrency']} requests at once"
    return f"{what}, median of {load['rounds']} × {load['seconds']:.2g} s; {machine['cpus']} CPUs, Python {machine['python']}"


def _failed(outcome: Rounds) -> bool:
    return any(medians(several).failed for several in outcome.values())
