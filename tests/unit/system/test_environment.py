from __future__ import annotations

from pathlib import Path

import pytest

from fcgipm.system.accounts import Identity
from fcgipm.system.environment import EnvironmentFileError, environment, inherited, read_environment_file

WHO = Identity("shop", 1234, 1234, (1234,), "/srv/shop", switched=True)


def test_five_variables_and_nothing_else() -> None:
    assert environment(WHO, {}, {}, {}) == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/srv/shop",
        "USER": "shop",
        "LOGNAME": "shop",
    }


def test_each_source_lies_over_the_ones_before() -> None:
    found = environment(WHO, {"LANG": "f", "A": "f", "B": "f"}, {"A": "i", "B": "i"}, {"B": "e"})
    assert (found["LANG"], found["A"], found["B"]) == ("f", "i", "e")


def test_inherited_variables_that_are_not_set_are_passed_over() -> None:
    assert inherited(["A", "B"], {"A": "1", "C": "3"}) == {"A": "1"}


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("A='x y'\n")
    assert read_environment_file(str(file)) == {"A": "x y"}


@pytest.mark.parametrize(
    ("data", "phrase"),
    [
        (b"A=1\nsecret\n", ":2: is no NAME=value"),
        (b"A=1\nB=\xff\n", ":2: is not UTF-8"),
        (b"A=x\0y\n", "NUL"),
        (b"A=1\n" * (1 << 19), "larger than 1 MiB"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, data: bytes | None, phrase: str) -> None:
    file = tmp_path / "env"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(EnvironmentFileError) as caught:
        read_environment_file(str(file))
    assert str(caught.value).startswith(str(file)) and phrase in str(caught.value) and "secret" not in str(caught.value)
