"""One pool's requests that run too long: looked at with every beat, interrupted, logged, killed; what `pool.deadlines` decides is done here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fcgipm import orders, scoreboard
from fcgipm.master.access import Answered
from fcgipm.master.channel import Word
from fcgipm.master.lines import clean
from fcgipm.master.log import Log
from fcgipm.master.processes import WorkerProcess
from fcgipm.master.stacks import Deliver, Known
from fcgipm.pool import happenings as event
from fcgipm.pool.deadlines import Deadlines, Limits, Overdue, Running, Slow, Stuck

if TYPE_CHECKING:
    from fcgipm.master.runner import PoolRunner

LEAVING_INTERVAL = 0.5
"""Seconds between looks at workers that leave."""
_SLOW = scoreboard.COUNTERS.index(scoreboard.SLOW)


def open_slow_log(settings: Mapping[str, Any], log: Log) -> Log:
    """A file of its own, or the daemon's log. Raises SystemProblem when it cannot be opened."""
    slow = settings["slow_log"]
    return log if slow is None or slow["file"] is None else Log(slow["file"])


class Overseer:
    """`next_look` is when it wants to look again although the pool is at rest."""

    def __init__(self, runner: PoolRunner, settings: Mapping[str, Any], log: Log, slow_log: Log) -> None:
        timeouts, slow = settings["timeouts"], settings["slow_log"]
        self._runner = runner
        self._threads = settings["workers"]["threads"]
        self._deadlines = Deadlines(Limits(timeouts["request"], timeouts["kill_after"], slow and slow["after"]))
        self._log = log
        self._slow_log = slow_log
        self._killed: set[Running] = set()
        self._answered: dict[int, dict[int, Answered]] = {}
        """By worker and thread, the last request that was given up."""
        self._identities: dict[tuple[int, str, str], str | None] = {}
        """Ids of requests for the slow log, by worker, thread and since when; None while they are asked for."""
        self._slow_lost = False
        self._next_of_leaving: float | None = None
        self._words = runner.board.memory.cast("Q")

    @property
    def next_look(self) -> float | None:
        """Also when a dump of stacks is complete."""
        dues = [worker.stacks.due for worker in self._runner.workers.values() if worker.stacks is not None]
        return min((due for due in (self._deadlines.next_due, self._next_of_leaving, *dues) if due is not None), default=None)

    def reopen(self) -> str | None:
        """Open the slow log's file anew, if it has one of its own; what was wrong with that."""
        return None if self._slow_log is self._log else self._slow_log.reopen()

    def close(self) -> None:
        """Let go of the scoreboard's memory and of what workers that were never released left."""
        for worker in self._runner.workers.values():
            if worker.stacks is not None:
                worker.stacks.close()
        if self._slow_log is not self._log:
            self._slow_log.close()
        self._words.release()

    def answering(self) -> list[WorkerProcess]:
        """Workers that can be asked for their stacks; a foreign program knows nothing of such a question, and would die of it."""
        if self._runner.foreign:
            return []
        handles = self._runner.pool.workers
        found = [(worker, handles.get(worker.number)) for worker in self._runner.workers.values()]
        return [worker for worker, handle in found if handle is not None and handle.ready_at is not None and not worker.reaped]

    def see_to(self, now: float) -> None:
        """Look if it is time to."""
        due = self.next_look
        if due is not None and due <= now:
            self.look(now)

    def look(self, now: float) -> None:
        """See who runs, and do what is due."""
        workers = self._runner.workers
        for worker in list(workers.values()):
            if worker.stacks is not None:
                worker.stacks.see_to(now)
        running = list(self._running())
        yielding = [number for number in workers if (handle := self._runner.pool.workers.get(number)) and handle.leaving == "timeout"]
        for verdict in self._deadlines.judge(running, yielding, now):
            if isinstance(verdict, Overdue):
                self._interrupt(workers[verdict.running.worker], verdict.running)
            elif isinstance(verdict, Slow):
                self._log_slow(workers[verdict.running.worker], verdict.running, now)
            else:
                self._kill(workers[verdict.worker], verdict, now)

        # No beat looks at those that leave, and one that waits for its client now may hang later.
        self._next_of_leaving = now + LEAVING_INTERVAL if any(handle.leaving and handle.pid for handle in self._runner.pool.workers.values()) else None

    def hear(self, worker: WorkerProcess, word: Word) -> None:
        """What a worker says of its requests."""
        if word.word == orders.EXPIRED:
            number, status, began = (*word.numbers, 0, 0, 0)[:3]
            self._answered.setdefault(worker.number, {})[number] = Answered(status, began)
            self._runner.happened(event.WorkerRetiring(worker.number, "timeout"))
        elif word.word == orders.IDENTITY and len(word.arguments) == 3:
            thread, since, name = word.arguments
            key = (worker.number, thread, since)
            if key in self._identities:  # Only what was asked for.
                self._identities[key] = name

    def answered(self, worker: WorkerProcess) -> dict[int, Answered]:
        """By thread of a reaped worker, the last request that it had given up."""
        return self._answered.pop(worker.number, {})

    def describe(self) -> dict[str, Any]:
        """What another program in this process must know, so that it neither says nor counts anything twice."""
        answered = [[number, *threads.items()] for number, threads in self._answered.items()]
        return {**self._deadlines.describe(), "killed": sorted(self._killed), "answered": answered}

    def restore(self, described: Mapping[str, Any]) -> None:
        """Know it again."""
        self._deadlines.restore(described)
        self._killed = {Running(*one) for one in described["killed"]}
        self._answered = {number: {thread: Answered(*one) for thread, one in threads} for number, *threads in described["answered"]}

    def finish(self) -> None:
        """Deliver the stacks that have come so far: nobody will wait for the rest."""
        for worker in self._runner.workers.values():
            if worker.stacks is not None:
                worker.stacks.finish()

    def lost(self, worker: int, slot: int) -> list[int]:
        """What the request adds to the counters that died with the worker of a slot. (What a foreign program was at is counted nowhere.)"""
        words = scoreboard.words(self._runner.board.memory, slot)
        killed = {one for one in self._killed if one.worker == worker and one.since == words[scoreboard.RUNNING_SINCE]}
        self._killed -= killed
        if not killed and (self._runner.foreign or words[scoreboard.STATE] != scoreboard.BUSY):
            return [0] * len(scoreboard.COUNTERS)
        extra = (scoreboard.CLASS_5XX, scoreboard.FAILED, *([scoreboard.TIMED_OUT] if killed else []))
        return [int(word in extra) for word in scoreboard.COUNTERS]

    def _running(self) -> Iterable[Running]:
        words = self._words
        for worker in self._runner.workers.values():
            if worker.pid is not None and not worker.reaped:
                for thread in range(self._threads):
                    since = words[scoreboard.SLOT_WORDS * (worker.slot + thread + 1) + scoreboard.RUNNING_SINCE]
                    if since:
                        yield Running(worker.number, thread, since)

    def _interrupt(self, worker: WorkerProcess, one: Running) -> None:
        worker.channel.send(orders.encode(orders.TIMEOUT, one.thread, one.since))
        self._runner.account.post("timeout", f"{self._request(worker, one)} has reached timeouts.request: interrupted", worker.pid)

    def _log_slow(self, worker: WorkerProcess, one: Running, now: float) -> None:
        self._runner.account.counters[_SLOW] += 1
        head = f"slow: {self._request(worker, one)} runs for {now - one.since / 1e9:.1f} s"
        key = (worker.number, str(one.thread), str(one.since))
        self._identities[key] = None
        worker.channel.send(orders.encode(orders.IDENTIFY, one.thread, one.since))

        def told(lines: list[str]) -> None:
            name = self._identities.pop(key)
            self._tell("slow", self._slow_log, worker, f"{head}, request id {name}" if name else head, lines)

        self._ask(worker, now, told, lambda: self._identities.get(key) is not None)

    def _kill(self, worker: WorkerProcess, stuck: Stuck, now: float) -> None:
        self._killed.update(stuck.threads)
        requests = ", ".join(self._request(worker, one) for one in stuck.threads)
        oldest = max(now - one.since / 1e9 for one in stuck.threads)
        head = f"killing it: {requests} did not yield to its time-out, {oldest:.1f} s after it began"
        self._ask(worker, now, lambda lines: self._kill_logged(worker, head, lines))

    def _kill_logged(self, worker: WorkerProcess, head: str, lines: list[str]) -> None:
        self._tell("timeout", self._log, worker, head, lines)
        self._runner.happened(event.Unyielding(worker.number))

    def _ask(self, worker: WorkerProcess, now: float, deliver: Deliver, known: Known = lambda: True) -> None:
        if worker.stacks is not None:
            worker.stacks.ask(worker, deliver, now, known)
        else:
            deliver([])

    def _tell(self, kind: str, log: Log, worker: WorkerProcess, head: str, lines: list[str]) -> None:
        stack = lines or ["it does not answer with its stack"]
        for line in (head, *stack):
            log.write("warning", line, self._runner.name, worker.pid)
        if log is not self._log and log.lost != self._slow_lost:
            self._slow_lost = log.lost
            self._log.warning(f"the slow log {'cannot be written: its lines are lost' if log.lost else 'is written again'}", self._runner.name)
        self._runner.account.post(kind, head, worker.pid, "\n".join(stack))

    def _request(self, worker: WorkerProcess, one: Running) -> str:
        return clean(scoreboard.read(self._runner.board.memory, worker.slot + one.thread).text.encode("latin-1"))
