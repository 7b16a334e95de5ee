"""The master's view of one worker: a handle, never the worker itself."""

from __future__ import annotations

from fcgipm.pool.states import AWAITED, STAYING, WORKER_TABLE, WorkerEvent, WorkerState


class WorkerHandle:
    """One ordered worker. `slot` is the index of its first slot; `leaving` is why it was told to leave, in the words of `exits`.

    `killed` is whether it had to be, because a request did not yield to its time-out.
    `due` is when its next word must have come, None when none is waited for; `fault` is what it is to be blamed for, when its exit does not tell.
    `asked` tells that somebody wants it replaced, `memory` what it had for itself alone when it was last measured, in bytes.
    `stays` tells that it counts towards the target, `ready` that it accepts connections: both follow from `state`, and are kept because they are asked for of
    every worker at every step (as properties they were a third of what a reload of 200 workers costs the master).
    `busy` is whether a thread of it was inside a request at the last look, `begun` the requests it had begun, `active_at` when it last was at work.
    """

    __slots__ = (
        "active_at", "asked", "begun", "busy", "due", "fault", "generation", "killed", "leaving", "memory", "number", "pid", "ready",
        "ready_at", "slot", "state", "stays",
    )  # fmt: skip

    def __init__(self, number: int, slot: int, generation: int) -> None:
        self.number = number
        self.slot = slot
        self.generation = generation
        self.enter(WorkerState.ORDERED)
        self.pid: int | None = None
        self.ready_at: float | None = None
        self.leaving: str | None = None
        self.due: float | None = None
        self.fault: str | None = None
        self.killed = False
        self.busy = False
        self.begun = 0
        self.active_at: float | None = None
        self.asked = False
        self.memory = 0

    def take(self, event: WorkerEvent) -> bool:
        """Move on; whether the event changed anything."""
        before = self.state
        self.enter(WORKER_TABLE[before][event])
        if before is not self.state and self.state not in AWAITED:
            self.due = None
        return before is not self.state

    def enter(self, state: WorkerState) -> None:
        """Be in a state."""
        self.state = state
        self.stays = state in STAYING
        self.ready = state is WorkerState.READY

    def seen(self, busy: bool, begun: int, now: float) -> None:
        """What a look at its slots has shown."""
        if busy or self.busy or begun != self.begun:
            self.active_at = now
        self.busy, self.begun = busy, begun

    def lived(self, now: float) -> float:
        """Seconds since it became ready; 0 when it never did."""
        return 0.0 if self.ready_at is None else now - self.ready_at

    def __repr__(self) -> str:
        return f"<{self.number}:{self.state.value} g{self.generation} slot {self.slot} pid {self.pid}>"
