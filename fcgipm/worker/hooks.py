"""A worker's calls of the application's hooks."""

from __future__ import annotations

from fcgipm.gateways.errors import format_failure, say
from fcgipm.worker.importing import Imported


class StartFailed(Exception):
    """`worker_start` raised: the worker has not started. The text is for the log."""


def call_start(imported: Imported) -> None:
    """Before the first request. Raises StartFailed."""
    if imported.worker_start is not None:
        try:
            imported.worker_start()
        except BaseException as error:  # SystemExit too: whoever leaves has not started.
            raise StartFailed(f"hook worker_start failed\n{format_failure(error)}") from None


def call_stop(imported: Imported) -> None:
    """After the last request. What it raises is logged, and changes nothing."""
    if imported.worker_stop is not None:
        try:
            imported.worker_stop()
        except BaseException as error:
            say(f"hook worker_stop failed\n{format_failure(error)}")
