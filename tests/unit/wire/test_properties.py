"""What holds for every input: the codec's properties, tried on inputs that hypothesis makes up.

The same examples are tried each time, so that a run never fails by chance; ``FCGIPM_EXAMPLES=5000`` explores that many new ones for each property.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fcgipm.wire.cgi import HeadParser, encode_head, parse_head
from fcgipm.wire.fastcgi import (
    Abort,
    Application,
    Body,
    BodyEnd,
    End,
    HeadTooLarge,
    ParamsDecoder,
    Refused,
    RemoteProtocolError,
    Request,
    Stderr,
    Stdout,
    UnknownType,
    Values,
    WebServer,
    decode_pairs,
    encode_end,
    encode_last,
    encode_pairs,
    encode_stdout,
)
from tests.support import fastcgi as peer

_explore = os.environ.get("FCGIPM_EXAMPLES")
properties = settings(deadline=None, derandomize=not _explore, max_examples=int(_explore or 150))

IDS = st.sampled_from([1, 1, 1, 2, 256, 65535])
TOKEN_PAIRS = st.lists(
    st.tuples(
        st.sampled_from([b"", b"A", b"HTTP_A", b"HTTP_COOKIE", b"HTTP_", b"XHTTP_Y", b"N" * 130]),
        st.binary(max_size=140),
    ),
    max_size=8,
)
ANY_PAIRS = st.lists(st.tuples(st.binary(max_size=300), st.binary(max_size=300)), max_size=6)


Told = tuple[Any, ...]


def told(event: Any) -> Told:
    """One event as a value to compare."""
    if isinstance(event, (Body, Stdout, Stderr)):
        return (type(event), event.id, event.data)
    if isinstance(event, Request):
        return (Request, event.id, event.keep_conn, event.params)
    if isinstance(event, (Refused, HeadTooLarge)):
        return (type(event), event.id, event.keep_conn)
    if isinstance(event, End):
        return (End, event.id, event.app_status, event.protocol_status)
    if isinstance(event, Values):
        return (Values, tuple(event.pairs))
    if isinstance(event, UnknownType):
        return (UnknownType, event.kind)
    assert isinstance(event, (Abort, BodyEnd))
    return (type(event), event.id)


def append(events: list[Told], event: Told) -> None:
    """Add an event; pieces of a stream become one, for their borders mean nothing."""
    if events and event[0] in (Body, Stdout, Stderr) and events[-1][:2] == event[:2]:
        event = (*event[:2], events.pop()[2] + event[2])
    events.append(event)


def begins(longer: list[Told], shorter: list[Told]) -> bool:
    """Whether `shorter` is how `longer` begins; its last piece of a stream may be incomplete."""
    if not shorter:
        return True
    *before, last = shorter
    whole = longer[len(before)]
    if last[0] in (Body, Stdout, Stderr) and whole[:2] == last[:2]:
        return longer[: len(before)] == before and whole[2].startswith(last[2])
    return longer[: len(shorter)] == shorter


def stream_of(events: list[Told]) -> bytes:
    """The bytes of the one piece of a stream among `events`, b"" when there is none."""
    pieces = [event[2] for event in events if event[0] in (Body, Stdout, Stderr)]
    assert len(pieces) <= 1
    return b"".join(pieces)


def cut(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """`data` in pieces that end at each of `cuts`."""
    places = sorted({at for at in cuts if 0 < at < len(data)})
    return [data[start:stop] for start, stop in zip([0, *places], [*places, len(data)], strict=True)]


class Heard:
    """What one side made of the pieces it received: its events, its replies, and whether it gave up."""

    def __init__(
        self, side: Any, pieces: Iterable[bytes], after: Callable[[Any, Any], None] = lambda side, event: None
    ) -> None:
        self.events: list[Told] = []
        self.failed = False
        self.side = side
        try:
            for piece in pieces:
                self._receive(piece, after)
        except RemoteProtocolError:
            self.failed = True
        self.replies = getattr(side, "replies", b"")

    def _receive(self, piece: bytes, after: Callable[[Any, Any], None]) -> None:
        events = self.side.receive(piece)
        while events:
            for event in events:
                append(self.events, told(event))
                after(self.side, event)
            events = self.side.receive(b"") if isinstance(self.side, Application) else []


# What a web server may send: whole requests, stray records, records cut or wrong, plain noise.


@st.composite
def requests(draw: st.DrawFn, ids: st.SearchStrategy[int] = IDS) -> bytes:
    piece = draw(st.sampled_from([1, 3, 50, 65535]))
    padding = draw(st.sampled_from([0, 0, 1, 255]))
    params = draw(st.one_of(TOKEN_PAIRS, ANY_PAIRS))
    return peer.request(
        params,
        draw(st.binary(max_size=60)),
        draw(ids),
        draw(st.booleans()),
        draw(st.sampled_from([1, 1, 1, 2])),
        piece,
        padding,
    )


@st.composite
def records(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from([1, 2, 4, 4, 5, 5, 8, 9, 12, 200, 3]))
    content = draw(st.one_of(st.just(b""), st.binary(max_size=20), TOKEN_PAIRS.map(encode_pairs)))
    return peer.record(kind, content, draw(st.one_of(IDS, st.just(0))), draw(st.sampled_from([0, 0, 9])))


CONVERSATIONS = st.lists(
    st.one_of(requests(), records(), requests(), st.binary(max_size=12)), min_size=1, max_size=5
).map(b"".join)
CUTS = st.lists(st.integers(1, 2000), max_size=12)


@pytest.mark.parametrize("max_live", [1, 3])
@properties
@given(data=CONVERSATIONS, cuts=CUTS)
def test_any_chunking_gives_the_same_events(max_live: int, data: bytes, cuts: list[int]) -> None:
    values = {b"A": b"1", b"FCGI_MPXS_CONNS": b"0"}
    byte_by_byte = Heard(Application(1000, max_live, values), [data[at : at + 1] for at in range(len(data))])
    for pieces in (cut(data, cuts), [data]):
        heard = Heard(Application(1000, max_live, values), pieces)
        assert heard.failed == byte_by_byte.failed
        if heard.failed:
            # What came in one piece with an error is lost with the connection.
            assert begins(byte_by_byte.events, heard.events)
        else:
            assert (heard.events, heard.replies) == (byte_by_byte.events, byte_by_byte.replies)


def end_when_complete(side: Application, event: Any) -> None:
    if isinstance(event, (BodyEnd, Abort, HeadTooLarge)):
        side.end(event.id)


@properties
@given(data=st.lists(requests(ids=st.just(1)), max_size=5).map(b"".join), cuts=CUTS)
def test_any_chunking_of_requests_sent_ahead_gives_the_same_events(data: bytes, cuts: list[int]) -> None:
    byte_by_byte = Heard(Application(1000), [data[at : at + 1] for at in range(len(data))], end_when_complete)
    for pieces in (cut(data, cuts), [data]):
        heard = Heard(Application(1000), pieces, end_when_complete)
        assert (heard.events, heard.replies, heard.failed) == (byte_by_byte.events, byte_by_byte.replies, False)


@properties
@given(pairs=ANY_PAIRS)
def test_encoded_pairs_decode_to_themselves(pairs: list[tuple[bytes, bytes]]) -> None:
    assert decode_pairs(encode_pairs(pairs)) == pairs
    assert peer.parse_pairs(encode_pairs(pairs)) == pairs
    assert encode_pairs(pairs) == peer.pairs(pairs)


@properties
@given(pairs=ANY_PAIRS, long=st.booleans(), end=st.integers(1, 400))
def test_pairs_cut_anywhere_are_refused(pairs: list[tuple[bytes, bytes]], long: bool, end: int) -> None:
    content = peer.pairs(pairs, long)
    assert decode_pairs(content) == pairs
    borders = {len(peer.pairs(pairs[:count], long)) for count in range(len(pairs) + 1)}
    if end < len(content) and end not in borders:
        with pytest.raises(RemoteProtocolError):
            decode_pairs(content[:end])


def expected_params(pairs: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """The rule of ParamsDecoder.decode, told once more in the plainest way."""
    params: dict[str, str] = {}
    for name, value in ((name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs if name):
        if name in params and name.startswith("HTTP_"):
            params[name] += ("; " if name == "HTTP_COOKIE" else ", ") + value
        else:
            params[name] = value
    return params


NAMES = st.sampled_from([b"A", b"B", b"HTTP_A", b"HTTP_COOKIE", b"HTTP_", b"HTTP_BAD", b"BASE", b"QHTTP_", b"", b"L" * 200])
PARAM_VALUES = st.sampled_from([b"", b"1", b"HTTP_A", b"\x06\x01HTTP_Ax", b"HTTP_COOKIE=1", b"v" * 200, b"\xff\xe4"])
SIMILAR = st.lists(st.lists(st.tuples(NAMES, PARAM_VALUES), max_size=7), min_size=1, max_size=8)


@properties
@given(start=st.lists(st.tuples(NAMES, PARAM_VALUES), max_size=5), rests=SIMILAR, long=st.booleans())
def test_what_a_params_decoder_remembers_never_shows(
    start: list[tuple[bytes, bytes]], rests: list[list[tuple[bytes, bytes]]], long: bool
) -> None:
    plain, based = ParamsDecoder(), ParamsDecoder({"BASE": 1, "HTTP_OURS": 2}, frozenset(("HTTP_BAD",)))
    for pairs in [*rests, *([*start, *rest] for rest in rests), *rests]:
        expected = expected_params(pairs)
        given_out = plain.decode(peer.pairs(pairs, long))
        assert given_out == expected
        expected.pop("HTTP_BAD", None)
        also_given_out = based.decode(peer.pairs(pairs, long))
        assert also_given_out == {**expected, "BASE": 1, "HTTP_OURS": 2}
        for params in (given_out, also_given_out):
            params["A"] = "spoilt by the application"
            params.pop("HTTP_A", None)


@properties
@given(start=st.lists(st.tuples(NAMES, PARAM_VALUES), max_size=5), rests=SIMILAR, end=st.integers(1, 300))
def test_a_params_decoder_refuses_what_is_cut(
    start: list[tuple[bytes, bytes]], rests: list[list[tuple[bytes, bytes]]], end: int
) -> None:
    decoder = ParamsDecoder()
    for rest in rests:
        content = peer.pairs([*start, *rest])
        decoder.decode(content)
        try:
            expected = expected_params(peer.parse_pairs(content[:end]))
        except (ValueError, IndexError, struct.error):
            with pytest.raises(RemoteProtocolError):
                decoder.decode(content[:end])
        else:
            assert decoder.decode(content[:end]) == expected


@properties
@given(
    noise=st.binary(max_size=400),
    opening=st.sampled_from([b"", b"\1", peer.begin(), peer.begin() + b"\1\4\0\1", peer.request({})]),
    cuts=CUTS,
)
def test_noise_gives_only_protocol_errors(noise: bytes, opening: bytes, cuts: list[int]) -> None:
    """Heard catches RemoteProtocolError alone: anything else fails the test."""
    for pieces in ([opening + noise], cut(opening + noise, cuts)):
        Heard(Application(100, 2, {b"A": b"1"}), pieces, end_when_complete)
        Heard(WebServer(), pieces)


@properties
@given(changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=5), cuts=CUTS)
def test_spoilt_requests_give_only_protocol_errors(changes: list[tuple[int, int]], cuts: list[int]) -> None:
    data = bytearray(peer.request(peer.environ("/"), b"some body", keep=True, piece=50) * 2)
    for at, byte in changes:
        data[at] = byte
    Heard(Application(1000, 2), cut(bytes(data), cuts), end_when_complete)


@properties
@given(changes=st.lists(st.tuples(st.integers(0, 87), st.integers(0, 255)), min_size=1, max_size=5), cuts=CUTS)
def test_spoilt_replies_give_only_protocol_errors(changes: list[tuple[int, int]], cuts: list[int]) -> None:
    server = WebServer()
    server.request(1, [], keep_conn=True)
    data = bytearray(encode_stdout(1, b"Status: 200 OK\r\n\r\n") + encode_last(1, b"x" * 30))
    assert len(data) > 87
    for at, byte in changes:
        data[at] = byte
    Heard(server, cut(bytes(data), cuts))


# Our two roles against each other.


@st.composite
def exchanges(draw: st.DrawFn) -> list[tuple[int, list[tuple[bytes, bytes]], list[bytes], list[bytes]]]:
    """Requests at once on one connection: id, params, pieces of the body, pieces of the response."""
    pieces = st.lists(st.binary(max_size=200), max_size=4)
    ids = draw(st.lists(st.integers(1, 65535), min_size=1, max_size=4, unique=True))
    return [(id, draw(ANY_PAIRS), draw(pieces), draw(pieces)) for id in ids]


def interleave(rows: list[list[bytes]], order: list[int]) -> bytes:
    """All pieces of all rows, each row in its own order, rows taking turns as `order` says."""
    rows = [list(row) for row in rows]
    out = []
    for turn in [*order, *range(sum(map(len, rows)) * len(rows))]:
        row = rows[turn % len(rows)]
        if row:
            out.append(row.pop(0))
    assert not any(rows)
    return b"".join(out)


@properties
@given(asked=exchanges(), order=st.lists(st.integers(0, 3), max_size=30), cuts=CUTS)
def test_our_two_roles_understand_each_other(
    asked: list[tuple[int, list[tuple[bytes, bytes]], list[bytes], list[bytes]]], order: list[int], cuts: list[int]
) -> None:
    server, application = WebServer(), Application(1 << 20, max_live=4)
    there = [
        [server.request(id, params, keep_conn=True), *(server.body(id, piece) for piece in body), server.end_body(id)]
        for id, params, body, _ in asked
    ]
    heard = Heard(application, cut(interleave(there, order), cuts))
    assert not heard.failed and not heard.replies
    for id, params, body, _ in asked:
        of_id = [event for event in heard.events if event[1] == id]
        assert of_id[0] == (Request, id, True, expected_params(params))
        pieces = b"".join(event[2] for event in of_id if event[0] is Body)
        assert pieces == b"".join(body) and of_id[-1] == (BodyEnd, id)
    back = [[*(encode_stdout(id, piece) for piece in answer), encode_last(id, b"last")] for id, _, _, answer in asked]
    for id, *_ in asked:
        application.end(id)
    answered = Heard(server, cut(interleave(back, order), cuts))
    assert not answered.failed and application.idle and server.idle
    for id, _, _, answer in asked:
        of_id = [event for event in answered.events if event[1] == id]
        pieces = b"".join(event[2] for event in of_id if event[0] is Stdout)
        assert pieces == b"".join(answer) + b"last" and of_id[-1] == (End, id, 0, 0)


def test_large_streams_cross_from_role_to_role() -> None:
    server, application = WebServer(), Application(1 << 20)
    big = bytes(range(251)) * 2000
    heard = Heard(
        application, [server.request(7, [(b"BIG", big)], keep_conn=False) + server.body(7, big) + server.end_body(7)]
    )
    assert heard.events[0] == (Request, 7, False, {"BIG": big.decode("latin-1")})
    assert stream_of(heard.events) == big
    answered = Heard(server, [encode_stdout(7, big) + encode_last(7, big)])
    assert stream_of(answered.events) == big + big and answered.events[-1] == (End, 7, 0, 0)


@properties
@given(names=st.lists(st.binary(max_size=140), max_size=5), kind=st.integers(12, 255))
def test_management_from_role_to_role(names: list[bytes], kind: int) -> None:
    server, application = WebServer(), Application(1000, values={name: name[::-1] for name in names[::2]})
    assert not application.receive(server.get_values(names) + peer.record(kind, b"?", id=0))
    values, unknown = server.receive(application.replies)
    assert isinstance(values, Values) and values.pairs == [(name, name[::-1]) for name in names if name in names[::2]]
    assert isinstance(unknown, UnknownType) and unknown.kind == kind


@properties
@given(id=st.integers(1, 65535), status=st.integers(0, 255), content=st.binary(max_size=100))
def test_our_records_read_by_an_independent_reader(id: int, status: int, content: bytes) -> None:
    reply = peer.Reply(id)
    for data in (encode_stdout(id, content), encode_last(id, content)):
        at = 0
        while at < len(data):
            version, kind, its_id, length, padding = (
                data[at],
                data[at + 1],
                data[at + 2] << 8 | data[at + 3],
                data[at + 4] << 8 | data[at + 5],
                data[at + 6],
            )
            reply.take(peer.Record(version, kind, its_id, data[at + 8 : at + 8 + length], padding))
            at += 8 + length + padding
    assert reply.complete and reply.stdout == content * 2 and not reply.others
    assert encode_end(id, status)[8:] == bytes([0, 0, 0, 0, status, 0, 0, 0])


# Heads.

HEADERS = st.lists(
    st.tuples(
        st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True).filter(lambda name: name.lower() != "status"),
        st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40).map(
            lambda text: text.strip(" ")
        ),
    ),
    max_size=6,
)


@properties
@given(
    headers=HEADERS,
    code=st.integers(200, 999),
    reason=st.from_regex(r"[ -~]{0,20}", fullmatch=True),
    body=st.binary(max_size=50),
    cuts=CUTS,
)
@example(headers=[], code=200, reason=" OK", body=b"", cuts=[])
def test_heads_survive_any_chunking(
    headers: list[tuple[str, str]], code: int, reason: str, body: bytes, cuts: list[int]
) -> None:
    data = encode_head(f"{code} {reason}", headers) + body
    parser, parsed, rest = HeadParser(), None, b""
    for piece in cut(data, cuts):
        if parsed is None:
            found = parser.receive(piece)
            if found:
                parsed, rest = found
        else:
            rest += piece
    assert parsed == (code, reason.strip(), tuple(headers)) and rest == body


@properties
@given(noise=st.binary(max_size=300))
def test_noise_is_no_head(noise: bytes) -> None:
    try:
        parse_head(noise)
        HeadParser().receive(noise)
    except RemoteProtocolError:
        pass
