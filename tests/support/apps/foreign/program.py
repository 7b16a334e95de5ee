"""A FastCGI program on flup's threaded server: a thread for each connection. QUERY_STRING: crash, or milliseconds to take. Answers "flup PID BYTES"."""

import os
import time

from flup.server.fcgi import WSGIServer


def application(environ, start_response):
    query = environ.get("QUERY_STRING", "")
    if query == "crash":
        os.abort()
    if query:
        time.sleep(int(query) / 1000)
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    answer = b"flup %d %d\n" % (os.getpid(), len(body))
    start_response(os.environ.get("ANSWER_STATUS", "200 OK"), [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return [answer]


if __name__ == "__main__":
    WSGIServer(application).run()
