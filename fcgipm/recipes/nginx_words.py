"""What a value looks like in nginx's own notation."""

from __future__ import annotations

import re

from fcgipm.recipes import NoRecipe

_PLAIN = re.compile(r"[\w./:@%+,~*\[\]=-]+", re.ASCII)
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}


def word(text: str) -> str:
    """One argument of a directive, in quotes when it needs them. Raises NoRecipe for what nginx cannot express."""
    if _PLAIN.fullmatch(text):
        return text
    if "$" in text or not text.isprintable():
        raise NoRecipe(f"nginx takes the $ or the control characters in {text!r} for something else: choose another name")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def words(text: str) -> str:
    """Several arguments, as they stand between blanks."""
    return " ".join(word(part) for part in text.split())


def upstream(address: str) -> str:
    """The address of a pool's listener as nginx connects to it: one that listens everywhere is met on this machine."""
    host, colon, port = address.rpartition(":")
    return word(address if address.startswith("unix:") else _EVERYWHERE.get(host, host) + colon + port)


def seconds(value: float) -> str:
    """A time in nginx's notation, rounded down to whole seconds where there are any."""
    return f"{int(value)}s" if value >= 1 else f"{int(value * 1000)}ms"
