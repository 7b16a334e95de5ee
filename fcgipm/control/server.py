"""The daemon's side of the control socket: sessions that never block the master.

The sockets are non-blocking; whoever does not read its answer, sends too much or is not allowed to command is dropped. The master's loop calls
``on_readable`` and ``on_writable``; what a session asks comes out of ``on_readable``.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable
from typing import Any

from fcgipm.control import protocol
from fcgipm.system.peers import may_command

ANSWER_LIMIT = 4 * 1024 * 1024
"""Bytes of answers a session may leave unread."""

SESSIONS = 64
"""Most sessions at once; further ones are closed unheard."""


class Session:
    """One connected client: one request, one answer, then it is over. ``ended`` tells that it is to be dropped, ``heard_all`` that it will say no more."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._lines = protocol.LineBuffer()
        self._asked = False
        self._answered = False
        self._unsent = b""
        self.heard_all = False
        self.ended = False

    def fileno(self) -> int:
        """For the selector."""
        return self._connection.fileno()

    @property
    def wants_write(self) -> bool:
        """Whether answers wait to be sent."""
        return bool(self._unsent)

    def on_readable(self) -> dict[str, Any] | None:
        """The request, once it has arrived whole. A bad one is answered with a refusal.

        The end of the stream ends the session, unless only that half was closed (``echo … | nc -U …``) and an answer is still due.
        """
        try:
            data = self._connection.recv(65536)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            self.heard_all = True
            self.ended = not self._asked or _is_closed(self._connection)
        return self._request(data) if data and not self._asked else None

    def _request(self, data: bytes) -> dict[str, Any] | None:
        try:
            lines = self._lines.feed(data)
            self._asked = bool(lines)
            return protocol.decode_request(lines[0]) if lines else None
        except protocol.ControlProtocolError as error:
            self._asked = True
            self.answer(protocol.refusal(str(error)))
            return None

    def send(self, line: bytes) -> None:
        """Send now what the socket takes, keep the rest."""
        if not self.ended:
            self._unsent += line
            self.on_writable()

    def answer(self, line: bytes) -> None:
        """Send the last line; the session ends when it is out."""
        self._answered = True
        self.send(line)

    def on_writable(self) -> None:
        """Send more of what waits; a session that lets too much pile up is ended."""
        try:
            sent = self._connection.send(self._unsent, socket.MSG_NOSIGNAL) if self._unsent else 0
            self._unsent = self._unsent[sent:]
        except BlockingIOError:
            pass
        except OSError:
            self.ended = True
        if len(self._unsent) > ANSWER_LIMIT or (self._answered and not self._unsent):
            self.ended = True

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _is_closed(connection: socket.socket) -> bool:
    """Whether the peer has closed the whole connection, and not just its own half."""
    poll = select.poll()
    poll.register(connection, 0)
    return bool(poll.poll(0))


class ControlServer:
    """The listening control socket. `allowed` judges each peer; a spare descriptor lets it refuse politely when descriptors run out."""

    def __init__(self, listening: socket.socket, allowed: Callable[[socket.socket], bool]) -> None:
        self._listening = listening
        self._allowed = allowed
        self._spare = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        self.sessions: list[Session] = []

    def fileno(self) -> int:
        """For the selector."""
        return self._listening.fileno()

    def accept(self) -> Session | None:
        """The next client; None when there is none, or it was turned away."""
        try:
            connection, _ = self._listening.accept()
        except BlockingIOError:
            return None
        except OSError:
            self._turn_away()
            return None
        return self._admit(connection)

    def _admit(self, connection: socket.socket) -> Session | None:
        if len(self.sessions) >= SESSIONS:
            connection.close()
            return None
        session = Session(connection)
        if not self._allowed(connection):
            session.send(
                protocol.refusal("not allowed: only root, the daemon's user and the control group may command it")
            )
            session.close()
            return None
        self.sessions.append(session)
        return session

    def drop(self, session: Session) -> None:
        """Forget and close a session."""
        self.sessions.remove(session)
        session.close()

    def _turn_away(self) -> None:
        """No descriptor for the client (EMFILE): free the spare one for a moment, else the selector would report this client for ever."""
        os.close(self._spare)
        try:
            self._listening.accept()[0].close()
        except OSError:
            pass
        self._spare = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """Close everything."""
        for session in self.sessions:
            session.close()
        self.sessions.clear()
        self._listening.close()
        os.close(self._spare)


def allow_peers(group: int | None) -> Callable[[socket.socket], bool]:
    """The judge of peers: root, our own user, members of the control group."""
    own = os.geteuid()
    return lambda connection: may_command(connection, own, group)
