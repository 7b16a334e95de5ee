"""What a scalar of the file means.

YAML 1.1, which PyYAML speaks, surprises: `off` is false, 1:30 is 90, 0x1F is 31, 1_000 is 1000. Here a plain scalar is null, true, false, a decimal
number, or else the text that it looks like. Quoted scalars are always text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fcgipm.config.node import Octal, Scalar
from fcgipm.config.units import OCTAL_DIGITS

_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})", re.ASCII)
_FRACTION = re.compile(r"[-+]?[0-9]{1,300}\.[0-9]*([eE][-+]?[0-9]{1,3})?", re.ASCII)
_OCTAL = re.compile(rf"0o?({OCTAL_DIGITS}{{1,18}})", re.ASCII)
_WORDS: Mapping[str, Scalar | None] = {"true": True, "false": False, "": None, "~": None, "null": None}
_VARIABLE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?", re.ASCII)


class VariableError(Exception):
    """A `${…}` that cannot be replaced; the text says why and what to write."""


def typed(text: str) -> Scalar | None:
    """The value of a plain (unquoted) scalar; None is YAML's null."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if octal := _OCTAL.fullmatch(text):
        return Octal(octal[1], 8)
    return float(text) if _FRACTION.fullmatch(text) else text


def replaced(text: str, environ: Mapping[str, str]) -> str:
    """`text` with `${NAME}` and `${NAME:-default}` replaced (the default also for an empty variable, as in a shell); `$${` stands for `${`.

    Raises VariableError.
    """
    return _VARIABLE.sub(lambda found: _value(found, environ), text)


def _value(found: re.Match[str], environ: Mapping[str, str]) -> str:
    name, default = found[1], found[2]
    if found[0] == "$${":
        return "${"
    if name is None:
        raise VariableError("`${` must begin ${NAME} or ${NAME:-default}; for the characters themselves write $${")
    value = environ.get(name, "")
    if not value and default is not None:
        return str(default)
    if name not in environ:
        raise VariableError(
            f"the environment variable {name} is not set: set it, or write a default, ${{{name}:-value}}"
        )
    return value
