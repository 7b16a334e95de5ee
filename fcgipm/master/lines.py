"""Output of processes as lines that are safe to log: bounded, with control characters escaped."""

from __future__ import annotations

LINE_LIMIT = 8192
"""Bytes; a longer line goes on in the next one."""

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x09} | {
    code: f"\\u{code:04x}" for code in (0x061C, 0x200B, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC))
}
"""C0 but the tab, DEL, C1; Unicode's line ends; what turns the direction of writing, and what is not seen: nothing an application writes may move
a terminal's cursor, forge a line, or look like another one."""


class LineSplitter:
    """Bytes in, clean lines out."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completed."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_LIMIT:
            cut = len(self._rest) - len(self._rest) % LINE_LIMIT
            lines.append(self._rest[:cut])
            self._rest = self._rest[cut:]
        return [clean(piece) for line in lines for piece in _pieces(line)]

    def end(self) -> list[str]:
        """What was left without a line end."""
        rest, self._rest = self._rest, b""
        return [clean(rest)] if rest else []


def clean(line: bytes) -> str:
    """A line as printable text; bytes that are no UTF-8 are shown as escapes."""
    text = line.rstrip(b"\r").decode("utf-8", "backslashreplace")
    return text if text.isprintable() else text.translate(_ESCAPES)


def _pieces(line: bytes) -> list[bytes]:
    if len(line) <= LINE_LIMIT:
        return [line]
    return [line[start : start + LINE_LIMIT] for start in range(0, len(line), LINE_LIMIT)]
