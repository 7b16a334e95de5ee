"""A debugging hook: an application that looks at the FastCGI records of the request it is serving.

With ``env: {FCGIPM_RECORDS: "1"}`` in its pool, every environ has the key ``fcgipm.records``: called without arguments it returns, as bytes, what this
connection has received for the request so far, BEGIN_REQUEST first. Without that variable nothing of this exists, and nothing is paid for it.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from fcgipm.wire.fastcgi import Application, Event, Request
from fcgipm.wire.fastcgi.records import BEGIN_REQUEST, HEADER, HEADER_SIZE

KEY = "fcgipm.records"
_LIMIT = 65536
"""Bytes that are kept of one request, at most."""


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether the pool's environment asks for the hook."""
    return environ.get("FCGIPM_RECORDS") == "1"


class RecordingApplication(Application):
    """The codec, with a memory of what it was fed."""

    _heard = b""
    """Whole from a BEGIN_REQUEST on; before one has come, an unfinished header at most."""
    _skipping = 0
    """Bytes of a record that began before."""

    def receive(self, data: bytes) -> List[Event]:
        self._heard += data[self._skipping :]
        self._skipping = max(self._skipping - len(data), 0)
        if not self._live:
            self._drop_until_begin()
        self._heard = self._heard[:_LIMIT]
        events = super().receive(data)
        for event in events:
            if type(event) is Request:
                environ: Dict[str, Any] = event.params
                environ[KEY] = self.recorded
        return events

    def receive_whole(self, data: bytes) -> Optional[Request]:
        """Everything comes by `receive`."""
        return None

    def end(self, request_id: int) -> None:
        super().end(request_id)
        self._heard = self._rest
        self._skipping = self._content_left + self._skip_left

    def recorded(self) -> bytes:
        """What was received since the present request's BEGIN_REQUEST, 64 KiB at most."""
        return self._heard

    def _drop_until_begin(self) -> None:
        """Between requests come the end of a body that nobody read, and questions of the protocol: they belong to no request."""
        heard, at = self._heard, 0
        while at + HEADER_SIZE <= len(heard) and heard[at + 1] != BEGIN_REQUEST:
            _, _, _, length, padding = HEADER.unpack_from(heard, at)
            at += HEADER_SIZE + int(length) + int(padding)
        self._heard = heard[at:]
        self._skipping += max(at - len(heard), 0)
