"""Durations, sizes and octal modes: the texts of the file and the numbers they stand for."""

from __future__ import annotations

import re

OCTAL_DIGITS = "[0-7]"
DURATION = r"[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h)"
SIZE = r"[0-9]{1,12}(B|KiB|MiB|GiB)"
MODE = rf"0?{OCTAL_DIGITS}{{3}}"

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_BYTES = {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10, "B": 1}


def seconds(text: str) -> float:
    """Seconds of `500ms`, `10s`, `5m`, `24h`. Raises ValueError."""
    if not re.fullmatch(DURATION, text, re.ASCII):
        raise ValueError(text)
    number = text.rstrip("hms")
    unit = text[len(number) :]
    return float(number) / 1000 if unit == "ms" else float(number) * _SECONDS[unit]


def octets(text: str) -> int:
    """Bytes of `100B`, `64KiB`, `512MiB`, `2GiB`. Raises ValueError."""
    if not re.fullmatch(SIZE, text, re.ASCII):
        raise ValueError(text)
    number = text.rstrip("BiGKM")
    return int(number) * _BYTES[text[len(number) :]]


def mode(text: str) -> int:
    """The permission bits of `0660` or `660`. Raises ValueError."""
    if not re.fullmatch(MODE, text, re.ASCII):
        raise ValueError(text)
    return int(text, 8)


def duration_text(value: float) -> str:
    """Seconds as the file would say it, in the largest unit that leaves a whole number."""
    for unit, size in _SECONDS.items():
        count = value / size
        if count >= 1 and count == int(count):
            return f"{int(count)}{unit}"
    return f"{value * 1000:.6f}".rstrip("0").rstrip(".") + "ms"


def size_text(value: int) -> str:
    """Bytes as the file would say it, in the largest unit that leaves a whole number."""
    unit = next(unit for unit, size in _BYTES.items() if value % size == 0)
    return f"{value // _BYTES[unit]}{unit}"


def mode_text(value: int) -> str:
    """Permission bits as the file would say them."""
    return f"{value:04o}"
