"""A FastCGI program on flup's threaded server: a thread for each connection. Answers "flup PID BYTES".

QUERY_STRING: crash, or milliseconds to take, or what to do (compute, sleep) from the time that there is a file FILE.begin until there is FILE.end.
"""

import os
import sys
import time

from flup.server.fcgi import WSGIServer


def compute(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))


def until(file, act):
    while not os.path.exists(file):
        act(0.01)


UNTIL = {"compute": compute, "sleep": time.sleep}


def application(environ, start_response):
    query = environ.get("QUERY_STRING", "")
    if query == "crash":
        os.abort()
    if query in UNTIL:
        print("has a request", file=sys.stderr, flush=True)
        until(environ["FILE"] + ".begin", time.sleep)
        until(environ["FILE"] + ".end", UNTIL[query])
    elif query:
        time.sleep(int(query) / 1000)
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    answer = b"flup %d %d\n" % (os.getpid(), len(body))
    start_response(os.environ.get("ANSWER_STATUS", "200 OK"), [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return [answer]


if __name__ == "__main__":
    WSGIServer(application).run()
