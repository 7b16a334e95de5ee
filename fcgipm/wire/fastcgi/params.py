"""The params of a request as CGI meta-variables: the hottest loop of a worker."""

from __future__ import annotations

from typing import AbstractSet, Any, Dict, Mapping, Optional, Tuple

from fcgipm.wire.fastcgi.pairs import decode_pairs, merge_pairs, pair_end, two_lengths
from fcgipm.wire.fastcgi.records import RemoteProtocolError

_BLOCKS_KEPT = 64
_BLOCK_SIZE = 1024


class ParamsDecoder:
    """Decodes the params of one request after another, and remembers what repeats.

    A web server begins every request with the same params (its own name, address, protocol), and clients send the same headers again and again. So the
    decoder keeps the pairs that recent requests began with, and some tens of the header blocks that they ended with: as the exact bytes, with what these
    mean. The result is always, in a new dictionary, what decoding pair by pair gives.
    """

    def __init__(self, base: Optional[Mapping[str, Any]] = None, unwanted: AbstractSet[str] = frozenset()) -> None:
        """`base` is in every result, whatever the params say; `unwanted` are names of headers that are in none: neither costs a request anything."""
        self._base: Dict[str, Any] = dict(base or {})
        self._unwanted = unwanted
        self._missed = b""
        self._prefix = b""
        self._constants: Dict[str, Any] = {}
        self._blocks: Dict[bytes, Dict[str, str]] = {}

    def decode(self, content: bytes) -> Dict[str, Any]:
        """All PARAMS of a request, each byte as the character of that number (latin-1, as PEP 3333 wants it).

        A header that a client repeated comes as repeated pairs: ``HTTP_COOKIE`` is joined with ``; ``, any other ``HTTP_`` name with ``, ``, of another name
        the last one counts. Pairs without a name are skipped. Raises RemoteProtocolError when a length points beyond the content.
        """
        known = self._prefix and content.startswith(self._prefix)
        params = self._constants.copy() if known else self._base.copy()
        at = len(self._prefix) if known else 0
        expected = len(params)
        # Headers come last. Where they begin is a guess (a value may hold these letters too) until a pair ends exactly there.
        found = content.find(b"HTTP_", at)
        block_at = found - 2
        pairs, at = _decode_into(params, content, at, block_at if block_at >= at else len(content))
        expected += pairs
        guessed = at == block_at or found < 0
        if at < len(content):
            headers = self._headers(content[at:])
            if headers is None:
                return self._plainly(content)
            params.update(headers)
            expected += len(headers)
        # Counting is the cheapest way to notice a repeated name: the dictionary comes out shorter.
        if expected != len(params) or "" in params or not (guessed or params.keys().isdisjoint(self._unwanted)):
            return self._plainly(content)
        if not known:
            self._learn(content)
        return params

    def _plainly(self, content: bytes) -> Dict[str, Any]:
        """Pair by pair. `base` comes last: no web server's word stands in its place."""
        return {**self._wanted(merge_pairs(decode_pairs(content))), **self._base}

    def _wanted(self, params: Dict[str, str]) -> Dict[str, str]:
        return {name: value for name, value in params.items() if name not in self._unwanted}

    def _headers(self, block: bytes) -> Optional[Dict[str, str]]:
        """What a block of pairs at the end of the params means, without what is unwanted; None: a name is repeated in it."""
        headers = self._blocks.get(block)
        if headers is None:
            headers = {}
            pairs, _ = _decode_into(headers, block, 0, len(block))
            if pairs != len(headers):
                return None
            headers = self._wanted(headers)
            if len(block) <= _BLOCK_SIZE:
                if len(self._blocks) >= _BLOCKS_KEPT:
                    self._blocks.clear()
                self._blocks[block] = headers
        return headers

    def _learn(self, content: bytes) -> None:
        """The prefix did not match: from now on it is what this request and the last one that missed have in common, in whole pairs."""
        at = 0
        while at < len(content):
            end = pair_end(content, at)
            if not self._missed.startswith(content[at:end], at):
                break
            at = end
        self._missed = content
        self._prefix = content[:at]
        self._constants = self._plainly(self._prefix)


def _decode_into(params: Dict[str, Any], content: bytes, at: int, stop: int) -> Tuple[int, int]:
    """Decode pairs from offset `at` until one ends at `stop` or beyond. How many there were, and where the last ended. Raises RemoteProtocolError."""
    # Decoding once and slicing text costs a third of decoding every name and value.
    text = content.decode("latin-1")
    pairs = 0
    try:
        while at < stop:
            name_length = content[at]
            value_length = content[at + 1]
            if name_length < 128 and value_length < 128:
                name_at = at + 2
            else:
                name_length, value_length, name_at = two_lengths(content, at)
            value_at = name_at + name_length
            at = value_at + value_length
            params[text[name_at:value_at]] = text[value_at:at]
            pairs += 1
    except IndexError:
        raise RemoteProtocolError("name-value pairs end inside a length") from None
    if at > len(content):
        raise RemoteProtocolError("a name-value pair is longer than what holds it")
    return pairs, at
