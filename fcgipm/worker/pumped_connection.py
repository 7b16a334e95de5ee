"""A connection for a gateway that has other things to wait for beside the peer."""

from __future__ import annotations

from typing import Optional

from fcgipm.gateways.exchange import ClientLeft
from fcgipm.worker.body import BodyStore
from fcgipm.worker.connection import BODY_PIECE, NO_BODY, Connection


class PumpedConnection(Connection):
    """Its body is taken as it comes: nothing here waits but `receive_whole_body`."""

    def receive_whole_body(self) -> int:
        """Wait for all of the body and keep it; its length. Raises ClientLeft, BodyTimeout, and OSError when there is no room for it."""
        whole, size = BodyStore(), 0
        while True:
            data = Connection.receive_body(self)
            if not data:
                self._body = whole
                return size
            whole.put(data)
            size += len(data)

    def body_at_hand(self) -> Optional[bytes]:
        """The next piece of the body, b"" at its end; None while the peer has sent no more of it."""
        data = self._body.take()
        return data if data or self._body_ended else None

    def drop_body(self) -> None:
        """Nobody is to read what has come of the body."""
        self._body = NO_BODY

    def take_in(self) -> bool:
        """Receive without waiting what the peer has sent. False: nothing more will come that this request is to see. Raises ClientLeft."""
        if self.finished:  # What comes now belongs to the next request.
            return False
        self._receive(BODY_PIECE)
        self._send_replies()
        if self._input_ended and self.deserted():
            self.left = self.gone = True
        if self.left:
            raise ClientLeft("the client left before the response was complete")
        return not (self._input_ended or self.codec.holding)
