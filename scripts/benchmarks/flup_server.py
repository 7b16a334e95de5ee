"""flup on a unix socket: ``python -m benchmarks.flup_server fork|threaded PATH``.

Two processes, or one with 32 threads, twice the clients: the threaded server closes connections that come while all
its threads are busy, and its pool does not grow.
"""

from __future__ import annotations

import sys

from benchmarks.applications.hello import application


def main(kind: str, path: str) -> None:
    if kind == "fork":
        from flup.server.fcgi_fork import WSGIServer  # type: ignore[import-untyped]

        server = WSGIServer(application, bindAddress=path, umask=0, minSpare=2, maxSpare=2, maxChildren=2)
    else:
        from flup.server.fcgi import WSGIServer  # type: ignore[import-untyped]

        server = WSGIServer(application, bindAddress=path, umask=0, minSpare=32, maxSpare=32, maxThreads=32)
    server.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
