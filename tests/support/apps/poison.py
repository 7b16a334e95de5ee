"""/die kills its worker in the middle of the request; any other waits at the gate whose path is its query (tests.support.gate), and answers the pid."""

import os
import signal
import socket


def application(environ, start_response):
    if environ["PATH_INFO"] == "/die":
        os.kill(os.getpid(), signal.SIGKILL)
    with socket.socket(socket.AF_UNIX) as gate:
        gate.connect(environ["QUERY_STRING"])
        gate.recv(1)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getpid()]
