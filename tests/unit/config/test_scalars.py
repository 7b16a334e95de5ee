from __future__ import annotations

import pytest

from fcgipm.config.node import Octal
from fcgipm.config.scalars import VariableError, replaced, typed


@pytest.mark.parametrize("text", ["yes", "no", "on", "off", "y", "n", "True", "FALSE", "Off"])
def test_booleans_are_true_and_false_alone(text: str) -> None:
    assert typed(text) == text


@pytest.mark.parametrize(
    "text", ["1:30", "190:20:30", "0x1F", "0b101", "1_000", ".inf", ".nan", "1e3", "2026-11-22", "=", "<<"]
)
def test_what_else_yaml_1_1_would_not_leave_a_text(text: str) -> None:
    assert typed(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("", None),
        ("~", None),
        ("null", None),
        ("0", 0),
        ("-5", -5),
        ("1.5", 1.5),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_plain_scalars(text: str, value: object) -> None:
    assert typed(text) == value and type(typed(text)) is type(value)


@pytest.mark.parametrize("text", ["0660", "0o660"])
def test_a_zero_in_front_makes_a_number_octal_and_says_so(text: str) -> None:
    value = typed(text)
    assert isinstance(value, Octal) and value == 432


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("${A}", "1"),
        ("x${A}y${B}z", "x1y2z"),
        ("${NONE:-default}", "default"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY}", ""),
        ("${NONE:-}", ""),
        ("${A:-default}", "1"),
        ("${NONE:-a:b/c d}", "a:b/c d"),
        ("$A $ $$ {A}", "$A $ $$ {A}"),
        ("$${A}", "${A}"),
        ("${LOOKS}", "${A}"),
    ],
)
def test_variables(text: str, result: str) -> None:
    assert replaced(text, {"A": "1", "B": "2", "EMPTY": "", "LOOKS": "${A}"}) == result


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("${NONE}", "${NONE:-value}"),
        ("${", "$${"),
        ("${}", "$${"),
        ("${1A}", "$${"),
        ("${A", "$${"),
        ("${A-x}", "${NAME:-default}"),
    ],
)
def test_variables_that_cannot_be_replaced(text: str, way_out: str) -> None:
    with pytest.raises(VariableError) as caught:
        replaced(text, {})
    assert way_out in str(caught.value)
