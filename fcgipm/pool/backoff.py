"""How long to wait before something that died is started again."""

from __future__ import annotations

FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0
LONG_LIFE = 10.0
"""Seconds: what lived this long did not die of being started, so its successor starts at once."""


class BackOff:
    """0.1 s, doubled with every death up to 30 s. Many deaths during one delay count once: they have one cause."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.retry_at = 0.0

    def died(self, lived: float, now: float) -> None:
        """Something that was useful for `lived` seconds is gone."""
        if lived >= LONG_LIFE:
            self.reset()
        elif now >= self.retry_at:
            self.delay = min(max(FIRST_DELAY, 2 * self.delay), LONGEST_DELAY)
            self.retry_at = now + self.delay

    def reset(self) -> None:
        """Forget all deaths."""
        self.delay = self.retry_at = 0.0

    def permits(self, now: float) -> bool:
        """Whether a start may be tried now."""
        return now >= self.retry_at
