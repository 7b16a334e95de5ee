"""The connections of one loop that wait for something: kept ones, heads being read, closed ones whose peer still sends.

Two threads take from here: the loop, when something has come, and the order thread, when it has to part with connections while the loop is inside a
request. Whoever has taken a connection out owns it, and nobody looks at one that he has not taken: it may be gone, or another by the same number.
"""

from __future__ import annotations

from typing import Dict, Iterator, List

from fcgipm.worker.connection import Connection


class Waiting:
    """By descriptor. `take(number, None)` is the only way to a connection, `put(number, connection)` the way back, `count()` how many there are.

    All three are methods of the dictionary itself: one step of the interpreter each, which makes them safe in two threads, and cheap.
    """

    __slots__ = ("_connections", "count", "partings", "put", "take")

    def __init__(self) -> None:
        self.partings = 0
        """Odd while somebody is at `take_each_apart`, another number afterwards."""
        self._connections: Dict[int, Connection] = {}
        self.take = self._connections.pop
        self.put = self._connections.__setitem__
        self.count = self._connections.__len__

    def take_each(self) -> Iterator[Connection]:
        """Everything that was here at the first step, one by one; what is not wanted has to be put back."""
        numbers: List[int] = list(self._connections)
        for number in numbers:
            connection = self.take(number, None)
            if connection is not None:
                yield connection

    def take_each_apart(self) -> Iterator[Connection]:
        """The same in another thread than the loop's, which learns by `partings` that it has not seen all."""
        self.partings += 1
        yield from self.take_each()
        self.partings += 1
