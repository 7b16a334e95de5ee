"""Bodies made as they are read: ?blocks=N&size=BYTES&pause=SECONDS&length=1 (declare it).

Every block is `size` times the letter of its number. ?events=FILE makes each step a line of that file: "next N", "close", "exit".
/upload reads the body in pieces and answers with its length and SHA-256.
"""

import hashlib
import os
import time
from urllib.parse import parse_qs
from wsgiref.validate import validator


class Blocks:
    """The iterable, which tells its log what is done with it."""

    def __init__(self, count, size, pause, log):
        self.left, self.size, self.pause, self.log, self.given = count, size, pause, log, 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.given >= self.left:
            self.note("exit")
            raise StopIteration
        if self.given and self.pause:
            time.sleep(self.pause)
        self.note(f"next {self.given}")
        block = bytes([97 + self.given % 26]) * self.size
        self.given += 1
        return block

    def note(self, line):
        if self.log:
            with open(self.log, "a") as file:
                file.write(f"{line} pid={os.getpid()}\n")

    def close(self):
        self.note("close")


def upload(environ, start_response):
    digest, length = hashlib.sha256(), 0
    while True:
        block = environ["wsgi.input"].read(65536)
        if not block:
            break
        digest.update(block)
        length += len(block)
    body = f"{length} {digest.hexdigest()}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def application(environ, start_response):
    if environ.get("PATH_INFO") == "/upload":
        return upload(environ, start_response)
    query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
    count, size = int(query.get("blocks", "3")), int(query.get("size", "1000"))
    headers = [("Content-Type", query.get("type", "application/octet-stream"))]
    if query.get("length"):
        headers.append(("Content-Length", str(count * size)))
    if query.get("unbuffered"):
        headers.append(("X-Accel-Buffering", "no"))
    start_response("200 OK", headers)
    return Blocks(count, size, float(query.get("pause", "0")), query.get("events"))


validated = validator(application)
