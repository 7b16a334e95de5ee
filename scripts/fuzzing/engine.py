"""The search: change an input, run it, keep it when it reached a statement that none before it had."""

from __future__ import annotations

import random
from collections.abc import Callable

from fuzzing.statements import Statements

LONGEST = 4096
"""Bytes of an input."""
_TOKENS = (b"\0", b"\xff", b"\r\n", b"\n\n", b"\n", b": ", b"{", b"}", b"[", b"]", b"'", b'"', b"*a", b"&a ", b"${", b"!!", b"\x80\0\0\1", b"\1\4", b"Status:")


class Fuzzer:
    """Changes inputs of `corpus`, and adds to it. `run` takes any bytes and is not to raise."""

    def __init__(self, run: Callable[[bytes], None], corpus: list[bytes], statements: Statements, seed: int) -> None:
        self.run = run
        self.corpus = corpus
        self.statements = statements
        self.random = random.Random(seed)
        self.count = 0
        for data in corpus:
            run(data)
        self.reached = statements.count()

    def step(self) -> tuple[bytes, BaseException | None, bool]:
        """One new input, what it raised, and whether it is worth keeping."""
        data = self.changed()
        self.count += 1
        try:
            self.run(data)
        except Exception as error:
            return data, error, False
        before, self.reached = self.reached, self.statements.count()
        if self.reached == before:
            return data, None, False
        self.corpus.append(data)
        return data, None, True

    def changed(self) -> bytes:
        """An input of the corpus, changed in a few places."""
        data = bytearray(self.random.choice(self.corpus))
        for _ in range(1 << self.random.randrange(4)):
            self.random.choice(_CHANGES)(self, data)
        return bytes(data[:LONGEST])

    def _place(self, data: bytearray) -> int:
        return self.random.randrange(len(data) + 1)

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)

    def _set(self, data: bytearray) -> None:
        if data:
            data[self.random.randrange(len(data))] = self.random.randrange(256)

    def _remove(self, data: bytearray) -> None:
        at = self._place(data)
        del data[at : at + self.random.randrange(1, 16)]

    def _insert(self, data: bytearray) -> None:
        at = self._place(data)
        data[at:at] = self.random.choice(_TOKENS)

    def _repeat(self, data: bytearray) -> None:
        at = self._place(data)
        data[at:at] = data[at : at + self.random.randrange(1, 64)] * self.random.randrange(1, 4)

    def _splice(self, data: bytearray) -> None:
        other = self.random.choice(self.corpus)
        start = self.random.randrange(len(other) + 1)
        at = self._place(data)
        data[at : at + self.random.randrange(16)] = other[start : start + self.random.randrange(1, 128)]


_CHANGES: tuple[Callable[[Fuzzer, bytearray], None], ...] = (
    Fuzzer._flip,
    Fuzzer._set,
    Fuzzer._remove,
    Fuzzer._insert,
    Fuzzer._repeat,
    Fuzzer._splice,
)
