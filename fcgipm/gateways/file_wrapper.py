"""``wsgi.file_wrapper`` (PEP 3333, "Optional Platform-Specific File Handling")."""

from __future__ import annotations

from typing import Any, Callable, Iterator

BLOCK = 262112
"""Four records at their longest: large enough that system calls vanish behind the copying, small enough to keep nothing."""


class FileWrapper:
    """An iterable over what a file-like object still holds. The gateway reads one that comes back unwrapped in larger blocks than it was made for."""

    def __init__(self, filelike: Any, block_size: int = 8192) -> None:
        self.filelike = filelike
        self.block_size = block_size
        close: Callable[[], None] = getattr(filelike, "close", lambda: None)
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.filelike.read(self.block_size), b"")
