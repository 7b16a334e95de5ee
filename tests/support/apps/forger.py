"""Says what it is told, in each way that an application has: to standard output and error, to wsgi.errors, as a warning, as an exception. /gate waits."""

import sys
import warnings
from urllib.parse import unquote

import cases


def application(environ, start_response):
    text, path = unquote(environ["SAY"]), environ["PATH_INFO"]
    if path == "/print":
        print(text)
    elif path == "/stderr":
        sys.stderr.write(text)
    elif path == "/errors":
        environ["wsgi.errors"].write(text)
    elif path == "/warns":
        warnings.warn(text, stacklevel=1)
    elif path == "/raises":
        raise RuntimeError(text)
    elif path == "/gate":
        cases.pass_gate(environ)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"said"]
