"""Every way an application can behave badly, or rarely (cases 106 to 142), chosen by the path; what it noticed is at /notes.

/literal?<url-quoted Python dict>    {"status": ..., "headers": ..., "blocks": ...} answered as is: any wrong type can be named
/notes                               the notes of this process since the last time, as JSON; then they are forgotten

The other paths are the names of the functions below, with - for _. What conforms is also in `validated`, under wsgiref.validate.
"""

import ast
import gc
import io
import json
import os
import signal
import sys
import tempfile
import weakref
from urllib.parse import parse_qs, unquote
from wsgiref.validate import validator

NOTES = []
WATCHED = []
TEXT = [("Content-Type", "text/plain")]


class Noted:
    """An iterable that notes its closing. `blocks` may hold exceptions: they are raised in their turn."""

    def __init__(self, blocks, error_in_close=None):
        self.blocks, self.error_in_close = iter(blocks), error_in_close

    def __iter__(self):
        return self

    def __next__(self):
        block = next(self.blocks)
        if isinstance(block, BaseException):
            raise block
        NOTES.append("block")
        return block

    def close(self):
        NOTES.append("close")
        if self.error_in_close:
            raise self.error_in_close


def notes(environ, start_response):
    body = json.dumps(NOTES).encode()
    del NOTES[:]
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def literal(environ, start_response):
    told = ast.literal_eval(unquote(environ["QUERY_STRING"]))
    start_response(told.get("status", "200 OK"), told.get("headers", list(TEXT)))
    return told.get("blocks", [b"body"])


def empty_first_block(environ, start_response):
    """110: headers may still be replaced after an empty block, for they are not sent yet."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-First", "1")])
    yield b""
    try:
        raise ValueError("changed its mind")
    except ValueError:
        start_response("503 Service Unavailable", [("Content-Type", "text/plain"), ("X-Second", "2")], sys.exc_info())
    yield b"second"


def start_on_first_iteration(environ, start_response):
    """113: a generator runs nothing before it is iterated."""
    start_response("200 OK", list(TEXT))
    yield b"late but legal"


def never_start(environ, start_response):
    """114."""
    return [b"no start_response"]


def start_twice(environ, start_response):
    """115."""
    start_response("200 OK", list(TEXT))
    start_response("200 OK", list(TEXT))
    return [b"never seen"]


def replace_before_headers(environ, start_response):
    """116: the error page takes the place of the response."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Old", "1")])
    try:
        raise ValueError("before the headers")
    except ValueError:
        start_response("500 Oops", [("Content-Type", "text/plain"), ("X-New", "1")], sys.exc_info())
    return [b"error page"]


def replace_after_headers(environ, start_response):
    """116: too late, start_response raises the error again; the application must not catch it."""
    start_response("200 OK", list(TEXT))
    yield b"already sent"
    try:
        raise ValueError("after the headers")
    except ValueError:
        start_response("500 Oops", list(TEXT), sys.exc_info())
    yield b"never seen"


class Watched(ValueError):
    """An error one can watch being forgotten."""


def exc_info_given(environ, start_response):
    """117: gives exc_info; /exc-info-kept tells later whether anything still holds it."""
    del WATCHED[:]
    start_response("200 OK", list(TEXT))
    try:
        error = Watched("to be forgotten")
        WATCHED.append(weakref.ref(error))
        raise error
    except Watched:
        start_response("500 Oops", list(TEXT), sys.exc_info())
    finally:
        del error
    return [b"given"]


def exc_info_kept(environ, start_response):
    gc.collect()
    start_response("200 OK", list(TEXT))
    return [b"kept" if any(watched() is not None for watched in WATCHED) else b"forgotten"]


def raise_at_once(environ, start_response):
    """118: before start_response."""
    raise RuntimeError("raised at once")


def raise_before_first_block(environ, start_response):
    """118: after start_response, still before the headers."""
    start_response("200 OK", list(TEXT))
    return Noted([RuntimeError("raised before the first block")])


def raise_after_first_block(environ, start_response):
    """118: the response is cut short."""
    start_response("200 OK", list(TEXT))
    return Noted([b"first", RuntimeError("raised after the first block")])


def raise_system_exit(environ, start_response):
    """An application that calls sys.exit() ends its request, not the world."""
    sys.exit(3)


def write_then_iterate(environ, start_response):
    """119."""
    write = start_response("200 OK", list(TEXT))
    write(b"written ")
    write(b"twice ")
    return [b"then ", b"returned"]


def close_normal(environ, start_response):
    """120."""
    start_response("200 OK", list(TEXT))
    return Noted([b"one", b"two"])


def close_at_length(environ, start_response):
    """120, 123: more blocks than the Content-Length allows."""
    start_response("200 OK", [*TEXT, ("Content-Length", "4")])
    return Noted([b"one", b"two", b"three"])


def close_raises(environ, start_response):
    """121."""
    start_response("200 OK", list(TEXT))
    return Noted([b"all of it"], error_in_close=RuntimeError("raised in close"))


def endless(environ, start_response):
    """120, 140: blocks of 64 KiB for ever; ends only when the client leaves."""
    start_response("200 OK", list(TEXT))
    return Noted(iter(lambda: b"x" * 65536, None))


def gate(environ, start_response):
    """122: before each later block waits for a byte of the FIFO ?fifo=PATH; the block says which byte."""
    path = parse_qs(environ["QUERY_STRING"])["fifo"][0]

    def blocks():
        yield b"first"
        with open(path, "rb", buffering=0) as fifo:
            while True:
                byte = fifo.read(1)
                if not byte:
                    return
                yield b"after " + byte

    start_response("200 OK", [("Content-Type", "text/event-stream")])
    return blocks()


def long_and_short(environ, start_response):
    """123: ?declared=N over ten bytes."""
    start_response("200 OK", [*TEXT, ("Content-Length", parse_qs(environ["QUERY_STRING"])["declared"][0])])
    return [b"01234", b"56789"]


def file(environ, start_response):
    """138: ?kind=file|offset|bytesio|plain|closed|wrapped, ?length=N declares it, ?size=N makes the file so long."""
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    kind, size = query["kind"], int(query.get("size", "100000"))
    data = bytes(range(256)) * (size // 256 + 1)

    class Closing:
        """A file whose closing is noted."""

        def __init__(self, real):
            self.real = real
            if kind != "plain":
                self.fileno = real.fileno

        def read(self, amount=-1):
            return self.real.read(amount)

        def close(self):
            NOTES.append("close")
            self.real.close()

    real = io.BytesIO() if kind == "bytesio" else tempfile.TemporaryFile()  # noqa: SIM115  the response closes it
    real.write(data[:size])
    real.seek(int(query.get("offset", "0")))
    headers = [("Content-Type", "application/octet-stream")]
    if "length" in query:
        headers.append(("Content-Length", query["length"]))
    start_response("200 OK", headers)
    wrapped = environ["wsgi.file_wrapper"](Closing(real) if kind in ("file", "plain", "wrapped") else real, 8192)
    return (block.upper() for block in wrapped) if kind == "wrapped" else wrapped


def errors(environ, start_response):
    """109, 141, 142: ?kind=euro|newlines|binary|long: what is written to wsgi.errors."""
    kind = parse_qs(environ["QUERY_STRING"])["kind"][0]
    stream = environ["wsgi.errors"]
    if kind == "euro":
        stream.write("price: \u20ac 5\n")
    elif kind == "newlines":
        stream.writelines(["first line\nsecond line\n", "\nafter an empty one\r\nwith CR\n"])
    elif kind == "binary":
        stream.write("".join(map(chr, range(256))) + "\x1b[31mred\x1b[0m\udcff\n")
    else:
        stream.write("e" * 3899 + "\n")
    stream.flush()
    start_response("200 OK", list(TEXT))
    return [b"written"]


def leave_body(environ, start_response):
    """58, 60, 61: answers without reading."""
    start_response("413 Content Too Large", [*TEXT, ("Content-Length", "9")])
    return [b"too large"]


def write_before_read(environ, start_response):
    """59: 2.4 MB out before the first byte is read; then the body's length."""
    start_response("200 OK", list(TEXT))
    for _ in range(40):
        yield b"w" * 60000
    length = 0
    while True:
        block = environ["wsgi.input"].read(65536)
        if not block:
            break
        length += len(block)
    yield b"%d" % length


def drip(environ, start_response):
    """62: each read's size is a block of the answer, as it comes."""
    start_response("200 OK", list(TEXT))
    while True:
        block = environ["wsgi.input"].read(int(parse_qs(environ["QUERY_STRING"]).get("n", ["10"])[0]))
        yield b"%d " % len(block)
        if not block:
            return


def reads(environ, start_response):
    """63: every way of reading; the body must be b"line one\\nline two\\nthe rest of it, without an end"."""
    stream = environ["wsgi.input"]
    told = [stream.read(0), stream.read(5), stream.readline(), stream.readline(3), stream.readline()]
    told += [b"".join(stream.readlines(1)), stream.read(-1), stream.read(), stream.read(5), stream.readline(), b"".join(stream)]
    start_response("200 OK", list(TEXT))
    return [repr(told).encode()]


def stain(environ, start_response):
    """106: changes its environ; the next request must not see it."""
    seen = environ.get("stained", "clean")
    environ["stained"] = "yes"
    environ.clear()
    start_response("200 OK", list(TEXT))
    return [seen.encode()]


def fork(environ, start_response):
    """A child of the application that ends by itself: it must not answer anybody's request."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    start_response("200 OK", list(TEXT))
    return [b"forked"]


def kill(environ, start_response):
    """Dies in the middle of a request, as a broken C library would have it."""
    os.kill(os.getpid(), signal.SIGKILL)


HANDLERS = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", None) == __name__ and not isinstance(value, type)
}
CONFORMING = (
    "notes", "replace_before_headers", "write_then_iterate", "close_normal", "leave_body", "fork", "exc_info_given", "exc_info_kept", "errors",
)  # fmt: skip


def application(environ, start_response):
    return HANDLERS[environ["PATH_INFO"].strip("/").replace("-", "_")](environ, start_response)


def conforming(environ, start_response):
    name = environ["PATH_INFO"].strip("/").replace("-", "_")
    assert name in CONFORMING, name
    return HANDLERS[name](environ, start_response)


validated = validator(conforming)
