"""systemd's syntax of environment files (systemd.exec(5), EnvironmentFile=)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgipm.config.envfile import NAME, EnvFileError, parse


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("", {}),
        ("A=1\nB=2\n", {"A": "1", "B": "2"}),
        ("A=1", {"A": "1"}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("# comment\n; comment\n  # indented = comment\n\n \t\nA=1\n", {"A": "1"}),
        ("# a comment ends with its line \\\nA=1\n", {"A": "1"}),
        ("  A = 1 \n", {"A": "1"}),
        ("A=\nB=x\n", {"A": "", "B": "x"}),
        ("A=one word and more \t \nB=x\n", {"A": "one word and more", "B": "x"}),
        ("A=b=c\n", {"A": "b=c"}),
        ("A=x # no comment\n", {"A": "x # no comment"}),
        ("A='single $x \\n'\n", {"A": "single $x \\n"}),
        ('A="double $x \\" \\\\ \\$ \\` \\n"\n', {"A": 'double $x " \\ $ ` \\n'}),
        ('A="one\ntwo"\nB=x\n', {"A": "one\ntwo", "B": "x"}),
        ('A="one\\\ntwo"\n', {"A": "onetwo"}),
        ('A="one\\\\\ntwo"\n', {"A": "one\\\ntwo"}),
        ("A='one\n two'\n", {"A": "one\n two"}),
        ("A='a' \"b\" c\n", {"A": "abc"}),
        ("A=don't\nB=it's\n", {"A": "don't", "B": "it's"}),
        ("A=one\\\ntwo\n", {"A": "onetwo"}),
        ("A=one\\\n", {"A": "one"}),
        ("A=\\$x\\ \\'\\\\\n", {"A": "$x '\\"}),
        ("A=kept\\ \n", {"A": "kept "}),
        ("A=1\r\nB='2'\r\n", {"A": "1", "B": "2"}),
        ("A=${B} $B\n", {"A": "${B} $B"}),
        ("A=ünïcode\n", {"A": "ünïcode"}),
        ("A='not closed' x\\\n  y\n", {"A": "not closedx  y"}),
    ],
)
def test_files(text: str, variables: dict[str, str]) -> None:
    assert parse(text) == variables


@pytest.mark.parametrize(
    ("text", "line", "phrase"),
    [
        ("A=1\nsecret\n", 2, "NAME=value"),
        ("A=1\n\nexport B=secret\n", 3, "variable's name"),
        ("9A=secret\n", 1, "variable's name"),
        ("=secret\n", 1, "variable's name"),
        ("A='x\ny'\nB='secret\n", 3, "never closed"),
        ('A="secret\\"\n', 1, "never closed"),
    ],
)
def test_mistakes_have_their_line_and_never_show_it(text: str, line: int, phrase: str) -> None:
    with pytest.raises(EnvFileError) as caught:
        parse(text)
    assert caught.value.line == line and phrase in str(caught.value) and "secret" not in str(caught.value)


@given(st.text(alphabet=st.sampled_from("AB =\\'\"\n#;$x\t\r")))
def test_any_text_gives_variables_or_an_error(text: str) -> None:
    line, variables = 1, {}
    try:
        variables = parse(text)
    except EnvFileError as error:
        line = error.line
    assert 1 <= line <= text.count("\n") + 1
    assert all(NAME.fullmatch(name) for name in variables)


@given(
    st.dictionaries(
        st.from_regex(NAME, fullmatch=True), st.text(st.characters(exclude_characters="\0\r", codec="utf-8"))
    )
)
def test_values_in_quotes_come_back(variables: dict[str, str]) -> None:
    escaped = {
        name: "".join("\\" + char if char in '"\\`$' else char for char in value) for name, value in variables.items()
    }
    assert parse("".join(f'{name}="{value}"\n' for name, value in escaped.items())) == variables
