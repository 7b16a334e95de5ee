"""One generation of a pool: the template that imported one version of the application, and what it told."""

from __future__ import annotations

from fcgipm.pool.states import TEMPLATE_TABLE, TemplateEvent, TemplateState


class Generation:
    """`number` counts up from 1; a generation whose template never became ready leaves its number to the next try."""

    __slots__ = ("dismissed", "due", "number", "python", "ready_at", "state")

    def __init__(self, number: int) -> None:
        self.number = number
        self.state = TemplateState.STARTING
        self.python: str | None = None
        self.ready_at: float | None = None
        self.dismissed = False
        """Its template was told to end, because nothing needs it any more."""
        self.due: float | None = None
        """When it must have done so."""

    def take(self, event: TemplateEvent) -> bool:
        """Move on; whether the event changed anything."""
        before, self.state = self.state, TEMPLATE_TABLE[self.state][event]
        return before is not self.state

    @property
    def ready(self) -> bool:
        """Whether its template takes FORK orders."""
        return self.state is TemplateState.READY and not self.dismissed

    @property
    def gone(self) -> bool:
        """Whether its template has been reaped."""
        return self.state is TemplateState.GONE

    def lived(self, now: float) -> float:
        """Seconds since its template became ready; 0 when it never did."""
        return 0.0 if self.ready_at is None else now - self.ready_at

    def __repr__(self) -> str:
        return f"<generation {self.number}:{self.state.value}>"
