"""`fcgipm init`."""

from __future__ import annotations

import os
from importlib.util import find_spec

import click

from fcgipm.recipes.first import First, pool_name, text
from fcgipm.system import exit_codes
from fcgipm.system.search import Candidate, candidates, virtual_environment

FILE = "fcgipm.yaml"
SITE = "127.0.0.1:8000"


@click.command("init")
@click.argument("folder", default=".", type=click.Path(exists=True, file_okay=False))
@click.option("--app", help="Which of several applications, as they are listed.")
def command(folder: str, app: str | None) -> int:
    """Look for an application in FOLDER and write a first fcgipm.yaml there.

    Finds Django, Flask, Bottle, Pyramid and bare WSGI callables by reading the files; nothing of them is run. An existing file is never overwritten.
    """
    folder = os.path.abspath(folder)
    path = os.path.join(folder, FILE)
    if os.path.lexists(path):
        return _fail(f"{os.path.relpath(path)} exists; it stays as it is")
    found = candidates(folder)
    chosen = [one for one in found if app in (None, one.app)]
    if len(chosen) != 1 or chosen[0].asgi:
        return _fail(_undecided(folder, found, app))
    first = _first(folder, chosen[0])
    with open(path, "x") as file:
        file.write(text(first))
    _tell(os.path.relpath(path), first)
    return 0


def _undecided(folder: str, found: list[Candidate], app: str | None) -> str:
    place = os.path.relpath(folder)
    if not found:
        return (
            f"no WSGI application in the Python files of {place}: looked for Django's get_wsgi_application(), Flask(...), Bottle(), create_app(),"
            f" and functions of (environ, start_response). Where it is, you say: `app: module:attribute` of a pool in {FILE}"
        )
    lines = [f"  {one.app:<32} {one.kind}, in {one.file}" for one in found]
    if all(one.asgi for one in found):
        return "\n".join([f"{place} holds ASGI applications alone, fcgipm serves WSGI:", *lines])
    reason = "several applications" if app is None else f"{app} is none of the applications"
    return "\n".join([f"{reason} in {place}; say which, for example --app {found[0].app}", *lines])


def _first(folder: str, one: Candidate) -> First:
    root = os.geteuid() == 0
    python = virtual_environment(folder, one.directory)
    name = pool_name(one.app.partition(":")[0].partition(".")[0].removesuffix(".py"), os.path.basename(folder))
    listen, group = _listen(folder, name, root)
    return First(
        pool=name,
        kind=one.kind,
        where=one.file,
        app=one.app,
        listen=listen,
        directory=None if one.directory == folder else os.path.relpath(one.directory, folder),
        python=python and os.path.relpath(python, folder),
        settings=one.settings if one.kind == "Django" else None,
        user=_owner(folder) if root else None,
        group=group,
        root=root,
        http=SITE if find_spec("uvicorn") else None,
    )


def _listen(folder: str, name: str, root: bool) -> tuple[str, str | None]:
    """Root's sockets are where nginx's usually are; others have theirs beside the file, where its path is short enough for a socket."""
    if root:
        return f"unix:/run/fcgipm/{name}.sock", _web_group()
    short = len(os.fsencode(os.path.join(folder, f"{name}.sock"))) < 100
    return (f"unix:{name}.sock" if short else "127.0.0.1:9000"), None


def _web_group() -> str | None:
    import grp

    groups = {group.gr_name for group in grp.getgrall()}
    return next((name for name in ("www-data", "nginx") if name in groups), None)


def _owner(folder: str) -> str | None:
    import pwd

    uid = os.stat(folder).st_uid
    try:
        return pwd.getpwuid(uid).pw_name if uid else None
    except KeyError:
        return None


def _tell(path: str, first: First) -> None:
    click.echo(f"found   {first.kind}: {first.app} ({first.where})")
    click.echo(f"python  {first.python or 'no virtual environment here: the one that runs fcgipm'}")
    if first.user:
        click.echo(f"user    {first.user}, who owns the folder")
    elif first.root:
        click.echo("user    root: the folder is owned by no other; a user of its own is safer, see `user:` in the file")
    click.echo(f"wrote   {path}")
    option = "" if path == FILE else f" -c {path}"
    click.echo(f"next    fcgipm check --import{option} && fcgipm run{option}")
    if first.http:
        click.echo(f"then    http://{first.http}/")


def _fail(message: str) -> int:
    click.echo(f"fcgipm init: {message}", err=True)
    return exit_codes.FAILED
