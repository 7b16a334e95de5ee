"""Answers with its pid after ?s=SECONDS; ?body=1 reads the body first. POST answers with the body's length too."""

import os
import time
from urllib.parse import parse_qs
from wsgiref.validate import validator


def application(environ, start_response):
    query = parse_qs(environ.get("QUERY_STRING", ""))
    length = 0
    while True:
        block = environ["wsgi.input"].read(65536)
        if not block:
            break
        length += len(block)
    time.sleep(float(query.get("s", ["0"])[0]))
    body = b"%d %d" % (os.getpid(), length)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


validated = validator(application)
