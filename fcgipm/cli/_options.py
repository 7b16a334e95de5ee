"""Errors of a configuration that a command has made: told in the words of that command line, for nobody has seen the file."""

from __future__ import annotations

import re

from fcgipm.config.errors import printable

_KEYS = (
    (r"pools\.app\.app", "MODULE:APP"),
    (r"pools\.app\.listen(?:\.address)?", "--listen"),
    (r"pools\.app\.workers(?:\.\w+)?", "--workers"),
    (r"pools\.app\.directory", "this folder"),
    (r"pools\.app\.python", "VIRTUAL_ENV"),
    (r"pools\.app\.inherit_env(?:\.[0-9]+)?", "the environment"),
    (r"http\.0\.listen(?:\.address)?", "--http"),
    (r"http\.0\.static", "--static"),
    (r"http\.0\.static\.(?P<below>.*?)", "--static"),
    (r"control(?:\.path)?", "TMPDIR"),
)
"""Keys of the file → where their values come from."""

_STARTS = {"http for pool app: ": "--http: ", "pool app: ": "--listen: "}
"""How problems with a listening socket begin."""


def in_options(text: str, file: str, listen: str = "--listen") -> str:
    """A line of the daemon with the options of the command in the place of what `file` says; `listen` is where the pool's address comes from."""
    place = re.escape(printable(file)) + ":[0-9]+:[0-9]+"
    for key, name in _KEYS:
        text = re.sub(rf"{place}: {key}: ", lambda found, name=name: _named(found, name, listen), text)  # type: ignore[misc]
    for start, name in _STARTS.items():
        text = text.replace(f"fcgipm: {start}", f"fcgipm serve: {name}")
    return re.sub(rf" \({place}\)", "", text).replace(" is taken: pool app listens there;", " is taken: --listen names it too;")


def _named(found: re.Match[str], name: str, listen: str) -> str:
    below = found.groupdict().get("below")
    return f"fcgipm serve: {listen if name == '--listen' else name}: " + (f"{below}: " if below else "")
