"""Lines of the access log: every field can be read back, and no request makes a second line."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgipm.accesslog import (
    COMBINED,
    FIELDS,
    JSON,
    LINE_LIMIT,
    FormatError,
    check,
    clf,
    compile_format,
    request_texts,
    sent_at,
)
from fcgipm.urls import path_only, request_path

BYTES = st.binary(max_size=80).map(lambda data: data.decode("latin-1"))
"""What a param may be: any bytes, a character each."""
NASTY = st.sampled_from(["\r\n", '"', "\\", "\\u000a", "\x1b[31m", "\x85", "\u00ff", " ", "%s", "{uri}", "-", "\x7f"])
TEXT = st.lists(BYTES | NASTY, max_size=4).map("".join)
WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
TIMES = ("2026-11-22T12:00:00.123Z", "22/Nov/2026:12:00:00 +0000")


def entry(texts: list[str], numbers: bool = True) -> tuple[object, ...]:
    figures = (7, 8, 250000, 125000, 500000) if numbers else (None,) * 5
    return (*TIMES, tuple(texts), 200, *figures)


def written(texts: list[str]) -> list[str]:
    """What a line holds of them: of the referer no secrets."""
    return [path_only(text) if number == 5 else text for number, text in enumerate(texts)]


def unescaped(text: str) -> str:
    return str(json.loads(f'"{text}"'))


def is_one_plain_line(line: bytes) -> bool:
    return len(line) <= LINE_LIMIT and line.endswith(b"\n") and all(0x20 <= byte < 0x7F for byte in line[:-1])


@given(st.lists(TEXT, min_size=7, max_size=7))
def test_json_gives_every_field_back(texts: list[str]) -> None:
    line = compile_format(JSON, "web", 12)(*entry(texts))
    assert is_one_plain_line(line)
    record = json.loads(line)
    names = ("client", "method", "uri", "protocol", "request_id", "referer", "agent")
    assert [record[name] for name in names] == [text or None for text in written(texts)]
    assert (record["time"], record["pool"], record["pid"], record["status"], record["wait"]) == (TIMES[0], "web", 12, 200, 0.5)


@given(st.lists(TEXT, min_size=7, max_size=7))
def test_a_format_gives_every_field_back(texts: list[str]) -> None:
    names = ("client", "method", "uri", "protocol", "request_id", "referer", "agent")
    form = " ".join(f"{{{name}}}" for name in names[:4]) + " " + " ".join(f'"{{{name}}}"' for name in names[4:])
    line = compile_format(form, "web", 12)(*entry(texts))
    assert is_one_plain_line(line)
    found = [unescaped(quoted or bare) for quoted, bare in WORD.findall(line.decode())]
    assert found == [text or "-" for text in written(texts)]


@given(st.lists(TEXT, min_size=7, max_size=7))
def test_combined_is_one_line_of_nine_parts(texts: list[str]) -> None:
    line = compile_format(COMBINED, "web", 12)(*entry(texts))
    assert is_one_plain_line(line)
    assert re.fullmatch(rb'\S+ - - \[[^]]+\] "(?:[^"\\]|\\.)*" 200 8 "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"\n', line)


@given(st.integers(0, 6), st.integers(500, 70000), st.sampled_from(["a", "\n", "\xff"]), st.sampled_from([JSON, COMBINED]))
def test_a_long_line_is_cut_and_stays_whole(which: int, size: int, character: str, form: str) -> None:
    texts = ["x"] * 7
    texts[which] = character * size
    line = compile_format(form, "web", 12)(*entry(texts))
    assert is_one_plain_line(line)
    if form == JSON:
        json.loads(line)


def test_the_longest_format_with_the_longest_texts_fits() -> None:
    form = ("{time}" * 100)[:510]
    assert is_one_plain_line(compile_format(form, "web", 12)(*entry(["x" * 65536] * 7)))
    assert is_one_plain_line(compile_format("{pool}" * 84 + "{uri}", "w" * 32, 12)(*entry(["x" * 65536] * 7)))
    form = "{uri}" * 100
    assert is_one_plain_line(compile_format(form, "web", 12)(*entry(["\n" * 65536] * 7)))


def test_a_referer_that_is_cut_keeps_no_password() -> None:
    """Cut in the middle of its user and password, it would not be known as a URL with one."""
    texts = ["", "GET", "/" + "x" * 8000, "", "", "http://user:" + "secret" * 1000 + "@host/path", ""]
    line = compile_format(JSON, "web", 12)(*entry(texts))
    assert b"secret" not in line and json.loads(line)["referer"] == "http://host/path"


@pytest.mark.parametrize(("microseconds", "text"), [(0, "0.000000"), (999, "0.000999"), (1000, "0.001000"), (61_000_007, "61.000007")])
def test_times_are_written_in_seconds(microseconds: int, text: str) -> None:
    assert compile_format("{duration} {cpu}", "web", 12)(*TIMES, ("",) * 7, 200, 0, 0, microseconds, 1, None) == f"{text} 0.000001\n".encode()


def test_what_is_not_known() -> None:
    unknown = entry([""] * 7, numbers=False)
    assert compile_format("{client} {bytes_in} {duration} {pool}[{pid}] {{}} 100%", "web", 12)(*unknown) == b"- - - web[12] {} 100%\n"
    record = json.loads(compile_format(JSON, "web", 12)(*unknown))
    assert record["duration"] is None and record["agent"] is None and set(record) == set(FIELDS) - {"time_clf"}


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ("{urI}", r"has no field \{urI\}: known are time, time_clf, client"),
        ("{uri!r}", "has no field {uri!r}"),
        ("{uri:5}", "has no field {uri:5}"),
        ("{uri", "brace too many or too few"),
        ("}", "brace too many or too few"),
        ("jsn", "names no field"),
        ("{uri}\n", "printable ASCII"),
        ("{uri}é", "printable ASCII"),
        ("{uri}" + "x" * 512, "longer than 512"),
        ("{}", "has no field {}"),
        ("{uri.__class__}", "has no field"),
    ],
)
def test_formats_that_mean_nothing(form: str, problem: str) -> None:
    with pytest.raises(FormatError, match=problem):
        check(form)


def test_texts_of_a_request() -> None:
    params = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/s", "PATH_INFO": "/p", "HTTP_X_REQUEST_ID": "i" * 300, "HTTP_REFERER": "http://a/b?c"}
    assert request_texts(params, request_path(params)) == ("", "GET", "/s/p", "", "i" * 200, "http://a/b?c", "")


def test_a_time_of_the_common_log_format() -> None:
    """In English, whatever months are called in the application's locale."""
    months = "".join(clf(time.strptime(f"1 {month} 2026 4:05:06", "%d %m %Y %H:%M:%S"))[3:6] for month in range(1, 13))
    assert months == "JanFebMarAprMayJunJulAugSepOctNovDec"
    assert clf(time.gmtime(0)) == "01/Jan/1970:00:00:00 +0000"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1700000000.123", 1700000000.123),
        ("t=1700000000.5", 1700000000.5),
        ("t=1700000000500", 1700000000.5),
        ("1700000000500000", 1700000000.5),
        *((bad, None) for bad in ("", "t=", "nan", "inf", "-1", "1e9", "1.2.3", "9" * 30, "١", ".")),
    ],
)
def test_when_the_web_server_took_it(text: str, seconds: float | None) -> None:
    assert sent_at(text) == seconds
