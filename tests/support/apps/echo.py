"""What the application saw: the environ, and the body's length and SHA-256, as JSON.

/pid answers with the process id alone; ?read=0 leaves the body unread, ?read=SIZE reads in pieces of that size.
"""

import hashlib
import json
import os
import threading
from urllib.parse import parse_qs
from wsgiref.validate import validator


def plain(value):
    """Something JSON can hold; text of code points up to 255 comes back as it was."""
    return value if isinstance(value, (str, int, bool, list, tuple)) else f"<{type(value).__name__}>"


def read_body(environ, size):
    """Length and SHA-256 of the whole body, read to its end."""
    digest, length = hashlib.sha256(), 0
    while size:
        block = environ["wsgi.input"].read(size)
        if not block:
            break
        digest.update(block)
        length += len(block)
    return length, digest.hexdigest()


def application(environ, start_response):
    query = parse_qs(environ.get("QUERY_STRING", ""))
    length, digest = read_body(environ, int(query.get("read", ["65536"])[0]))
    answer = {
        "environ": {name: plain(value) for name, value in environ.items()},
        "types": sorted({type(value).__name__ for name, value in environ.items() if not name.startswith("wsgi.")}),
        "class": type(environ).__name__,
        "length": length,
        "sha256": digest,
        "pid": os.getpid(),
        "thread": threading.current_thread().name,
    }
    body = json.dumps(answer).encode("ascii")
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


validated = validator(application)
