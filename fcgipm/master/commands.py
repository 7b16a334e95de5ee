"""The control socket in the master: sessions come and go, their requests go into the queue, their commands are answered from there."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fcgipm import __version__
from fcgipm.control import protocol
from fcgipm.control.server import ControlServer, Session
from fcgipm.master.asked import drain, retire
from fcgipm.master.happenings import CommandCame, Happening
from fcgipm.master.lines import clean
from fcgipm.master.log import Log
from fcgipm.master.loop import READ, WRITE, Loop
from fcgipm.master.reloads import STOPPING, Wish
from fcgipm.master.scale import scale
from fcgipm.master.stack_collection import collect_stacks
from fcgipm.pool.bounds import BoundsRefused
from fcgipm.report.document import to_json

if TYPE_CHECKING:
    from fcgipm.master.master import Master


class Sessions:
    """Watches the control server and its sessions."""

    def __init__(self, server: ControlServer, loop: Loop, post: Callable[[Happening], None]) -> None:
        self._server = server
        self._loop = loop
        self._post = post
        loop.watch(server, lambda _events: self._accept())

    def send(self, session: Session, line: bytes) -> None:
        """Send a line of progress, now or as soon as the session reads; harmless when it has gone."""
        if session in self._server.sessions:
            session.send(line)
            self._settle(session)

    def answer(self, session: Session, line: bytes) -> None:
        """Send the last line."""
        if session in self._server.sessions:
            session.answer(line)
            self._settle(session)

    def _accept(self) -> None:
        session = self._server.accept()
        if session is not None:
            self._attend(session, READ)

    def _serve(self, session: Session, events: int) -> None:
        if events & WRITE:
            session.on_writable()
        if events & READ:
            request = session.on_readable()
            if request is not None:
                self._post(CommandCame(session, request))
        self._settle(session)

    def _settle(self, session: Session) -> None:
        if session.ended:
            self._attend(session, 0)
            self._server.drop(session)
        else:
            self._attend(session, (0 if session.heard_all else READ) | (WRITE if session.wants_write else 0))

    def _attend(self, session: Session, events: int) -> None:
        self._loop.attend(session, lambda ready: self._serve(session, ready), events)


class Commands:
    """What can be asked of the daemon. Each command answers by itself; `stop` when all is over."""

    def __init__(self, master: Master, sessions: Sessions, log: Log) -> None:
        self._master = master
        self._log = log
        self._sessions = sessions
        self._waiting: dict[Session, str] = {}
        self._reloading: dict[Session, tuple[Wish, list[str]]] = {}

    def carry_out(self, session: Session, request: dict[str, Any]) -> None:
        """Carry out one request."""
        command = _COMMANDS.get(request["command"])
        if command is None:
            known = ", ".join(_COMMANDS)
            self._sessions.answer(
                session, protocol.refusal(f"unknown command {request['command'][:40]!r}; this daemon knows {known}")
            )
            return
        try:
            command(self, session, request)
        except Exception as error:  # A command must not end the daemon.
            self._fail(session, request["command"], error)

    def _fail(self, session: Session, command: str, error: Exception) -> None:
        what = clean(f"{type(error).__name__}: {error}".encode("utf-8", "backslashreplace"))
        self._log.error(f"internal error in the command {command}, line {_line(error)}: {what}")
        self._sessions.answer(session, protocol.refusal("internal error: the daemon's log tells more"))

    def tell_progress(self) -> None:
        """Tell those who wait for the end what is still waited for, when that changed."""
        text = self._master.stop_progress()
        for session, told in self._waiting.items():
            if text != told:
                self._waiting[session] = text
                self._sessions.send(session, protocol.progress(text))

    def tell_reloaded(self) -> None:
        """Tell those who wait for a reload how far it has come, and how it ended."""
        for session, (wish, told) in list(self._reloading.items()):
            if wish.outcome is not None:
                del self._reloading[session]
                ok, text = wish.outcome
                self._sessions.answer(session, protocol.result(text) if ok else protocol.refusal(text))
            elif wish.progress != told:
                self._reloading[session] = (wish, wish.progress)
                for line in wish.progress:
                    if line not in told:
                        self._sessions.send(session, protocol.progress(line))

    def tell_taken_over(self) -> None:
        """A new program comes, which reloads first of all; it does not know of these sessions."""
        for session in self._reloading:
            self._sessions.answer(session, protocol.result("a new program takes over and reloads: the log tells how that ends"))
        self._reloading.clear()

    def tell_stopped(self) -> None:
        """All is stopped."""
        for session in self._waiting:
            self._sessions.answer(session, protocol.result("stopped"))

    def _ping(self, session: Session, _request: dict[str, Any]) -> None:
        master = self._master
        self._sessions.answer(
            session, protocol.result({"pid": master.pid, "version": __version__, "state": master.state})
        )

    def _status(self, session: Session, request: dict[str, Any]) -> None:
        snapshot, pool = self._master.snapshot(), request.get("pool")
        if pool is not None:
            snapshot = snapshot.of(pool)
            if not snapshot.pools:
                self._refuse_pool(session, pool)
                return
        if request.get("events") is False:  # with their stacks they can be 2 MB
            snapshot = snapshot._replace(events=())
        self._sessions.answer(session, protocol.result(to_json(snapshot)))

    def _refuse_pool(self, session: Session, pool: object) -> None:
        known = ", ".join(self._master.settings["pools"])
        self._sessions.answer(session, protocol.refusal(f"there is no pool {str(pool)[:80]!r}; the pools are {known}"))

    def _reload(self, session: Session, request: dict[str, Any]) -> None:
        pool = request.get("pool")
        if self._master.state == "stopping":
            self._sessions.answer(session, protocol.refusal(STOPPING.text))
        elif pool is not None and not isinstance(pool, str):
            self._refuse_pool(session, pool)
        else:
            wish = self._master.reloads.ask(pool)
            if request.get("wait") is False:
                self._sessions.answer(session, protocol.result("asked for: the log tells how it ends"))
            else:
                self._reloading[session] = (wish, [])

    def _scale(self, session: Session, request: dict[str, Any]) -> None:
        given = [request.get(key) for key in ("min", "max") if request.get(key) is not None]
        if not all(isinstance(number, int) and not isinstance(number, bool) for number in given):
            self._sessions.answer(session, protocol.refusal("min and max are whole numbers"))
            return
        if bool(given) is bool(request.get("reset")):
            self._sessions.answer(session, protocol.refusal("scale takes min or max or both, or reset"))
            return
        try:
            text = scale(self._master.fleet, self._master.settings["max_workers"], request.get("pool"), request)
        except BoundsRefused as refused:
            self._sessions.answer(session, protocol.refusal(str(refused)))
            return
        if text is None:
            self._refuse_pool(session, request.get("pool"))
        else:
            self._log.info(f"scaled by command: {text}")
            self._sessions.answer(session, protocol.result(text))

    def _retire(self, session: Session, request: dict[str, Any]) -> None:
        pid = request.get("pid")
        text = retire(self._master.fleet, pid)
        refused = protocol.refusal(f"no worker of this daemon that stays has the process id {str(pid)[:40]}")
        self._sessions.answer(session, refused if text is None else protocol.result(text))

    def _drain(self, session: Session, request: dict[str, Any]) -> None:
        undo = request.get("undo") is True
        pools = drain(self._master.fleet, request.get("pool"), undo)
        if pools is None:
            self._refuse_pool(session, request.get("pool"))
            return
        text = f"{', '.join(pools)}: {'ready again' if undo else 'draining: served on, and not ready for whoever asks /readyz'}"
        self._log.info(f"by command: {text}")
        self._sessions.answer(session, protocol.result(text))

    def _stack(self, session: Session, request: dict[str, Any]) -> None:
        if not collect_stacks(self._master.fleet, request.get("of"), lambda found: self._sessions.answer(session, protocol.result(found))):
            self._sessions.answer(session, protocol.refusal(f"there is no pool and no worker {str(request.get('of'))[:40]!a}"))

    def _reopen_logs(self, session: Session, _request: dict[str, Any]) -> None:
        def told(text: str, ok: bool) -> None:
            self._sessions.answer(session, protocol.result(text) if ok else protocol.refusal(text))

        self._master.reopen_logs(told)

    def _stop(self, session: Session, request: dict[str, Any]) -> None:
        self._waiting[session] = ""
        self._master.stop(now=request.get("now") is True)


def _line(error: Exception) -> str:
    """Where it was raised: ``commands.py:17``."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace is not None else "unknown"


_COMMANDS: dict[str, Callable[[Commands, Session, dict[str, Any]], None]] = {
    "ping": Commands._ping,
    "status": Commands._status,
    "reload": Commands._reload,
    "scale": Commands._scale,
    "retire": Commands._retire,
    "drain": Commands._drain,
    "reopen-logs": Commands._reopen_logs,
    "stack": Commands._stack,
    "stop": Commands._stop,
}
