"""What is fuzzed: a function that takes any bytes and raises nothing, and inputs to begin with."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fcgipm.config.checks import cross_checks
from fcgipm.config.effective import Machine, effective
from fcgipm.config.envfile import EnvFileError, parse
from fcgipm.config.errors import Source
from fcgipm.config.layers import lay
from fcgipm.config.reader import read
from fcgipm.wire.cgi import HeadParser
from fcgipm.wire.fastcgi import Application, ParamsDecoder, RemoteProtocolError, WebServer, encode_pair
from fcgipm.wire.fastcgi.pairs import decode_pairs, merge_pairs

Run = Callable[[bytes], None]

PARAMS_LIMIT = 4096
_VALUES = {b"FCGI_MAX_CONNS": b"1", b"FCGI_MPXS_CONNS": b"0"}
MACHINE = Machine("/usr/bin/python3", "/run/fcgipm/control.sock")


class Target(NamedTuple):
    run: Run
    seeds: tuple[bytes, ...]


def codec(data: bytes) -> None:
    """The first byte says into how many bytes each piece is cut, and which side reads. Whole and in pieces, the end must be the same."""
    size, data = (data[0] >> 1) + 1 if data else 1, data[1:]
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert _application([data]) == _application(pieces), "pieces change what is refused"
    assert _web_server([data]) == _web_server(pieces), "pieces change what is refused"


def _application(pieces: list[bytes]) -> bool:
    """Whether it was accepted."""
    codec = Application(PARAMS_LIMIT, 1, _VALUES, ParamsDecoder())
    try:
        for piece in pieces:
            codec.receive(piece)
    except RemoteProtocolError:
        return False
    return True


def _web_server(pieces: list[bytes]) -> bool:
    codec = WebServer()
    codec.request(1, [(b"A", b"b")], keep_conn=True)
    try:
        for piece in pieces:
            codec.receive(piece)
    except RemoteProtocolError:
        return False
    return True


def params(data: bytes) -> None:
    """Four requests' params for one decoder, cut where the first bytes say: what it remembers changes nothing of what they mean."""
    cuts, data = data[:3], data[3:]
    contents, at = [], 0
    for cut in cuts:
        contents.append(data[at : at + cut])
        at += cut
    decoder = ParamsDecoder(_BASE, _UNWANTED)
    for content in (*contents, data[at:], *contents):
        assert _decoded(decoder, content) == _plainly(content), "what is remembered changes the meaning"


def _decoded(decoder: ParamsDecoder, content: bytes) -> object:
    try:
        return decoder.decode(content)
    except RemoteProtocolError:
        return "refused"


def _plainly(content: bytes) -> object:
    """Pair by pair, with nothing remembered."""
    try:
        pairs = merge_pairs(decode_pairs(content))
    except RemoteProtocolError:
        return "refused"
    return {**{name: value for name, value in pairs.items() if name not in _UNWANTED}, **_BASE}


def head(data: bytes) -> None:
    """Whole and byte by byte, the head must be the same."""
    assert _head([data]) == _head([data[at : at + 1] for at in range(len(data))]), "pieces change the head"


def _head(pieces: list[bytes]) -> object:
    parser = HeadParser()
    try:
        return next((found[0] for piece in pieces if (found := parser.receive(piece))), None)
    except RemoteProtocolError:
        return "refused"


def config(data: bytes) -> None:
    """From bytes to the effective configuration and every rule; mistakes are told, never raised. The same bytes as an `env_file`."""
    document = read(Source("fcgipm.yaml", "/etc"), data, {"A": "b"})
    for problem in document.problems:
        str(problem)
    if document.root is not None:
        layers = lay(document, [])
        effective(layers, MACHINE)
        for problem in (*layers.problems, *cross_checks(layers, MACHINE)):
            str(problem)
    try:
        parse(data.decode("latin-1"))
    except EnvFileError as error:
        str(error)


def _record(kind: int, content: bytes, id: int = 1, padding: int = 0) -> bytes:
    return bytes((1, kind, 0, id)) + len(content).to_bytes(2, "big") + bytes((padding, 0)) + content + bytes(padding)


_BEGIN = _record(1, b"\0\1\1" + bytes(5))
_PAIRS = encode_pair(b"REQUEST_METHOD", b"GET") + encode_pair(b"HTTP_A", b"b" * 200)

_BASE = {"wsgi.version": (1, 0), "B": "base"}
_UNWANTED = frozenset({"HTTP_PROXY", "HTTP_P"})
_SHORT = b"".join(encode_pair(name, value) for name, value in ((b"A", b"1"), (b"B", b"2"), (b"HTTP_P", b"x"), (b"HTTP_C", b"y")))

TARGETS = {
    "params": Target(
        params,
        (
            bytes([len(_SHORT)] * 3) + _SHORT * 4,
            bytes([len(_SHORT), len(_PAIRS) & 255, len(_SHORT)]) + _SHORT + _PAIRS + _SHORT + _SHORT,
            b"\x0a\x05\x05" + encode_pair(b"HTTP_C", b"HTTP_P") + encode_pair(b"HTTP_COOKIE", b"a") * 2 + encode_pair(b"", b"x"),
        ),
    ),
    "codec": Target(
        codec,
        (
            b"\xff" + _BEGIN + _record(4, _PAIRS, padding=3) + _record(4, b"") + _record(5, b"body") + _record(5, b""),
            b"\x04" + _BEGIN + _record(2, b"") + _record(9, encode_pair(b"FCGI_MAX_CONNS", b""), id=0),
            b"\x40" + _record(6, b"Status: 200 OK\r\n\r\nbody") + _record(7, b"error") + _record(3, bytes(8)),
            b"\x40" + _record(10, encode_pair(b"FCGI_MAX_CONNS", b"1"), id=0) + _record(11, bytes(8), id=0),
        ),
    ),
    "head": Target(head, (b"Status: 200 OK\r\nA: b\r\n\r\nbody", b"Location: /\n\n", b"\r\n")),
    "config": Target(
        config,
        (
            b"pools:\n  web:\n    app: a:b\n    listen: unix:/a\n    workers: {min: 1, max: 3, idle_timeout: 5s}\n    limits: {params: 1MiB, core: 0}\n",
            b"control: {path: /a, mode: '0600'}\ndefaults: &d {user: 1, umask: '0022'}\n"
            b"pools: {a: {env: {A: 1, B: '${A:-x}'}, access_log: {format: '{uri}'}}}\n",
            b"http: [{listen: 127.0.0.1:80, pool: a, static: {/s: /t}}]\nmax_workers: 3\nlog: {level: info}\ninclude: [a.yaml]\n",
            b"max_workers: 2\npools: {a: {cgi: /a, listen: [unix:/a, 'fd:3']}, b: {command: [a], listen: unix:/a, interface: wsgi, user: root},\n"
            b"  c: {app: 'a:b()', workers: {min: 4, max: 3, spare: 9, mode: static}, slow_log: {after: 99s}, timeouts: {request: 1s, kill_after: 1h},\n"
            b"  probe: {path: a}, access_log: {format: '{a!r}'}, recycle: {memory: 1GiB, jitter: 10%}, umask: 0660, listen: {address: '*:x', mode: 660}}}\n",
            b"# a comment\nA=b c\nB='a b' \"c\\\"\\\nd\"\n; another\n C = d\\\n e \\$\r\n",
            b"pools: {web: {listen: ['[::1]:9000', {address: fd:3, backlog: 5, allow: [::1]}], timeouts: {body: 1m}, mount: /a, nice: 3}}\n",
        ),
    ),
}
