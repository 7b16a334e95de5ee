"""FastCGI records, read for people, and made for the race. Written from the specification alone (sections 3.3, 3.4, 5.1 and 8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

KINDS = {1: "BEGIN_REQUEST", 2: "ABORT_REQUEST", 4: "PARAMS", 5: "STDIN", 8: "DATA", 9: "GET_VALUES"}
ROLES = {1: "RESPONDER", 2: "AUTHORIZER", 3: "FILTER"}
HEADER_FIELDS = (("version", 1), ("type", 1), ("request id", 2), ("content length", 2), ("padding", 1), ("reserved", 1))
SECRET = ("HTTP_COOKIE", "HTTP_AUTHORIZATION")
"""Params whose values are not for showing around."""


@dataclass
class Record:
    """One record: where it began in the stream of bytes, its header's 8 bytes, its content."""

    offset: int
    header: bytes
    content: bytes
    whole: bool = True
    pairs: list[tuple[str, str]] = field(default_factory=list)
    """For PARAMS that hold whole pairs."""

    @property
    def kind(self) -> str:
        return KINDS.get(self.header[1], f"type {self.header[1]}")

    @property
    def request_id(self) -> int:
        return int.from_bytes(self.header[2:4])

    @property
    def padding(self) -> int:
        return self.header[6]

    @property
    def meaning(self) -> str:
        if self.kind == "BEGIN_REQUEST" and len(self.content) == 8:
            role = ROLES.get(int.from_bytes(self.content[:2]), "an unknown role")
            kept = "keep the connection" if self.content[2] & 1 else "close the connection afterwards"
            return f"role {role}, {kept}"
        if not self.content and self.kind in ("PARAMS", "STDIN"):
            return f"empty: the end of {self.kind}"
        if self.pairs:
            return f"{len(self.pairs)} names with their values"
        return ""

    def header_fields(self) -> list[tuple[str, str, int]]:
        """Each field of the header: its name, its bytes in hexadecimal, its value."""
        fields, at = [], 0
        for name, size in HEADER_FIELDS:
            part = self.header[at : at + size]
            fields.append((name, part.hex(" "), int.from_bytes(part)))
            at += size
        return fields

    def dump(self, limit: int = 4096) -> str:
        """The content in lines of 16 bytes: offset, hexadecimal, text."""
        lines = [_line(at, self.content[at : at + 16]) for at in range(0, min(len(self.content), limit), 16)]
        return "\n".join(lines + ["…"] * (len(self.content) > limit))


def decode(data: bytes) -> list[Record]:
    """Every record in `data`; the last may be cut off, and says so."""
    records, at = [], 0
    while at + 8 <= len(data):
        header = data[at : at + 8]
        length = int.from_bytes(header[4:6])
        content = data[at + 8 : at + 8 + length]
        record = Record(at, header, content, whole=len(content) == length)
        if record.kind == "PARAMS":
            record.pairs, record.content = _pairs(content)
        records.append(record)
        at += 8 + length + header[6]
    return records


def _pairs(content: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """Names and values, and the content with the secret ones made unreadable. Pairs that go on in another record are left out."""
    pairs, shown = [], bytearray(content)
    for name, start, stop in _spans(content):
        if name in SECRET:
            shown[start:stop] = b"*" * (stop - start)
        pairs.append((name, shown[start:stop].decode("latin-1")))
    return pairs, bytes(shown)


def _spans(content: bytes) -> Iterator[tuple[str, int, int]]:
    """The name of each pair, and where its value begins and ends (section 3.4: lengths over 127 take four bytes)."""
    at = 0
    while at < len(content):
        name_size, at = _size(content, at)
        value_size, at = _size(content, at)
        start, stop = at + name_size, at + name_size + value_size
        if stop > len(content):
            return
        yield content[at:start].decode("latin-1"), start, stop
        at = stop


def _size(content: bytes, at: int) -> tuple[int, int]:
    if at < len(content) and content[at] > 127:
        return int.from_bytes(content[at : at + 4]) & 0x7FFFFFFF, at + 4
    return (content[at] if at < len(content) else 0), at + 1


def _line(at: int, part: bytes) -> str:
    text = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in part)
    return f"{at:04x}  {part.hex(' '):<47}  {text}"


def record_bytes(kind: int, content: bytes = b"") -> bytes:
    """A record of request 1; without content, the end of a stream."""
    return bytes((1, kind, 0, 1)) + len(content).to_bytes(2) + bytes(2) + content


def pair_bytes(name: str, value: str) -> bytes:
    """A name and its value, both shorter than 128 bytes."""
    return bytes((len(name), len(value))) + name.encode("ascii") + value.encode("ascii")
