from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgipm.config import units


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("10s", 10.0), ("5m", 300.0), ("24h", 86400.0), ("1.5s", 1.5), ("75s", 75.0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert units.seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "s", "10 s", "-1s", "1d", "1:30", "10S", "1m30s", "１s", ".5s", "1.s", "1e3s", "10s\n"]
)
def test_texts_that_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError):
        units.seconds(text)


@pytest.mark.parametrize(
    ("text", "size"), [("0B", 0), ("100B", 100), ("64KiB", 65536), ("512MiB", 512 << 20), ("2GiB", 2 << 30)]
)
def test_sizes(text: str, size: int) -> None:
    assert units.octets(text) == size


@pytest.mark.parametrize("text", ["", "64", "KiB", "64KB", "64k", "64 KiB", "-1KiB", "1.5MiB", "64KIB", "64iB"])
def test_texts_that_are_no_sizes(text: str) -> None:
    with pytest.raises(ValueError):
        units.octets(text)


@pytest.mark.parametrize(("text", "mode"), [("0660", 0o660), ("660", 0o660), ("0027", 0o27), ("000", 0)])
def test_modes(text: str, mode: int) -> None:
    assert units.mode(text) == mode


@pytest.mark.parametrize("text", ["", "66", "0800", "07777", "rw-", "1660"])
def test_texts_that_are_no_modes(text: str) -> None:
    with pytest.raises(ValueError):
        units.mode(text)


@given(st.integers(min_value=1, max_value=86_400_000))
def test_a_duration_written_is_read_again(milliseconds: int) -> None:
    assert units.seconds(units.duration_text(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)


@given(st.integers(min_value=0, max_value=1 << 36))
def test_a_size_written_is_read_again(size: int) -> None:
    assert units.octets(units.size_text(size)) == size


@given(st.integers(min_value=0, max_value=0o777))
def test_a_mode_written_is_read_again(mode: int) -> None:
    assert units.mode(units.mode_text(mode)) == mode
