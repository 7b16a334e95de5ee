"""A FastCGI application that a test plays itself, record by record: for what no decent application does."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.support.fastcgi import PARAMS, STDIN, Connection, Record, parse_pairs


class Asked:
    """One request as it came: the raw records and what they mean."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records
        self.begin = records[0].content
        self.pairs = parse_pairs(b"".join(got.content for got in records if got.kind == PARAMS))
        self.params = dict(self.pairs)
        self.body = b"".join(got.content for got in records if got.kind == STDIN)


def read_request(connection: Connection) -> Asked:
    """Every record up to the end of STDIN."""
    records: list[Record] = []
    while True:
        got = connection.read_record()
        assert got is not None, f"the connection ended after {records}"
        records.append(got)
        if got.kind == STDIN and not got.content:
            return Asked(records)


class Peer:
    """Listens on a unix socket and plays `part` on each connection, one after the other, in a thread.

    What `part` raises fails the test at the end. The connection is closed after it.
    """

    def __init__(self, part: Callable[[Connection], None]) -> None:
        self._part = part
        self._folder = tempfile.mkdtemp(prefix="fp", dir="/tmp")
        self.address = f"unix:{self._folder}/peer.sock"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.address[5:])
        self._listener.listen(16)
        self._failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        while True:
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            with Connection(connected) as connection:
                try:
                    self._part(connection)
                except BaseException as failure:  # an assertion too: it is raised in the test's own thread
                    self._failures.append(failure)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(15)
        self._listener.close()
        shutil.rmtree(self._folder)
        if kind is None and self._failures:
            raise self._failures[0]
