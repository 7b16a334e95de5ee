"""Lines of the access log: what they may hold, and how a request is kept from breaking one. Pure: who calls knows the time.

A format is text with fields in braces, ``{method} {uri} {status}``; ``{{`` and ``}}`` are braces. `JSON` and `COMBINED` are formats with a name. Every line
is ASCII. Text from a request is escaped as in a JSON string (RFC 8259, section 7), each of its bytes one character, as in a WSGI environ; a field that does
not stand in quotes of its own has its spaces escaped too. So each field can be read back, and none can make a line, end a quote or colour a terminal.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii
from string import Formatter
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, cast

from fcgipm.memo import MOST, Memo, short
from fcgipm.urls import path_only

LINE_LIMIT = 4096
"""Bytes, PIPE_BUF: longer lines would not be written in one piece everywhere. Texts of a request are shortened until its line fits."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FORMAT_LIMIT = 512
"""Characters of a format."""
_ID_LIMIT = 200

JSON, COMBINED = "json", "combined"
_COMBINED = '{client} - - [{time_clf}] "{method} {uri} {protocol}" {status} {bytes_out} "{referer}" "{agent}"'

_TEXT, _URL, _PLAIN, _WHOLE, _SMALL, _SECONDS = range(6)
_ENTRY = (
    ("time", _PLAIN),
    ("time_clf", _PLAIN),
    ("client", _TEXT),
    ("method", _TEXT),
    ("uri", _TEXT),
    ("protocol", _TEXT),
    ("status", _SMALL),
    ("bytes_in", _SMALL),
    ("bytes_out", _WHOLE),
    ("duration", _SECONDS),
    ("cpu", _SECONDS),
    ("wait", _SECONDS),
    ("request_id", _TEXT),
    ("referer", _URL),
    ("agent", _TEXT),
)
"""What differs from line to line, in the order of an entry; times in whole microseconds. None, and the empty text, are unknown: null in JSON, else a dash.
A plain one is ours, and never unknown; a small one is mostly the same; of a URL no more is written than `path_only` leaves."""
_OFTEN = frozenset(("method", "protocol", "referer", "agent"))
"""Texts that come again and again: what is written of them is remembered, which is a third of the time a line takes."""
_WAYS = {
    "json": "quote({0}) if {0} else 'null'",
    "quoted": "quote({0})[1:-1] if {0} else '-'",
    "bare": "quote({0})[1:-1].replace(' ', space) if {0} else '-'",
}
"""How a text is written: in JSON, between quotes of the format's own, and without."""
FIELDS = (*(name for name, _ in _ENTRY), "pool", "pid")
_KINDS = dict(_ENTRY)
_JSON_FIELDS = ("time", "pool", "pid", *(name for name, _ in _ENTRY if name not in ("time", "time_clf")))

_quote: Callable[[str], str] = encode_basestring_ascii
"""A text as a JSON string, in ASCII."""

_TOOLS = {"quote": _quote, "space": "\\u0020"}
"""What the _WAYS are written with."""
_THREE = tuple(f"{number:03}" for number in range(1000))
_SHORT = tuple(f"0.000{text}" for text in _THREE)
"""Seconds, by microseconds below a thousandth."""

Line = Callable[..., bytes]
Texts = Tuple[str, str, str, str, str, str, str]
"""Client, method, path, protocol, request id, referer, agent. (A plain tuple: one with names takes four times as long to make.)"""
NO_TEXTS: Texts = ("",) * 7
Piece = Tuple[str, Optional[str], str]
"""Text of the format, the field behind it, one of the _WAYS for that."""

_LINE = """
def line(time, time_clf, texts, status, bytes_in, bytes_out, duration, cpu, wait, limit=2048):
    client, method, uri, protocol, request_id, referer, agent = texts
    text = {text}
    if len(text) <= {limit}:
        return text.encode()
    return line(time, time_clf, shortened(texts, limit), status, bytes_in, bytes_out, duration, cpu, wait, limit // 2)
"""


class FormatError(ValueError):
    """A format that means nothing; the message says what would be right."""


def check(form: str) -> None:
    """Raises FormatError."""
    _parse(form)


def has_field(form: str, field: str) -> bool:
    """Whether a line of this format has that field."""
    return form == JSON or any(name == field for _, name in _parse(form))


def compile_format(form: str, pool: str, pid: int) -> Line:
    """One function from an entry to its line, for a format that `check` accepts; an entry's texts are one value of it, `Texts`, where the first stands."""
    unknown = "null" if form == JSON else "-"
    known: Dict[str, Any] = {**_TOOLS, "short": _SHORT, "seconds": _seconds, "shortened": _shortened}
    text = _expression(_json_pieces(pool, pid) if form == JSON else _text_pieces(form, pool, pid), unknown, known)
    # Built from the tables above alone; a format's own text is a literal in it.
    exec(_LINE.format(text=text, limit=LINE_LIMIT), known)
    line: Line = known["line"]
    return line


def request_texts(params: Mapping[str, str], path: str) -> Texts:
    """Of the params of a request, whose `request_path` is known. Take them before an application can change them."""
    get = params.get
    return (
        get("REMOTE_ADDR", ""),
        get("REQUEST_METHOD", ""),
        path,
        get("SERVER_PROTOCOL", ""),
        get("REQUEST_ID") or get("HTTP_X_REQUEST_ID", "")[:_ID_LIMIT],
        get("HTTP_REFERER", ""),
        get("HTTP_USER_AGENT", ""),
    )


def sent_at(text: str) -> Optional[float]:
    """When the web server took the request, in seconds since 1970: ``t=1700000000.123``, also in whole milli- or microseconds. None: no such time."""
    number = text[2:] if text.startswith("t=") else text
    if len(number) > 20 or not number.isascii() or not number.replace(".", "", 1).isdigit():
        return None
    value = float(number)
    if value > 1e14:
        return value / 1e6
    return value / 1e3 if value > 1e11 else value


def clf(moment: Sequence[int]) -> str:
    """A time in UTC, from the year to the second, as the Common Log Format writes it: in English, whatever the application's locale says."""
    year, month, day, hour, minute, second = moment[:6]
    return f"{day:02}/{_MONTHS[month - 1]}/{year}:{hour:02}:{minute:02}:{second:02} +0000"


def _parse(form: str) -> List[Tuple[str, Optional[str]]]:
    """The format's text and the field behind each piece of it."""
    if form == COMBINED:
        form = _COMBINED
    if len(form) > FORMAT_LIMIT:
        raise FormatError(f"is longer than {FORMAT_LIMIT} characters")
    if not (form.isascii() and form.isprintable()):
        raise FormatError("may hold printable ASCII characters alone")
    try:
        pieces = list(Formatter().parse(form))
    except ValueError:
        raise FormatError("has a brace too many or too few: fields are {name}, and {{ and }} are braces") from None
    for _, name, spec, conversion in pieces:
        if name is not None and (name not in FIELDS or spec or conversion):
            raise FormatError(f"has no field {{{name}{'!' if conversion else ''}{conversion or ''}{':' if spec else ''}{spec}}}: known are {', '.join(FIELDS)}")
    if all(name is None for _, name, _, _ in pieces):
        raise FormatError(f"names no field: json, combined, or fields in braces such as {{method}}; known are {', '.join(FIELDS)}")
    return [(text, name) for text, name, _, _ in pieces]


def _json_pieces(pool: str, pid: int) -> List[Piece]:
    fixed = {"pool": _quote(pool), "pid": str(pid)}
    pieces: List[Piece] = []
    text = "{"
    for name in _JSON_FIELDS:
        text += f'"{name}":'
        if name in fixed:
            text += f"{fixed[name]},"
        else:
            plain = _KINDS[name] == _PLAIN
            pieces.append((text + '"' * plain, name, "json"))
            text = '"' * plain + ","
    return [*pieces, ("}\n", None, "")]


def _text_pieces(form: str, pool: str, pid: int) -> List[Piece]:
    fixed = {"pool": pool, "pid": str(pid)}
    parsed = _parse(form)
    pieces: List[Piece] = []
    text = ""
    for (before, name), (behind, _) in zip(parsed, [*parsed[1:], ("", None)]):
        text += before
        if name in fixed:
            text += fixed[name]
        elif name is not None:
            pieces.append((text, name, "quoted" if text.endswith('"') and behind.startswith('"') else "bare"))
            text = ""
    return [*pieces, (text + "\n", None, "")]


def _expression(pieces: Sequence[Piece], unknown: str, known: Dict[str, Any]) -> str:
    """The line as an f-string; what it is to know is put into `known`. What is remembered of a value includes the text behind it."""
    parts: List[str] = []
    remembered = False
    for number, ((text, name, way), (behind, _, _)) in enumerate(zip(pieces, [*pieces[1:], pieces[-1]])):
        if not remembered:
            parts.append(repr(text))
        if name is not None:
            kind = _KINDS[name]
            remembered = name in _OFTEN or kind == _SMALL
            if remembered:
                known[f"known{number}"], known[f"make{number}"] = _memo(kind, way, unknown, behind)
                value = f"known{number}({name}) or make{number}({name})"
            else:
                value = _value(name, kind, way, unknown)
            parts.append(f'f"""{{{value}}}"""')
    return " ".join(parts)


def _memo(kind: int, way: str, unknown: str, behind: str) -> Tuple[Callable[[Any], Optional[str]], Callable[[Any], str]]:
    """What is remembered of a field, and how it is made."""
    if kind == _SMALL:
        small: Memo[Optional[int], str] = Memo(lambda number: (unknown if number is None else str(number)) + behind, range(MOST).__contains__)
        return small.get, small.learn
    write: Callable[[str], str] = eval(f"lambda text: {_WAYS[way].format('text')}", dict(_TOOLS))
    texts: Memo[str, str] = Memo(lambda text: write(path_only(text) if kind == _URL else text) + behind, short)
    return texts.get, texts.learn


def _value(name: str, kind: int, way: str, unknown: str) -> str:
    """The expression for a field that is made anew for each line."""
    if kind == _TEXT:
        return _WAYS[way].format(name)
    if kind == _SECONDS:  # From a table, in a quarter of the time of "%.6f".
        return f"{unknown!r} if {name} is None else short[{name}] if {name} < 1000 else seconds({name})"
    return name if kind == _PLAIN else f"{unknown!r} if {name} is None else {name}"


def _seconds(microseconds: int) -> str:
    thousands, rest = divmod(microseconds, 1000)
    return f"{thousands // 1000}.{_THREE[thousands % 1000]}{_THREE[rest]}"


def _shortened(texts: Texts, limit: int) -> Texts:
    """What was cut ends in three dots. (Of a URL the path is taken first: with its end cut off, a password would not be known as one.)"""
    client, method, uri, protocol, request_id, referer, agent = texts
    whole = (client, method, uri, protocol, request_id, path_only(referer), agent)
    return cast(Texts, tuple(text if len(text) <= limit else text[:limit] + "..." for text in whole))
