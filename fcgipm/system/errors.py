"""What the system refused, in words for people."""

from __future__ import annotations


class SystemProblem(Exception):
    """Something could not be opened, bound, locked or started: the text says what, why, and the way out."""
