"""Files of environment variables in systemd's syntax (systemd.exec(5), EnvironmentFile=).

Lines `NAME=value`; `#` or `;` first makes a comment; a backslash at the end of a line continues it. Values may stand in ' ' (as they are) or in " " (a
backslash takes the meaning from " \\ ` $), also over several lines; quotes inside an unquoted value are ordinary characters. Nothing is replaced.
systemd passes over what it does not understand; here it is an error.
"""

from __future__ import annotations

import re

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

_LINE = re.compile(r"[ \t]*(?:[#;][^\n]*)?(?:\n|$)")
_KEY = re.compile(r"[ \t]*(?:([^=\n]*?)[ \t]*=)?")
_SPACE = re.compile(r"[ \t\r]*")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BARE = re.compile(r"(?:[^\\\n]|\\.|\\$)*", re.DOTALL)


class EnvFileError(Exception):
    """A line that sets no variable; has its number, from 1, and says what would be right (never what the line holds)."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


def parse(text: str) -> dict[str, str]:
    """The variables that `text` sets; of a name given twice, the last. Raises EnvFileError."""
    variables: dict[str, str] = {}
    at = 0
    text = text.replace("\r\n", "\n")
    while at < len(text):
        blank = _LINE.match(text, at)
        if blank:
            at = blank.end()
            continue
        name, at = _name(text, at)
        variables[name], at = _value(text, at)
    return variables


def _name(text: str, at: int) -> tuple[str, int]:
    found = _KEY.match(text, at)
    assert found is not None
    if found[1] is None:
        raise _error(text, at, "is no NAME=value, and no comment (#) either")
    if not NAME.fullmatch(found[1]):
        raise _error(text, at, "does not begin with a variable's name (letters, digits and _, no digit first) and =")
    return found[1], found.end()


def _value(text: str, at: int) -> tuple[str, int]:
    """The value that begins at `at`, and where the next line begins."""
    value = ""
    while True:
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
        if text[at : at + 1] in ("", "\n"):
            return value, at + 1
        if text[at] not in "'\"":
            rest, at = _bare(text, at)
            return value + rest, at
        part, at = _quoted(text, at)
        value += part


def _quoted(text: str, at: int) -> tuple[str, int]:
    found = (_SINGLE if text[at] == "'" else _DOUBLE).match(text, at)
    if found is None:
        raise _error(text, at, "opens quotes that are never closed")
    if text[at] == "'":
        return found[1], found.end()
    return re.sub(r'\\(["\\`$\n])', _unescaped, found[1]), found.end()


def _bare(text: str, at: int) -> tuple[str, int]:
    found = _BARE.match(text, at)
    assert found is not None
    kept = re.sub(r"(?<!\\)[ \t\r]+\Z", "", found[0])
    return re.sub(r"\\(.?)", _unescaped, kept, flags=re.DOTALL), found.end() + 1


def _unescaped(found: re.Match[str]) -> str:
    """The character after a backslash; a line that is continued leaves nothing."""
    return "" if found[1] == "\n" else found[1]


def _error(text: str, at: int, problem: str) -> EnvFileError:
    return EnvFileError(text.count("\n", 0, at) + 1, problem)
