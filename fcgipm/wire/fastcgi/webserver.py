"""The web server's side of a FastCGI connection: what the client, and later the embedded server, speak."""

from __future__ import annotations

from typing import Iterable, List, Optional, Set, Union

from fcgipm.wire.fastcgi import records
from fcgipm.wire.fastcgi.pairs import Pair, decode_pairs, encode_pairs
from fcgipm.wire.fastcgi.records import Framer, LocalProtocolError, RemoteProtocolError, Sink


class _Piece:
    __slots__ = ("data", "id")

    def __init__(self, id: int, data: bytes) -> None:
        self.id = id
        self.data = data


class Stdout(_Piece):
    """A piece of the response, head or body, never empty."""

    __slots__ = ()


class Stderr(_Piece):
    """A piece of what the application wrote for the log, never empty."""

    __slots__ = ()


class End:
    """The request is over. `app_status` is the application's exit status, `protocol_status` one of REQUEST_COMPLETE, CANT_MPX_CONN, …"""

    __slots__ = ("app_status", "id", "protocol_status")

    def __init__(self, id: int, app_status: int, protocol_status: int) -> None:
        self.id = id
        self.app_status = app_status
        self.protocol_status = protocol_status


class Values:
    """The answer to `get_values`."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: List[Pair]) -> None:
        self.pairs = pairs


class UnknownType:
    """The application does not know a record type that we sent."""

    __slots__ = ("kind",)

    def __init__(self, kind: int) -> None:
        self.kind = kind


Event = Union[Stdout, Stderr, End, Values, UnknownType]


class WebServer(Framer):
    """One connection. Requests are told apart by their ids, 1 to 65535, which the caller chooses; responses to ids that are not live are ignored."""

    def __init__(self) -> None:
        self._live: Set[int] = set()
        self._events: List[Event] = []
        self._gathered: List[bytes] = []
        self._kind = 0
        self._id = 0

    # What we send.

    def request(self, request_id: int, params: Iterable[Pair], *, keep_conn: bool, role: int = records.RESPONDER) -> bytes:
        """The head of a request; its body follows by `body`. Raises LocalProtocolError for an id out of range or still live."""
        if not 1 <= request_id <= 65535 or request_id in self._live:
            raise LocalProtocolError(f"request id {request_id} is out of range or still live")
        self._live.add(request_id)
        begin = bytes((role >> 8, role & 255, records.KEEP_CONN if keep_conn else 0, 0, 0, 0, 0, 0))
        return b"".join(
            (
                records.record(records.BEGIN_REQUEST, request_id, begin),
                records.stream(records.PARAMS, request_id, encode_pairs(params)),
                records.record(records.PARAMS, request_id),
            )
        )

    def body(self, request_id: int, content: bytes) -> bytes:
        """A piece of the body."""
        return records.stream(records.STDIN, request_id, content)

    def end_body(self, request_id: int) -> bytes:
        """The body is complete; every request needs this, also one without a body."""
        return records.record(records.STDIN, request_id)

    def abort(self, request_id: int) -> bytes:
        """We no longer want this request; its END_REQUEST still comes."""
        return records.record(records.ABORT_REQUEST, request_id)

    def get_values(self, names: Iterable[bytes]) -> bytes:
        """Ask for FCGI_MAX_CONNS, FCGI_MAX_REQS, FCGI_MPXS_CONNS (section 4.1)."""
        return records.record(records.GET_VALUES, 0, encode_pairs((name, b"") for name in names))

    # What we receive.

    def receive(self, data: bytes) -> List[Event]:
        """Bytes from the application → what they mean. Raises RemoteProtocolError: close the connection."""
        self._events = []
        self._feed(data)
        return self._events

    @property
    def idle(self) -> bool:
        """No request is live and no record unfinished: the connection can take the next request, or be closed."""
        return not self._live and self.between_records

    def _open(self, kind: int, request_id: int, length: int) -> Optional[Sink]:
        self._kind = kind
        self._id = request_id
        if kind == records.STDOUT or kind == records.STDERR:
            return self._take_piece if length and request_id in self._live else None
        if kind == records.END_REQUEST:
            if length != 8:
                raise RemoteProtocolError(f"END_REQUEST with {length} bytes")
            return self._gathered.append
        if request_id == 0 and kind in (records.GET_VALUES_RESULT, records.UNKNOWN_TYPE):
            return self._open_management(kind, length)
        raise RemoteProtocolError(f"record type {kind} with id {request_id} from an application")

    def _open_management(self, kind: int, length: int) -> Optional[Sink]:
        if kind == records.UNKNOWN_TYPE and length != 8:
            raise RemoteProtocolError(f"UNKNOWN_TYPE with {length} bytes")
        if length:
            return self._gathered.append
        self._events.append(Values([]))
        return None

    def _take_piece(self, piece: bytes) -> None:
        self._events.append((Stdout if self._kind == records.STDOUT else Stderr)(self._id, piece))

    def _close(self) -> None:
        if not self._gathered:
            return
        content = b"".join(self._gathered)
        self._gathered.clear()
        if self._kind == records.GET_VALUES_RESULT:
            self._events.append(Values(decode_pairs(content)))
        elif self._kind == records.UNKNOWN_TYPE:
            self._events.append(UnknownType(content[0]))
        elif self._id in self._live:
            self._live.discard(self._id)
            self._events.append(End(self._id, int.from_bytes(content[:4], "big"), content[4]))
