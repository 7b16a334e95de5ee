"""Name-value pairs (specification, section 3.4): PARAMS and GET_VALUES content."""

from __future__ import annotations

from typing import Dict, Iterable, List, Tuple

from fcgipm.wire.fastcgi.records import RemoteProtocolError

Pair = Tuple[bytes, bytes]


def decode_pairs(content: bytes) -> List[Pair]:
    """Every pair, in order. Raises RemoteProtocolError when a length points beyond the content."""
    pairs: List[Pair] = []
    at = 0
    try:
        while at < len(content):
            name_length, value_length, name_at = two_lengths(content, at)
            value_at = name_at + name_length
            at = value_at + value_length
            pairs.append((content[name_at:value_at], content[value_at:at]))
    except IndexError:
        raise RemoteProtocolError("name-value pairs end inside a length") from None
    if at != len(content):
        raise RemoteProtocolError("a name-value pair is longer than what holds it")
    return pairs


def encode_pair(name: bytes, value: bytes) -> bytes:
    """One pair, its lengths in the shortest form."""
    return _encode_length(len(name)) + _encode_length(len(value)) + name + value


def encode_pairs(pairs: Iterable[Pair]) -> bytes:
    """Pairs one behind the other."""
    return b"".join([encode_pair(name, value) for name, value in pairs])


def _encode_length(length: int) -> bytes:
    return bytes((length,)) if length < 128 else (length | 0x80000000).to_bytes(4, "big")


def two_lengths(content: bytes, at: int) -> Tuple[int, int, int]:
    """Both lengths of the pair at `at`, and where its name begins. Raises IndexError at the end of the content."""
    name_length, at = _length(content, at)
    value_length, at = _length(content, at)
    return name_length, value_length, at


def _length(content: bytes, at: int) -> Tuple[int, int]:
    first = content[at]
    if first < 128:
        return first, at + 1
    return (first & 0x7F) << 24 | content[at + 1] << 16 | content[at + 2] << 8 | content[at + 3], at + 4


def pair_end(content: bytes, at: int) -> int:
    """Where the pair at `at` ends, for content that was decoded before."""
    name_length, value_length, name_at = two_lengths(content, at)
    return name_at + name_length + value_length


def merge_pairs(pairs: Iterable[Pair]) -> Dict[str, str]:
    """Pairs as text, latin-1, repeated names made one; see `ParamsDecoder.decode`."""
    gathered: Dict[str, List[str]] = {}
    for name, value in pairs:
        gathered.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    gathered.pop("", None)
    return {name: _joined(name, values) for name, values in gathered.items()}


def _joined(name: str, values: List[str]) -> str:
    if name == "HTTP_COOKIE":
        return "; ".join(values)
    return ", ".join(values) if name.startswith("HTTP_") else values[-1]
