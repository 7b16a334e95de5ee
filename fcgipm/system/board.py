"""The memory of a scoreboard: a memory file of fixed size that nobody can change the size of.

A worker may write its own slots and, being foreign code, any others too; but without the seals it could truncate the file, and the master would die of SIGBUS
at its next look (fcntl(2), F_ADD_SEALS).
"""

from __future__ import annotations

import fcntl
import mmap
import os

from fcgipm import scoreboard


class Board:
    """One pool's scoreboard: the descriptor for the templates, and its memory for the master."""

    def __init__(self, descriptor: int) -> None:
        """Of a memory file that `create` has made, whose descriptor is taken over."""
        self.descriptor = descriptor
        self._map = mmap.mmap(descriptor, os.fstat(descriptor).st_size)
        self.memory = memoryview(self._map)

    @classmethod
    def create(cls, name: str, slots: int) -> Board:
        """An empty one. Raises OSError."""
        descriptor = os.memfd_create(f"fcgipm-{name}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.fchmod(descriptor, 0o600)
            os.ftruncate(descriptor, scoreboard.size(slots))
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
            board = cls(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        scoreboard.lay_out(board.memory, slots)
        return board

    def close(self) -> None:
        """Let go of the memory and the descriptor."""
        self.memory.release()
        self._map.close()
        os.close(self.descriptor)
