"""Applications that take too long, each in its own way, chosen by the path; what they noticed goes to wsgi.errors.

/loop  /sleep  /socket  /regex: can be interrupted      /locked: C code that holds the interpreter's lock for ever
/stream?N: N blocks, a tenth of a second apart          /after: one block, then a loop      /stubborn: swallows every exception
/begun: one block, then the same
/closes: a loop in an iterator that notes its close()   /for?SECONDS: a loop that ends by itself      /hello
/reads: a loop, once the body is there                  /swallows: waits at the gate, loops when nobody takes what it writes
"""

import ctypes
import logging
import socket
import sqlite3
import time

TEXT = [("Content-Type", "text/plain")]
LOG = logging.getLogger("overdue")
LOG.addHandler(logging.NullHandler())
MUTEX = ctypes.create_string_buffer(64)


def for_ever():
    while True:
        pass


def loop(environ):
    for_ever()


def sleep(environ):
    time.sleep(60)


def blocked(environ):
    ours, _theirs = socket.socketpair()
    ours.recv(1)


def locked(environ):
    libc = ctypes.PyDLL(None)
    libc.pthread_mutex_lock(MUTEX)
    libc.pthread_mutex_lock(MUTEX)


def stubborn(environ):
    while True:
        try:
            for_ever()
        except BaseException as error:
            environ["wsgi.errors"].write(f"swallowed {type(error).__name__}\n")


def hammer(environ):
    """Takes and gives back locks all the time."""
    database = sqlite3.connect("file::memory:", uri=True)
    while True:
        LOG.warning("once more")
        database.execute("create table if not exists t (a)").close()
        with database:
            database.execute("insert into t values (1)")


class Closes:
    def __init__(self, environ):
        self.errors = environ["wsgi.errors"]

    def __iter__(self):
        return self

    def __next__(self):
        for_ever()

    def close(self):
        self.errors.write("closed\n")


def spin(environ):
    end = time.monotonic() + float(environ["QUERY_STRING"])
    while time.monotonic() < end:
        pass
    return [environ["QUERY_STRING"].encode()]


def nearly(environ):
    """Spins at the end alone, where a deadline of 0.1 s may hit."""
    begun = time.monotonic()
    time.sleep(0.08)
    while time.monotonic() < begun + float(environ["QUERY_STRING"]):
        pass
    return [environ["QUERY_STRING"].encode()]


def stream(environ):
    for _ in range(int(environ["QUERY_STRING"])):
        time.sleep(0.1)
        yield b"block\n"


def after(environ):
    yield b"block\n"
    for_ever()


def begun(environ):
    yield b"block\n"
    stubborn(environ)


def swallows(environ):
    with socket.socket(socket.AF_UNIX) as gate:
        gate.connect(environ["GATE"])
        gate.recv(1)
    try:
        environ["write"](b"x")
    except ConnectionError:
        for_ever()
    return []


def reads(environ):
    environ["wsgi.input"].read()
    for_ever()


PAGES = {
    "/loop": loop, "/sleep": sleep, "/socket": blocked, "/locked": locked, "/stubborn": stubborn, "/hammer": hammer, "/closes": Closes,
    "/for": spin, "/nearly": nearly, "/stream": stream, "/after": after, "/begun": begun, "/reads": reads, "/swallows": swallows,
    "/hello": lambda environ: [b"hello"],
}  # fmt: skip


def application(environ, start_response):
    environ["write"] = start_response("200 OK", TEXT)
    return PAGES[environ["PATH_INFO"]](environ)
