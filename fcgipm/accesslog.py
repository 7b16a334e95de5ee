"""Lines of the access log: what they may hold, and how a request is kept from breaking one. Pure: who calls knows the time.

A format is text with fields in braces, ``{method} {uri} {status}``; ``{{`` and ``}}`` are braces. `JSON` and `COMBINED` are formats with a name. Every line
is ASCII. Text from a request is escaped as in a JSON string (RFC 8259, section 7), each of its bytes one character, as in a WSGI environ; a field that does
not stand in quotes of its own has its spaces escaped too. So each field can be read back, and none can make a line, end a quote or colour a terminal.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii
from string import Formatter
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from fcgipm.memo import MOST, Memo, short

LINE_LIMIT = 4096
"""Bytes, PIPE_BUF: longer lines would not be written in one piece everywhere. Texts of a request are shortened until its line fits."""
FORMAT_LIMIT = 512
"""Characters of a format."""
_ID_LIMIT = 200

JSON, COMBINED = "json", "combined"
_COMBINED = '{client} - - [{time_clf}] "{method} {uri} {protocol}" {status} {bytes_out} "{referer}" "{agent}"'

_TEXT, _PLAIN, _WHOLE, _SMALL, _SECONDS = range(5)
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
    ("referer", _TEXT),
    ("agent", _TEXT),
)
"""What differs from line to line, in the order of an entry; times in whole microseconds. None, and the empty text, are unknown: null in JSON, else a dash.
A plain one is ours, and never unknown; a small one is mostly the same."""
_OFTEN = frozenset(("method", "protocol", "referer", "agent"))
"""Texts that come again and again: what is written of them is remembered, which is a third of the time a line takes."""
_WAYS = {
    "json": "quote({0}) if {0} else 'null'",
    "quoted": "quote({0})[1:-1] if {0} else '-'",
    "bare": "quote({0})[1:-1].replace(' ', '\\\\u0020') if {0} else '-'",
}
"""How a text is written: in JSON, between quotes of the format's own, and without."""
FIELDS = (*(name for name, _ in _ENTRY), "pool", "pid")
_KINDS = dict(_ENTRY)
_JSON_PLACES = {_PLAIN: '"%s"'}
_JSON_FIELDS = ("time", "pool", "pid", *(name for name, _ in _ENTRY if name not in ("time", "time_clf")))

Entry = Sequence[Any]
Render = Callable[..., str]
Line = Callable[..., bytes]
Texts = Tuple[str, str, str, str, str, str, str]
"""Client, method, path, protocol, request id, referer, agent. (A plain tuple: one with names takes four times as long to make.)"""
NO_TEXTS: Texts = ("",) * 7


class FormatError(ValueError):
    """A format that means nothing; the message says what would be right."""


def check(form: str) -> None:
    """Raises FormatError."""
    _parse(form)


def compile_format(form: str, pool: str, pid: int) -> Line:
    """One function from the values of an entry, in its order, to its line, for a format that `check` accepts."""
    template, values = _json_parts(pool, pid) if form == JSON else _text_parts(form, pool, pid)
    names = ", ".join(name for name, _ in _ENTRY)
    # Built from the tables above alone; a format's own text is a literal in it.
    known = _means("null" if form == JSON else "-")
    text = f"{template!r} % ({''.join(value + ', ' for value in values)})"
    render: Render = eval(f"lambda {names}: {text}", known)
    known["cut"] = lambda *entry: _shortened(render, entry)
    line: Line = eval(f"lambda {names}: (text if len(text := {text}) <= {LINE_LIMIT} else cut({names})).encode('ascii')", known)
    return line


def request_texts(params: Mapping[str, str]) -> Texts:
    """Of the params of a request. Take them before an application can change them."""
    get = params.get
    referer = get("HTTP_REFERER", "")
    uri = get("REQUEST_URI") or get("SCRIPT_NAME", "") + get("PATH_INFO", "")
    if "?" in uri or "#" in uri or uri[:1] != "/":
        uri = path_only(uri)
    return (
        get("REMOTE_ADDR", ""),
        get("REQUEST_METHOD", ""),
        uri,
        get("SERVER_PROTOCOL", ""),
        get("REQUEST_ID") or get("HTTP_X_REQUEST_ID", "")[:_ID_LIMIT],
        _PATHS[referer] if referer else "",
        get("HTTP_USER_AGENT", ""),
    )


def path_only(url: str) -> str:
    """A URL without what may be secret: query string, fragment, user and password."""
    path = url.partition("?")[0].partition("#")[0]
    if path[:1] == "/":
        return path
    scheme, separator, rest = path.partition("://")
    if not separator:
        return path
    host, slash, below = rest.partition("/")
    return scheme + separator + host.rpartition("@")[2] + slash + below


_PATHS = Memo(path_only, short)
"""Of referers."""


def sent_at(text: str) -> Optional[float]:
    """When the web server took the request, in seconds since 1970: ``t=1700000000.123``, also in whole milli- or microseconds. None: no such time."""
    number = text[2:] if text.startswith("t=") else text
    if len(number) > 20 or not number.isascii() or not number.replace(".", "", 1).isdigit():
        return None
    value = float(number)
    if value > 1e14:
        return value / 1e6
    return value / 1e3 if value > 1e11 else value


def _parse(form: str) -> List[Tuple[str, Optional[str]]]:
    """The format's text and the field behind each piece of it."""
    if form == COMBINED:
        form = _COMBINED
    if len(form) > FORMAT_LIMIT:
        raise FormatError(f"is longer than {FORMAT_LIMIT} characters")
    if not (form.isascii() and form.isprintable()):
        raise FormatError("may hold printable ASCII characters alone")
    try:
        pieces = [(text, name, spec, conversion) for text, name, spec, conversion in Formatter().parse(form)]
    except ValueError:
        raise FormatError("has a brace too many or too few: fields are {name}, and {{ and }} are braces") from None
    for _, name, spec, conversion in pieces:
        if name is not None and (name not in FIELDS or spec or conversion):
            raise FormatError(f"has no field {{{name}{'!' if conversion else ''}{conversion or ''}{':' if spec else ''}{spec}}}: known are {', '.join(FIELDS)}")
    if all(name is None for _, name, _, _ in pieces):
        raise FormatError(f"names no field: json, combined, or fields in braces such as {{method}}; known are {', '.join(FIELDS)}")
    return [(text, name) for text, name, _, _ in pieces]


def _json_parts(pool: str, pid: int) -> Tuple[str, List[str]]:
    fixed: Dict[str, str] = {"pool": quoted(pool), "pid": str(pid)}
    places = [f'"{name}": {fixed[name].replace("%", "%%") if name in fixed else _JSON_PLACES.get(_KINDS[name], "%s")}' for name in _JSON_FIELDS]
    return "{" + ", ".join(places) + "}\n", [_value(name, "json") for name in _JSON_FIELDS if name not in fixed]


def quoted(text: str) -> str:
    """A text as a JSON string, in ASCII."""
    return encode_basestring_ascii(text)


def _text_parts(form: str, pool: str, pid: int) -> Tuple[str, List[str]]:
    fixed = {"pool": pool, "pid": str(pid)}
    pieces = _parse(form)
    template, values = "", []
    for position, (text, name) in enumerate(pieces):
        template += text.replace("%", "%%")
        if name in fixed:
            template += fixed[name].replace("%", "%%")
        elif name is not None:
            following = pieces[position + 1][0] if position + 1 < len(pieces) else ""
            template += "%s"
            values.append(_value(name, "quoted" if text.endswith('"') and following.startswith('"') else "bare"))
    return template + "\n", values


def _value(name: str, way: str) -> str:
    """The expression for a field: a text is written in one of the _WAYS."""
    kind = _KINDS[name]
    if kind == _TEXT:
        return f"{way}[{name}]" if name in _OFTEN else _WAYS[way].format(name)
    return name if kind == _PLAIN else _number(name, kind, "null" if way == "json" else "-")


def _number(name: str, kind: int, unknown: str) -> str:
    if kind == _SMALL:
        return f"small[{name}]"
    if kind == _SECONDS:  # From a table, in half of the time of "%.6f".
        return f"{unknown!r} if {name} is None else parts[{name} // 1000] + three[{name} % 1000] if {name} < 1000000 else seconds({name})"
    return f"{unknown!r} if {name} is None else {name}"


def _seconds(microseconds: int) -> str:
    return f"{microseconds // 1000000}.{microseconds % 1000000:06}"


def _means(unknown: str) -> Dict[str, Any]:
    """What the values of a line are made with."""
    small = Memo(lambda number: unknown if number is None else str(number), range(MOST).__contains__)
    three = tuple(f"{number:03}" for number in range(1000))
    parts = tuple(f"0.{text}" for text in three)
    known: Dict[str, Any] = {"quote": encode_basestring_ascii, "seconds": _seconds, "small": small, "three": three, "parts": parts}
    return {**known, **{way: Memo(eval(f"lambda text: {value.format('text')}", known), short) for way, value in _WAYS.items()}}


def _shortened(render: Render, entry: Entry) -> str:
    """The longest texts are cut first; what was cut ends in three dots."""
    for limit in (2048, 1024, 512, 256, 128, 64, 32, 0):
        cut = [value if kind != _TEXT or len(value) <= limit else value[:limit] + "..." for value, (_, kind) in zip(entry, _ENTRY)]
        text = render(*cut)
        if len(text) <= LINE_LIMIT:
            return text
    raise AssertionError("a format within its limit fits a line")
