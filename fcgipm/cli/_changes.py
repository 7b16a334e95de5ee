"""Changes of source files below a folder, told as they come."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable

from watchfiles import Change, DefaultFilter, watch

SOURCES = frozenset({".py", ".html", ".htm", ".jinja", ".jinja2", ".j2", ".toml", ".yaml", ".yml", ".ini", ".cfg", ".env"})
"""What an application is made of. Not everything: a database beside the code changes with every request."""

QUIET = 300
"""Milliseconds without a change that end a burst of them: an editor writes a file in several steps."""


class Sources(DefaultFilter):
    """Leaves out what version control, caches, virtual environments and editors keep."""

    def __call__(self, change: Change, path: str) -> bool:
        return os.path.splitext(path)[1] in SOURCES and super().__call__(change, path)


class Watcher:
    """A thread that calls `changed` with the changed files, relative to `folder`, until `stop`."""

    def __init__(self, folder: str, changed: Callable[[list[str]], None]) -> None:
        self._folder = folder
        self._changed = changed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        """From now on."""
        self._thread.start()

    def stop(self) -> None:
        """It ends soon."""
        self._stop.set()

    def _run(self) -> None:
        watching = watch(
            self._folder,
            watch_filter=Sources(),
            debounce=4 * QUIET,
            step=QUIET,
            stop_event=self._stop,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )
        for changes in watching:
            self._changed(relative(self._folder, (path for _, path in changes)))


def relative(folder: str, paths: Iterable[str]) -> list[str]:
    """Each once, in order, as people name them."""
    return sorted({os.path.relpath(path, folder) for path in paths})
