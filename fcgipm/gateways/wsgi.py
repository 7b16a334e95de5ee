"""The WSGI gateway (PEP 3333): one request, one call of the application, one response."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Type, Union

from fcgipm.gateways.environ import Environ, EnvironMaker
from fcgipm.gateways.errors import ErrorStream, say, say_failure
from fcgipm.gateways.exchange import BodyTimeout, ClientLeft, Exchange
from fcgipm.gateways.file_wrapper import BLOCK, FileWrapper
from fcgipm.gateways.headers import encode_header, encode_status, known_header, known_status
from fcgipm.gateways.watch import RequestTimeout, Watch
from fcgipm.gateways.wsgi_input import Input, declared_length
from fcgipm.wire.cgi import encode_head

ExcInfo = Tuple[Type[BaseException], BaseException, TracebackType]
Application = Callable[[Environ, Callable[..., Any]], Any]


class AnyGateway(ABC):
    """What a loop needs of a gateway."""

    constants: Environ
    """What the params of every request are to hold beside what the web server says."""

    @abstractmethod
    def serve(self, params: Dict[str, Any], exchange: Exchange) -> Response:
        """Answer one request; returns when everything about it is over. Never raises but what no application may catch (none so far)."""

    def deserted(self, params: Dict[str, Any]) -> None:  # noqa: B027 (only a gateway with a log has something to do)
        """The client of this request left before it was begun: it is not served."""

    def refused(self, status: int) -> None:  # noqa: B027 (the same)
        """What a peer sent is no request that can be served; `status` says why."""


class Gateway(AnyGateway):
    """Serves one application in one thread."""

    def __init__(
        self,
        application: Application,
        *,
        mount: str,
        multithread: bool,
        multiprocess: bool,
        worker: str,
        facts: Optional[Environ] = None,
        watch: Optional[Watch] = None,
    ) -> None:
        """`mount` and `worker` as in EnvironMaker; `multithread` and `multiprocess` become the ``wsgi.`` keys of these names; `facts` are further
        keys of every environ (PEP 3333, "environ Variables": server-defined ones have a prefix of their own)."""
        self._application = application
        self._watch = watch or Watch()
        self.constants: Environ = {
            "wsgi.version": (1, 0),
            "wsgi.errors": ErrorStream(),
            "wsgi.multithread": multithread,
            "wsgi.multiprocess": multiprocess,
            "wsgi.run_once": False,
            "wsgi.file_wrapper": FileWrapper,
            "wsgi.input_terminated": True,
            **(facts or {}),
        }
        self._maker = EnvironMaker(mount, worker)

    def serve(self, params: Dict[str, Any], exchange: Exchange) -> Response:
        environ: Environ = params
        response = Response(exchange, environ.get("REQUEST_METHOD") == "HEAD", self._watch)
        if "REQUEST_METHOD" not in environ:
            response.document("400 Bad Request")
            return response
        self._maker.complete(environ)
        body = Input(exchange, declared_length(environ.get("CONTENT_LENGTH")), self._watch)
        environ["wsgi.input"] = body
        try:
            self._run(environ, response)
        except BaseException as error:
            _fail(environ, response, error)
        if response.expired:
            self._watch.settle()
            if response.answered:
                response.status = 504
        body.end()
        return response

    def _run(self, environ: Environ, response: Response) -> None:
        watch = self._watch
        results: List[Any] = []
        kind: Any = None
        try:
            try:
                watch.begin(response)
                # An exception from outside may be raised behind any call: this way the result is kept by then, and so will be closed.
                results.extend(map(self._application, (environ,), (response.start,)))
                kind = type(results[0])
                if not (kind is list or kind is tuple or kind is bytes):
                    response.stream(results[0])
            finally:
                watch.end()
        finally:
            if kind is not list and results:
                self._close(results[0])
        if kind is list or kind is tuple or kind is bytes:
            response.whole(results[0])

    def _close(self, result: Any) -> None:
        close = getattr(result, "close", None)
        if close is not None:
            self._watch.closing()
            try:
                close()
            finally:
                self._watch.settle()


def _fail(environ: Environ, response: Response, error: BaseException) -> None:
    """The application raised, or the client left under its hands."""
    if response.exchange.left and not response.expired:
        response.aborted = True
        return
    response.failed = True
    late = type(error) is RequestTimeout
    say_failure("request timed out" if late else "application error", environ, error, warning=late)
    if response.finished:
        return
    if response.sent:
        response.exchange.cut()
    else:
        response.document("408 Request Timeout" if type(error) is BodyTimeout else "500 Internal Server Error")


class Response:
    """The state of one response: not started, started (a head waits for the first block), sent, finished."""

    __slots__ = ("_bodiless", "_head", "_is_head", "_left", "_watch", "aborted", "answered", "exchange", "expired", "failed", "finished", "sent", "status")

    def __init__(self, exchange: Exchange, is_head: bool, watch: Watch) -> None:
        self.exchange = exchange
        self._watch = watch
        self.status = 0
        """The status as a number; 0 before there is one, and when the client left before it had it."""
        self.sent = self.finished = self.failed = self.aborted = self.expired = self.answered = False
        self._is_head = is_head
        self._head: Optional[bytes] = None
        self._left: Optional[int] = None
        self._bodiless = is_head

    def start(self, status: str, headers: List[Tuple[str, str]], exc_info: Optional[ExcInfo] = None) -> Callable[[bytes], None]:
        """``start_response``. Raises TypeError and ValueError for what is no status or header, RuntimeError when called again without `exc_info`."""
        if self._head is not None:
            self._restart(exc_info)
        line, number = known_status(status) or encode_status(status)
        lines = [line]
        self._left = None
        if type(headers) is not list:
            raise TypeError(f"headers must be a list, not {type(headers).__name__}")
        try:
            for header in headers:
                lines.append(known_header(header) or self._encode(header))
        except TypeError as error:
            if "unhashable" not in str(error):
                raise
            raise TypeError(f"a header must be a (name, value) tuple of str: {header!a:.200}") from None
        if number == 204:  # Which may announce nothing (RFC 9110, section 8.6).
            lines = [line for line in lines if not line.lower().startswith(b"content-length:")]
            self._left = None
        self.status = number
        self._bodiless = self._is_head or number == 204 or number == 304
        self._head = b"".join(lines)
        return self.write

    def _restart(self, exc_info: Optional[ExcInfo]) -> None:
        if exc_info is None:
            raise RuntimeError("start_response called again without exc_info")
        try:
            if self.sent:
                raise exc_info[1].with_traceback(exc_info[2])
        finally:
            exc_info = None  # A traceback that holds its own frame would never be freed.

    def _encode(self, header: Tuple[str, str]) -> bytes:
        if header[0] == "Content-Length" and declared_length(header[1]) is not None:  # The way everybody writes it, without the long way round.
            self._left = int(header[1])
            return b"Content-Length: %d\r\n" % self._left
        line = encode_header(header)
        if header[0].lower() == "content-length":
            self._left = declared_length(header[1])
            if self._left is None:
                raise ValueError(f"Content-Length is not a number: {header[1]!a:.200}")
        return line

    def whole(self, blocks: Union[bytes, Sequence[bytes]]) -> None:
        """The entire body is at hand: one send, its length known."""
        body = blocks if isinstance(blocks, bytes) else _join(blocks)
        head = self._head
        if self.sent or head is None:
            self.stream((body,))
        elif self._left is None:
            if self.status != 204 and self.status != 304 and (body or not self._is_head):
                head = b"%bContent-Length: %d\r\n\r\n" % (head, len(body))
            else:
                head += b"\r\n"
            self._finish(head, b"" if self._bodiless else body)
        elif self._left == len(body):
            self._finish(head + b"\r\n", b"" if self._bodiless else body)
        else:
            self.stream((body,))

    def announced(self, body: bytes) -> bool:
        """Whether this is all that was announced."""
        return self._left is not None and len(body) >= self._left

    def stream(self, blocks: Iterable[bytes]) -> None:
        """Each block goes out before the next is asked for. One beyond the announced length ends the iteration; reaching it does not: the
        application may have things to do behind its last yield."""
        from_file = type(blocks) is FileWrapper
        if from_file:
            blocks.block_size = max(blocks.block_size, BLOCK)  # type: ignore[attr-defined]
        if not (self._bodiless and self._head is not None):
            for block in blocks:
                if type(block) is not bytes:
                    raise TypeError(f"a WSGI application yields bytes, not {type(block).__name__}")
                if self._bodiless and self._head is not None:
                    break
                if block and not self._send(block, from_file):
                    break
        self._end()

    def write(self, data: bytes) -> None:
        """The callable that ``start_response`` returns."""
        if type(data) is not bytes:
            raise TypeError(f"write() takes bytes, not {type(data).__name__}")
        if data:
            self._send(data, from_file=False)

    def _send(self, block: bytes, from_file: bool) -> bool:
        """Send as much of the block as the announced length allows. False: no more is wanted. A file may hold more than was announced, no one else."""
        if self._head is None:
            raise RuntimeError("the application yielded a block before it called start_response")
        head = b"" if self.sent else self._head + b"\r\n"
        left = self._left
        if self._bodiless:
            if not self.finished:
                self._finish_watched(head, b"")
            return False
        if left is not None and len(block) > left and not from_file:
            say(f"response body goes {len(block) - left} bytes beyond its Content-Length: truncated")
        if self.finished:
            return False
        if left is None or len(block) < left:
            self._watch.leave()
            first, self.sent = not self.sent, True
            try:
                self.exchange.send(head, block)
            except ClientLeft as error:
                self._lost(error, first)
                raise
            finally:
                self._watch.enter()
            self._left = left and left - len(block)
            return True
        # The client has all that was announced; whatever the application still does, it need not wait for that.
        self._left = 0
        self._finish_watched(head, block[:left])
        return not from_file

    def _end(self) -> None:
        if self.finished:
            return
        if self._head is None:
            raise RuntimeError("the application did not call start_response")
        if self._left and not self._bodiless:
            say(f"response body ended {self._left} bytes before its Content-Length: cut short")
            self.failed = True
            if not self.sent:
                self._watch.leave()
                self.sent = True
                self.exchange.send(self._head + b"\r\n", b"")
            self.exchange.cut()
        elif self.sent:
            self._finish_watched(b"", b"")
        elif self._left is None and not self._bodiless:
            self._finish_watched(self._head + b"Content-Length: 0\r\n\r\n", b"")
        else:
            self._finish_watched(self._head + b"\r\n", b"")

    def _finish_watched(self, head: bytes, block: bytes) -> None:
        """In the middle of the application."""
        self._watch.leave()
        try:
            self._finish(head, block)
        finally:
            self._watch.enter()

    def _finish(self, head: bytes, block: bytes) -> None:
        first = not self.sent
        self.sent = self.finished = True
        try:
            self.exchange.finish(head, block)
        except ClientLeft as error:
            self._lost(error, first)
            raise

    def _lost(self, error: ClientLeft, first: bool) -> None:
        if first and error.unsent:  # Nobody has seen its status.
            self.status = 0

    def expire(self) -> int:
        """Give up the request, in another thread than its own, which touches nothing here meanwhile but the head: the client has its answer although
        the application may be stuck for ever. The status that the client has: 504, or that of a response which is cut short."""
        self.expired = self.failed = True
        if not self.sent:
            self.answered = True
            self.document("504 Gateway Timeout")
        return 504 if self.answered else self.status

    def document(self, status: str) -> None:
        """A small page of ours instead of the application's, which is over or given up."""
        self.status = int(status[:3])
        text = f"{status[4:]}\n".encode("ascii")
        head = encode_head(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
        try:
            self._finish(head, b"" if self._is_head else text)
        except ClientLeft:
            self.aborted = True


def _join(blocks: Sequence[bytes]) -> bytes:
    if len(blocks) == 1 and type(blocks[0]) is bytes:
        return blocks[0]
    for block in blocks:
        if type(block) is not bytes:
            raise TypeError(f"a WSGI application yields bytes, not {type(block).__name__}")
    return b"".join(blocks)
