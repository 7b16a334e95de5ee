"""The port between a gateway and whatever protocol brought the request."""

from __future__ import annotations

from typing import Protocol


class ClientLeft(ConnectionError):
    """The client is gone, or its connection is broken: nothing can be sent, and no more of its body will come. `unsent`: not a byte of the last piece has
    gone out."""

    def __init__(self, why: str, unsent: bool = False) -> None:
        super().__init__(why)
        self.unsent = unsent


class BodyTimeout(TimeoutError):
    """The client has not sent the rest of its body in time."""


class Exchange(Protocol):
    """One request and its response, seen from the gateway."""

    left: bool
    """The client is gone."""

    def receive_body(self) -> bytes:
        """The next piece of the request's body as it arrives, b"" at its end and ever after. Raises ClientLeft, BodyTimeout."""

    def send(self, head: bytes, block: bytes) -> None:
        """Send a part of the response, to be with the peer before this returns; `head` is empty but for the first. Raises ClientLeft."""

    def finish(self, head: bytes, block: bytes) -> None:
        """Send the last part, in one piece with whatever ends the response. Raises ClientLeft."""

    def cut(self) -> None:
        """End here, so that nobody can take what was sent for a complete response."""
