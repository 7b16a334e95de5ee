"""Prints the param SAY, flushes nothing, and waits at the gate."""

import os

import cases


def application(environ, start_response):
    print(environ["SAY"])
    cases.pass_gate(environ)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getpid()]
