"""What the wire conformance cases call: the first part of the path names a handler here, in echo, stream or misbehave.

Every request but /notes leaves the note "called NAME". A handler with a gate waits at the unix socket named by the param GATE until the test
lets it go on (tests.support.gate).
"""

import hashlib
import json
import os
import socket

import echo
import misbehave
import stream

NOTES = misbehave.NOTES
TEXT = [("Content-Type", "text/plain")]


def pass_gate(environ):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(environ["GATE"])
        connection.recv(1)


class Closing:
    """An iterable whose end is noted."""

    def __init__(self, blocks):
        self._blocks = iter(blocks)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._blocks)

    def close(self):
        NOTES.append("close")


def hello(environ, start_response):
    start_response("200 OK", list(TEXT))
    return [b"hello"]


def pid(environ, start_response):
    start_response("200 OK", list(TEXT))
    return [b"%d" % os.getpid()]


def body(environ, start_response):
    """The whole body, read before anything is answered."""
    data = environ["wsgi.input"].read()
    start_response("200 OK", list(TEXT))
    return Closing([data])


def read_inside(environ, start_response):
    """The body read by the iterable, which the gateway must close whatever the reading does."""

    def blocks():
        try:
            data = environ["wsgi.input"].read()
        except BaseException as error:
            NOTES.append("error " + ("OSError" if isinstance(error, OSError) else type(error).__name__))
            raise
        NOTES.append(f"read {len(data)}")
        yield data

    start_response("200 OK", list(TEXT))
    return Closing(blocks())


def stubborn(environ, start_response):
    """Answers whatever becomes of its body, as frameworks do that catch OSError."""
    try:
        environ["wsgi.input"].read()
    except OSError:
        pass
    start_response("200 OK", list(TEXT))
    return [b"stubborn"]


def reads_in_close(environ, start_response):
    """Its whole response is out when close() waits at the gate, and then asks for a body that nobody owes it any more."""

    class Late(Closing):
        def close(self):
            super().close()
            pass_gate(environ)
            try:
                NOTES.append(f"late read {len(environ['wsgi.input'].read())}")
            except OSError:
                NOTES.append("late read refused")

    start_response("200 OK", [*TEXT, ("Content-Length", "4")])
    return Late([b"done"])


def with_child(environ, start_response):
    """Forks a child that stays (at the gate) when the request is long over."""
    if os.fork() == 0:
        pass_gate(environ)
        os._exit(0)
    start_response("200 OK", list(TEXT))
    return [b"parent"]


def strings(environ, start_response):
    """The environ as far as it is text."""
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({name: value for name, value in environ.items() if isinstance(value, str)}).encode("ascii")]


def count(environ, start_response):
    """The length of the body, read in pieces."""
    length = 0
    while True:
        data = environ["wsgi.input"].read(65536)
        if not data:
            break
        length += len(data)
    start_response("200 OK", list(TEXT))
    return [b"%d" % length]


def turns(environ, start_response):
    """Writes and reads by turns, a megabyte and 700,000 bytes at a time; at the end the body's digest."""
    digest, more = hashlib.sha256(), True
    start_response("200 OK", list(TEXT))
    while more:
        yield b"t" * (1 << 20)
        for _ in range(10):
            data = environ["wsgi.input"].read(70_000)
            digest.update(data)
            more = len(data) == 70_000
    yield digest.hexdigest().encode()


def calls(environ, start_response):
    """Calls of wsgi.input, told by the param CALLS as JSON: [["read", 5], ["readline"], ["iterate"]]; the answer is the repr of their results."""
    results = []
    for name, *arguments in json.loads(environ["CALLS"]):
        results.append(
            list(environ["wsgi.input"]) if name == "iterate" else getattr(environ["wsgi.input"], name)(*arguments)
        )
    start_response("200 OK", list(TEXT))
    return [repr(results).encode()]


def drip(environ, start_response):
    """Reads READ bytes at a time and hands each piece back at once."""
    start_response("200 OK", list(TEXT))
    while True:
        data = environ["wsgi.input"].read(int(environ["READ"]))
        if not data:
            return
        yield data


def at_gate(environ, start_response):
    """Waits before it answers; reads no body."""
    pass_gate(environ)
    start_response("200 OK", list(TEXT))
    return Closing([b"after the gate"])


def at_gate_then_body(environ, start_response):
    pass_gate(environ)
    return body(environ, start_response)


def gated_blocks(environ, start_response):
    """BLOCKS, a JSON list of strings, each behind a gate but the first."""

    def blocks():
        for index, block in enumerate(json.loads(environ["BLOCKS"])):
            if index:
                pass_gate(environ)
            yield block.encode("latin-1")
        pass_gate(environ)

    start_response("200 OK", list(TEXT))
    return Closing(blocks())


def empty_then_gate(environ, start_response):
    """110: an empty block, a gate, and a start_response that replaces the first."""
    start_response("200 OK", [("X-First", "1")])
    yield b""
    pass_gate(environ)
    try:
        raise ValueError("changed its mind")
    except ValueError as error:
        start_response("503 Service Unavailable", [("X-Second", "2")], (type(error), error, error.__traceback__))
    yield b"second"


def write_gate_write(environ, start_response):
    """119: the first write() before the gate, the second after it."""
    write = start_response("200 OK", list(TEXT))
    write(b"one ")
    pass_gate(environ)
    write(b"two ")
    return Closing([b"three"])


def write_text(environ, start_response):
    """125: text where bytes belong, through write()."""
    write = start_response("200 OK", list(TEXT))
    write("text")
    return []


def trickle(environ, start_response):
    """Small blocks for ever."""

    def blocks():
        while True:
            yield b"x" * 1000

    start_response("200 OK", list(TEXT))
    return Closing(blocks())


def endless_sized(environ, start_response):
    """120: small blocks for ever, though the length declared is two of them."""
    start_response("200 OK", [*TEXT, ("Content-Length", "2000")])
    return Closing(iter(lambda: b"x" * 1000, None))


def many(environ, start_response):
    """COUNT blocks of SIZE bytes, made one by one."""
    size = int(environ["SIZE"])
    start_response("200 OK", [*TEXT, ("Content-Length", str(size * int(environ["COUNT"])))])
    return Closing(b"m" * size for _ in range(int(environ["COUNT"])))


def big(environ, start_response):
    """One block of SIZE bytes that repeats 0..250."""
    size = int(environ["SIZE"])
    start_response("200 OK", list(TEXT))
    return [(bytes(range(251)) * (size // 251 + 1))[:size]]


def generated(environ, start_response):
    """Two blocks of a generator that fit the declared Content-Length."""
    start_response("200 OK", [*TEXT, ("Content-Length", "6")])
    return Closing(block for block in (b"one", b"two"))


def one_yield(environ, start_response):
    """A generator of a single block, without a length."""
    start_response("200 OK", list(TEXT))
    yield b"single"


def hop(environ, start_response):
    """132: the header named by the query."""
    start_response("200 OK", [*TEXT, (environ["QUERY_STRING"], "x")])
    return [b"never seen"]


def cookies(environ, start_response):
    """133."""
    start_response("200 OK", TEXT + [("Set-Cookie", f"c{number}={number}; Path=/") for number in range(40)])
    return [b"cookies"]


def wide(environ, start_response):
    """134: more than 5 KiB of headers, or COUNT times 500 bytes."""
    start_response(
        "200 OK", TEXT + [(f"X-Wide-{number}", "v" * 500) for number in range(int(environ.get("COUNT", "11")))]
    )
    return [b"wide"]


def status(environ, start_response):
    """135: the status of the query, with a body all the same."""
    start_response(environ["QUERY_STRING"].replace("+", " "), list(TEXT))
    return Closing([b"a body ", b"nobody may see"])


def sized(environ, start_response):
    """135: a body with its length declared, for HEAD."""
    start_response("200 OK", [*TEXT, ("Content-Length", "11")])
    return Closing([b"hello ", b"world"])


def redirect(environ, start_response):
    """136."""
    start_response("302 Found", [("Location", "/elsewhere"), ("Content-Type", "text/plain")])
    return [b""]


def terminates_a_child(environ, start_response):
    """A process of multiprocessing, ended the way its documentation tells."""
    import multiprocessing
    import time

    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    child.terminate()
    child.join()
    start_response("200 OK", list(TEXT))
    return [str(child.exitcode).encode()]


def untyped(environ, start_response):
    """137."""
    start_response("200 OK", [])
    return [b"who knows"]


def kept_exc_info(environ, start_response):
    """117: whether the gateway still holds the error while the application's own blocks are made."""
    import gc
    import sys
    import weakref

    class Watched(ValueError):
        pass

    watched = []

    def fail():
        try:
            error = Watched("to be forgotten")
            watched.append(weakref.ref(error))
            raise error
        except Watched:
            start_response("500 Oops", list(TEXT), sys.exc_info())

    start_response("200 OK", list(TEXT))
    fail()

    def blocks():
        gc.collect()
        yield b"kept" if watched[0]() is not None else b"forgotten"

    return blocks()


HANDLERS = {
    name: value
    for name, value in list(globals().items())
    if callable(value)
    and getattr(value, "__module__", None) == __name__
    and not isinstance(value, type)
    and name != "pass_gate"
}
HANDLERS["echo"] = echo.application
HANDLERS["stream"] = stream.application


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/").partition("/")[0].replace("-", "_")
    if name != "notes":
        NOTES.append("called " + name)
    return HANDLERS.get(name, misbehave.HANDLERS.get(name, hello))(environ, start_response)
