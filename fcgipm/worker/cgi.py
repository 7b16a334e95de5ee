"""The CGI gateway (RFC 3875): one request, one process, one response. The worker waits meanwhile, so its pool's size bounds the processes."""

from __future__ import annotations

import errno
import os
import signal
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from fcgipm.gateways.cgi_environ import variables
from fcgipm.gateways.cgi_path import Outside
from fcgipm.gateways.environ import Environ, EnvironMaker
from fcgipm.gateways.errors import plain_word, say, say_failure, say_warning
from fcgipm.gateways.exchange import BodyTimeout, Exchange
from fcgipm.gateways.headers import HOP_BY_HOP
from fcgipm.gateways.watch import Watch
from fcgipm.gateways.wsgi import AnyGateway, Response
from fcgipm.gateways.wsgi_input import declared_length
from fcgipm.scoreboard import PROGRAM
from fcgipm.wire.cgi import Head, HeadParser
from fcgipm.wire.fastcgi import RemoteProtocolError
from fcgipm.worker.cgi_child import Child
from fcgipm.worker.cgi_errors import ErrorLines
from fcgipm.worker.cgi_pump import Crashed, Overdue, Pump
from fcgipm.worker.cgi_scripts import Scripts
from fcgipm.worker.deadlines import RequestWatch
from fcgipm.worker.importing import program as application_program
from fcgipm.worker.pumped_connection import PumpedConnection
from fcgipm.worker.settings import Settings

_HINTS = {errno.ENOEXEC: " (a script begins with #! and the path of its interpreter)", errno.ENOENT: " (its interpreter, behind #!, is not there)"}


_UNWATCHED = Watch()


class Program(NamedTuple):
    """What to start for a request."""

    arguments: List[bytes]
    folder: bytes
    name: str
    """For the log, one plain word."""


class NoResponse(Exception):
    """The program's output is none; the text says why."""


class CgiGateway(AnyGateway):
    """Of the only thread of a worker that serves, whose working directory it takes from script to script."""

    def __init__(self, settings: Settings, worker: str, watch: RequestWatch) -> None:
        """`watch` knows the words of the slot."""
        self.constants: Environ = {}
        self._settings = settings
        self._watch = watch
        self._maker = EnvironMaker("" if settings.cgi else settings.mount, worker)
        self._scripts = Scripts(settings.cgi, settings.mount) if settings.cgi else None
        self._application = None if settings.cgi else _application(settings)
        self._base = dict(os.environb)
        self._nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        """What a program reads whose request has no body."""

    def serve(self, params: Dict[str, Any], exchange: Exchange) -> Response:
        """Answer one request; returns when its process has ended. Raises TypeError for an exchange that is no connection."""
        if not isinstance(exchange, PumpedConnection):
            raise TypeError("a CGI program is fed from a connection")
        response = Response(exchange, params.get("REQUEST_METHOD") == "HEAD", _UNWATCHED)
        try:
            self._answer(params, exchange, response)
        except Exception as error:
            if exchange.left:
                response.aborted = True
            else:
                say_failure("CGI request failed", params, error)
                _fail(response, "500 Internal Server Error")
        exchange.drop_body()  # Or it would lie there, on the disk perhaps, for as long as the connection is kept.
        return response

    def _answer(self, params: Dict[str, Any], connection: PumpedConnection, response: Response) -> None:
        if "REQUEST_METHOD" not in params:
            response.document("400 Bad Request")
            return
        self._maker.complete(params)
        try:
            program = self._program(params, response)
        except Outside as why:
            say(f"refused a request: {why}")
            response.document("404 Not Found")
            return
        if program is not None:
            self._run(program, params, connection, response)

    def _program(self, params: Dict[str, Any], response: Response) -> Optional[Program]:
        """What to run; None: it has been answered that there is nothing. Raises Outside."""
        if self._scripts is None:
            return self._application
        script = self._scripts.find(params)
        if script is None:
            response.document("404 Not Found")
            return None
        if not script.executable:
            say(f"{plain_word(os.fsdecode(script.file))} may not be executed by this pool's user: make it executable (chmod +x)")
            response.document("403 Forbidden")
            return None
        params["SCRIPT_NAME"], params["PATH_INFO"] = script.split
        params["SCRIPT_FILENAME"] = script.file.decode("latin-1")
        if script.split.path_info:
            params.setdefault("PATH_TRANSLATED", (params.get("DOCUMENT_ROOT") or self._scripts.folder) + script.split.path_info)
        return Program([script.file], script.folder, script.name)

    def _run(self, program: Program, params: Dict[str, Any], connection: PumpedConnection, response: Response) -> None:
        try:
            length = declared_length(params.get("CONTENT_LENGTH"))
            if length is None:
                length = connection.receive_whole_body()
        except BodyTimeout as error:
            say(f"{program.name}: {error}")
            _fail(response, "408 Request Timeout")
            return
        params.pop("CONTENT_LENGTH", None)
        if length:
            params["CONTENT_LENGTH"] = str(length)
        try:
            child = Child(program.arguments, variables(params, self._base), program.folder, None if length else self._nothing)
        except OSError as error:
            say(f"cannot start {program.name}: {error.strerror or error}{_HINTS.get(error.errno or 0, '')}")
            _fail(response, "500 Internal Server Error")
            return
        try:
            self._watch.slot[PROGRAM] = child.pid
            self._attend(child, program, connection, response, length)
        finally:
            child.discard()
            self._watch.slot[PROGRAM] = 0

    def _attend(self, child: Child, program: Program, connection: PumpedConnection, response: Response, length: int) -> None:
        errors = ErrorLines(program.name)
        pump = Pump(child, connection, errors, self._settings.timeouts, length)
        try:
            _relay(child, pump, program, response)
        finally:
            _end(child, pump, program, errors, response, self._settings.timeouts.kill_after)


def _application(settings: Settings) -> Program:
    return Program([os.fsencode(word) for word in application_program(settings)], os.fsencode(settings.directory), plain_word(settings.app))


def _relay(child: Child, pump: Pump, program: Program, response: Response) -> None:
    blocks = pump.blocks()
    try:
        body = _start(blocks, response)
        if pump.over:  # Its response has a length, and goes out in one piece.
            if not response.announced(body):
                pump.look_how_it_ended()
            response.whole(body)
        else:
            response.stream(_chain(body, blocks))
    except Overdue:
        say_warning(f"request timed out: {program.name} said nothing for timeouts.request")
        response.expired = True
        _fail(response, "504 Gateway Timeout")
    except BodyTimeout as error:
        say(f"{program.name}: {error}")
        _fail(response, "408 Request Timeout")
    except (NoResponse, Crashed) as error:
        if response.finished:  # All that was announced is out; the log is told how the program ended.
            return
        exited = f"; it exited with status {status}" if (status := child.exit_status()) else ""
        say(f"{program.name}: no complete CGI response: {error}{exited}")
        _fail(response, "502 Bad Gateway")


def _start(blocks: Iterator[bytes], response: Response) -> bytes:
    """Wait for the head; the first of the body. Raises NoResponse, and what `blocks` raises."""
    parser, size = HeadParser(), 0
    try:
        for block in blocks:
            size += len(block)
            found = parser.receive(block)
            if found is not None:
                head, body = found
                response.start(f"{head.status} {head.reason}", _headers(head))
                return body
    except (RemoteProtocolError, ValueError) as error:
        raise NoResponse(str(error)) from None
    raise NoResponse(f"its output ended after {size} bytes, without a blank line behind headers" if size else "it said nothing")


def _headers(head: Head) -> List[Tuple[str, str]]:
    """What concerns the connection is the server's (RFC 3875, section 6.3.4)."""
    return [(name, value.replace("\t", " ")) for name, value in head.headers if name.lower() not in HOP_BY_HOP]


def _chain(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from others


def _fail(response: Response, status: str) -> None:
    response.failed = True
    if response.finished:
        return
    if response.sent:
        response.exchange.cut()
    else:
        response.document(status)


def _end(child: Child, pump: Pump, program: Program, errors: ErrorLines, response: Response, patience: float) -> None:
    """A program whose response is complete gets time to end by itself, any other is told to; what is left of its group then is killed.

    Also killed is who holds its output open after it: a program that is to go on alone has to close what it inherited.
    """
    failed = not response.finished or response.failed
    if failed:
        child.signal(signal.SIGTERM)
    ended = pump.drain(patience)
    if not ended and not failed:
        child.signal(signal.SIGTERM)
        ended = pump.drain(patience)
    if failed or not ended or child.failed() or not pump.let_go():
        child.signal(signal.SIGKILL)
    wrong = child.reap()
    errors.end()
    if wrong and not failed:
        say(f"{program.name} {wrong}")
