"""The stacks of all threads on demand: written by a signal handler in C, so also while somebody holds the interpreter's lock.

They go into a pipe of their own, which the application knows nothing of: what it prints cannot be taken for them.
"""

from __future__ import annotations

import faulthandler

from fcgipm.orders import DUMP


def answer_with_stacks(pipe: int) -> None:
    """Write the stacks into `pipe`, which never blocks, whenever the master's signal comes."""
    faulthandler.register(DUMP, file=pipe, all_threads=True, chain=False)


def forget_stacks() -> None:
    """In a process that the application forked: the signal means what it means to any process."""
    faulthandler.unregister(DUMP)
