"""The port between a gateway and whoever watches how long the application runs."""

from __future__ import annotations

from typing import Any


class RequestTimeout(BaseException):
    """The application has run for `timeouts.request` without handing over a block. No Exception, so that ``except Exception`` lets it pass."""


class Watch:
    """Knows when the application runs, and when it waits for its peer. This one watches nothing."""

    def begin(self, response: Any) -> None:
        """The application is about to be called; whoever gives up the request may call `response.expire`."""

    def enter(self) -> None:
        """The application runs: from here to `leave` RequestTimeout may be raised anywhere. After `end`: nothing."""

    def leave(self) -> None:
        """Something of ours runs that must not be interrupted. Raises RequestTimeout."""

    def end(self) -> None:
        """The application has returned or raised: from here on nothing is raised any more. Raises RequestTimeout a last time, unless it is what
        is being handled."""

    def closing(self) -> None:
        """``close()`` is about to be called, which is never interrupted."""

    def settle(self) -> None:
        """The request is over."""
