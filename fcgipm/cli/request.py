"""`fcgipm request`: curl for FastCGI. One request to any FastCGI application, ours or not, without a web server between."""

from __future__ import annotations

import io
import os
import stat
import sys
from typing import BinaryIO

import click

from fcgipm.client import (
    AddressError,
    CannotConnect,
    Connection,
    Incomplete,
    Refused,
    Response,
    TimedOut,
    connect,
    params,
)
from fcgipm.system import exit_codes
from fcgipm.wire.fastcgi import RemoteProtocolError

NO_RESPONSE = 1
"""Exit status when the application gave no whole response, or said itself that it failed."""

FORM = ("Content-Type", "application/x-www-form-urlencoded")

SECONDS = click.FloatRange(min=0, min_open=True)

Header = tuple[str, str]


@click.command(short_help="Send one request to a FastCGI address and print the answer.")
@click.argument("address")
@click.argument("path")
@click.option("-X", "--method", help="Request method; default GET, with a body POST.")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A request header; may be given often.")
@click.option("-d", "--data", metavar="BODY|@FILE", help="Request body: text, or the content of FILE (@- for standard input).")
@click.option("-i", "--include", is_flag=True, help="Print the response's status and headers too.")
@click.option("--timeout", type=SECONDS, default=60.0, show_default=True, help="Seconds without any progress.")
def command(
    address: str,
    path: str,
    method: str | None,
    headers: tuple[str, ...],
    data: str | None,
    include: bool,
    timeout: float,
) -> int:
    """Send one request to a FastCGI ADDRESS and print the body of the response.

    ADDRESS is unix:/path, 127.0.0.1:9000 or [::1]:9000. PATH may carry a query: '/search?q=socks'. What the application
    sends for the log goes to standard error.

    Exit status: 0 for a whole response, whatever its HTTP status; 1 without one; 71 when nobody takes connections there.
    """
    if not path.startswith("/"):
        raise click.UsageError(f"PATH starts with /, {path!r} does not")
    given = [_header(text) for text in headers]
    body, length = _body(data)
    if data is not None and not any(name.lower() == "content-type" for name, _ in given):
        given.append(FORM)
    pairs = _pairs(method or ("GET" if data is None else "POST"), path, given, length)
    try:
        with connect(address, timeout) as connection:
            return _ask(connection, pairs, body, include)
    except AddressError as error:
        raise click.UsageError(str(error)) from None
    except CannotConnect as error:
        return _fail(str(error), exit_codes.CANNOT_OPEN)
    except Incomplete as error:
        meaning = ": the process that served it has died or given it up; the daemon's log and `fcgipm status` tell more" if error.ended else ""
        return _fail(f"{error}{meaning}", NO_RESPONSE)
    except (RemoteProtocolError, Refused, TimedOut) as error:
        return _fail(str(error), NO_RESPONSE)


def _ask(connection: Connection, pairs: list[tuple[bytes, bytes]], body: BinaryIO | None, include: bool) -> int:
    blocks = iter(lambda: body.read(65536) if body else b"", b"")
    response = connection.request(pairs, blocks, on_stderr=_log)
    if include:
        _print(_head(response))
    for block in response:
        _print(block)
    if response.app_status:
        return _fail(f"the application ended with status {response.app_status}", NO_RESPONSE)
    return 0


def _pairs(method: str, path: str, headers: list[Header], length: int | None) -> list[tuple[bytes, bytes]]:
    try:
        return params(method, path, headers, length)
    except UnicodeEncodeError as error:
        raise click.UsageError(f"{error.object!r} cannot be sent: methods and headers are latin-1") from None


def _header(text: str) -> Header:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or "\n" in text or "\r" in text:
        raise click.UsageError(f"-H takes 'Name: value', not {text!r}")
    return name.strip(), value.strip()


def _body(data: str | None) -> tuple[BinaryIO | None, int | None]:
    """The body and its length in bytes; what has no length beforehand, such as standard input, is read whole."""
    if data is None:
        return None, None
    if not data.startswith("@"):
        content = os.fsencode(data)
    elif data == "@-":
        content = sys.stdin.buffer.read()
    else:
        return _file(data[1:])
    return io.BytesIO(content), len(content)


def _file(path: str) -> tuple[BinaryIO, int]:
    try:
        file = open(path, "rb")  # noqa: SIM115  the process ends with the request
        state = os.fstat(file.fileno())
        if stat.S_ISREG(state.st_mode):
            return file, state.st_size
        content = file.read()
        return io.BytesIO(content), len(content)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None


def _head(response: Response) -> bytes:
    status, reason, headers = response.head
    lines = [f"Status: {status} {reason}".rstrip(), *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _print(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _log(data: bytes) -> None:
    sys.stderr.buffer.write(data)
    sys.stderr.buffer.flush()


def _fail(message: str, status: int) -> int:
    click.echo(f"fcgipm request: {message}", err=True)
    return status
