"""The kinds of values that keys have. Each checks one value, and says in plain words what would be right; the error adds what is there instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from fcgipm import accesslog
from fcgipm.config import addresses, units
from fcgipm.config.node import Octal

EXPECTED = "fcgipm_expected"
"""Type of an error whose message ends where the value found is to be added."""
SAID = "fcgipm_said"
"""Type of an error whose message says everything."""
MEANT = "fcgipm_meant"
"""Type of an error whose message is what must stand before the value that was found."""

LONGEST_DURATION = 86400.0
SMALLEST_PARAMS, LARGEST_PARAMS = 1 << 10, 64 << 20
SMALLEST_MEMORY = 16 << 20
PERCENTAGE = "(100|[0-9]{1,2})%"

_APPLICATION = r"([A-Za-z_]\w*(\.[A-Za-z_]\w*)*|.*\.py):[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\(\))?"
_FUNCTION = r"([A-Za-z_]\w*(\.[A-Za-z_]\w*)*|.*\.py):[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
_HOST_HEADER = r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?"
TARGET = r"/[!-~]{0,1000}"
_LONE_PATH = re.compile(r"/.*[^/]|[^:]*\.sock")
VARIABLE_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
POOL_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}"
_MOUNT = r"(/[^/?#\s][^/?#]*)*"
PREFIX = r"(/[^/?#\s][^/?#]*)+"


def expected(message: str) -> PydanticCustomError:
    """The value is not what `message` says it must be."""
    return PydanticCustomError(EXPECTED, "{message}", {"message": message})


def said(message: str) -> PydanticCustomError:
    """`message` is the whole error."""
    return PydanticCustomError(SAID, "{message}", {"message": message})


def _text(value: object, message: str) -> str:
    if not isinstance(value, str) or not value:
        raise expected(message)
    return value


def _matching(pattern: str, message: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise expected(message)
        return value

    return check


def _duration(value: object) -> object:
    message = "must be a duration such as 500ms, 10s, 5m or 24h"
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
        raise said(f"must have a unit: {value}s or {value}ms")
    if isinstance(value, float):
        return value
    try:
        number = units.seconds(_text(value, message))
    except ValueError:
        raise expected(message) from None
    if not 0.001 <= number <= LONGEST_DURATION:
        raise expected("must be from 1ms to 24h")
    return number


def _params_size(value: object) -> int:
    message = "must be a size such as 64KiB or 1MiB"
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        raise said(f"must have a unit: {value}B, {value}KiB or {value}MiB")
    try:
        number = units.octets(_text(value, message))
    except ValueError:
        raise expected(message) from None
    if not SMALLEST_PARAMS <= number <= LARGEST_PARAMS:
        raise expected("must be from 1KiB to 64MiB")
    return number


def _unless_zero(check: Callable[[object], Any]) -> Callable[[object], Any]:
    """0 stands for never, or no limit."""
    return lambda value: 0 if isinstance(value, int) and not isinstance(value, bool) and value == 0 else check(value)


def _memory_size(value: object) -> int:
    try:
        number = units.octets(_text(value, "must be a size such as 256MiB, or 0 for no limit"))
    except ValueError:
        raise expected("must be a size such as 256MiB, or 0 for no limit") from None
    if number < SMALLEST_MEMORY:
        raise expected(f"must be at least {units.size_text(SMALLEST_MEMORY)}, less than which no worker needs; or 0 for no limit")
    return number


def _share(value: object) -> float:
    message = "must be a percentage from 0% to 100%"
    if isinstance(value, float):
        return value
    found = re.fullmatch(PERCENTAGE, _text(value, message))
    if found is None:
        raise expected(message)
    return int(found[1]) / 100


def _core_size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        raise said(f"must have a unit: {value}B, {value}KiB or {value}MiB")
    message = "must be 0, or a size such as 512MiB"
    try:
        return 0 if value == 0 and not isinstance(value, (bool, float)) else units.octets(_text(value, message))
    except ValueError:
        raise expected(message) from None


def _access_format(value: object) -> str:
    text = _text(value, "must be json, combined, or a text with fields in braces such as {method}")
    if text != accesslog.JSON:
        try:
            accesslog.check(text)
        except accesslog.FormatError as error:
            raise said(str(error)) from None
    return text


def _mode(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        octal = isinstance(value, Octal)
        digits = units.mode_text(value) if octal else str(value)
        read = (
            f"YAML reads {digits} as the number {int(value)} when it is not in quotes"
            if octal
            else "a number is not enough"
        )
        raise said(f'{read}: write "{digits.zfill(4)}", with the quotes')
    message = 'must be an octal mode in quotes, such as "0660" or "0027"'
    try:
        return units.mode(_text(value, message))
    except ValueError:
        raise expected(message) from None


def _whole(value: object) -> object:
    if isinstance(value, Octal):
        raise said(f"a zero in front makes this {int(value)} for YAML (octal): write the number without it")
    if not isinstance(value, int) or isinstance(value, bool):
        raise expected("must be a whole number")
    return int(value)


def _account(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, (bool, Octal)) and value >= 0:
        return str(value)
    return _text(value, "must be a name or a number of the system's database")


def _address(value: object) -> str:
    if isinstance(value, str) and _LONE_PATH.fullmatch(value):
        raise PydanticCustomError(MEANT, "{message}", {"message": "unix:"})
    try:
        return addresses.normalised(_text(value, f"must be {addresses.FORMS}"))
    except addresses.AddressError as error:
        raise expected(str(error)) from None


def _host(value: object) -> str:
    try:
        return addresses.host(_text(value, "must be an IP address such as 127.0.0.1 or ::1"))
    except addresses.AddressError as error:
        raise expected(str(error)) from None


def _path(value: object) -> str:
    return _text(value, "must be a path")


def _schema(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema(schema)


Text = Annotated[str, BeforeValidator(lambda value: _text(value, "must be a text"))]
Path = Annotated[str, BeforeValidator(_path), _schema(type="string", minLength=1)]
Application = Annotated[
    str,
    BeforeValidator(_matching(_APPLICATION, "must be module:attribute, file.py:attribute or module:factory()")),
    _schema(type="string", pattern=f"^{_APPLICATION}$"),
]
Address = Annotated[str, BeforeValidator(_address), _schema(type="string", pattern=f"^({addresses.PATTERN})$")]
Host = Annotated[str, BeforeValidator(_host), _schema(type="string")]
Duration = Annotated[float, BeforeValidator(_duration), _schema(type="string", pattern=f"^{units.DURATION}$")]
ParamsSize = Annotated[int, BeforeValidator(_params_size), _schema(type="string", pattern=f"^{units.SIZE}$")]
DurationOrNever = Annotated[
    float, BeforeValidator(_unless_zero(_duration)), _schema(anyOf=[{"type": "string", "pattern": f"^{units.DURATION}$"}, {"const": 0}])
]
MemorySize = Annotated[
    int, BeforeValidator(_unless_zero(_memory_size)), _schema(anyOf=[{"type": "string", "pattern": f"^{units.SIZE}$"}, {"const": 0}])
]
Share = Annotated[float, BeforeValidator(_share), _schema(type="string", pattern=f"^{PERCENTAGE}$")]
Target = Annotated[
    str, BeforeValidator(_matching(TARGET, "must be a path such as /healthz")), _schema(type="string", pattern=f"^{TARGET}$")
]
HostHeader = Annotated[
    str,
    BeforeValidator(_matching(_HOST_HEADER, "must be a host such as shop.example or shop.example:8080")),
    _schema(type="string", pattern=f"^{_HOST_HEADER}$"),
]
Function = Annotated[
    str, BeforeValidator(_matching(_FUNCTION, "must be module:function or file.py:function")), _schema(type="string", pattern=f"^{_FUNCTION}$")
]
CoreSize = Annotated[
    int,
    BeforeValidator(_core_size),
    _schema(anyOf=[{"const": 0}, {"type": "string", "pattern": f"^{units.SIZE}$"}]),
]
AccessFormat = Annotated[str, BeforeValidator(_access_format), _schema(type="string", minLength=1)]
Mode = Annotated[int, BeforeValidator(_mode), _schema(type="string", pattern=f"^{units.MODE}$")]
WHOLE = BeforeValidator(_whole)
"""To stand behind the range, `Annotated[int, Field(ge=1), WHOLE]`, so that the range is in the schema too."""
Account = Annotated[str, BeforeValidator(_account), _schema(type=["string", "integer"])]
Mount = Annotated[
    str,
    BeforeValidator(
        _matching(_MOUNT, 'must be empty ("") for the root, or a path prefix such as /shop without a slash at its end')
    ),
    _schema(type="string", pattern=f"^{_MOUNT}$"),
]
Prefix = Annotated[
    str,
    BeforeValidator(_matching(PREFIX, "must be a path prefix such as /static, without a slash at its end")),
    _schema(type="string", pattern=f"^{PREFIX}$"),
]
VariableName = Annotated[
    str, BeforeValidator(_matching(VARIABLE_NAME, "must be a variable's name: letters, digits and _, no digit first"))
]
PoolName = Annotated[
    str, BeforeValidator(_matching(POOL_NAME, "must be at most 32 letters, digits, - and _, a letter or digit first"))
]
