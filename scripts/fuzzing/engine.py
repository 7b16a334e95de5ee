"""The search: change an input, run it, keep it when it reached a line that none before it had."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from fuzzing.targets import Target

LONGEST = 4096
"""Bytes of an input."""
_TOKENS = (b"\0", b"\xff", b"\r\n", b"\n\n", b"\n", b": ", b"{", b"}", b"[", b"]", b"'", b'"', b"*a", b"&a ", b"${", b"!!", b"\x80\0\0\1", b"\1\4", b"Status:")


class Lines:
    """Which lines of some files have ever run."""

    def __init__(self, files: tuple[str, ...]) -> None:
        self._files = files
        self._wanted: dict[CodeType, bool] = {}
        self.seen: set[tuple[CodeType, int]] = set()

    def run(self, function: Callable[[bytes], None], data: bytes) -> bool:
        """Call it; whether a new line was reached. Raises what it raises."""
        before = len(self.seen)
        sys.settrace(self._call)
        try:
            function(data)
        finally:
            sys.settrace(None)
        return len(self.seen) > before

    def _call(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        code = frame.f_code
        wanted = self._wanted.get(code)
        if wanted is None:
            wanted = self._wanted[code] = any(part in code.co_filename for part in self._files)
        return self._line if wanted else None

    def _line(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        self.seen.add((frame.f_code, frame.f_lineno))
        return self._line


class Fuzzer:
    """One target. `corpus` are the inputs kept; `kept` those found by `step`."""

    def __init__(self, target: Target, corpus: list[bytes], seed: int) -> None:
        self.target = target
        self.lines = Lines(target.files)
        self.random = random.Random(seed)
        self.corpus = [*target.seeds, *corpus]
        self.count = 0
        for data in self.corpus:
            self.lines.run(target.run, data)

    def step(self) -> tuple[bytes, BaseException | None, bool]:
        """One new input, what it raised, and whether it is worth keeping."""
        data = self.changed()
        self.count += 1
        try:
            new = self.lines.run(self.target.run, data)
        except Exception as error:
            return data, error, False
        if new:
            self.corpus.append(data)
        return data, None, new

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
