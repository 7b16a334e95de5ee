"""Finding a child whose pid nobody told."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from fcgipm.system.children import children_with


@pytest.fixture
def child() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process that holds a pipe, and the pipe's other end."""
    read_end, write_end = os.pipe()
    process = subprocess.Popen(["sleep", "60"], stdout=write_end)
    os.close(write_end)
    yield process, read_end
    process.kill()
    process.wait()
    os.close(read_end)


def test_the_child_that_holds_the_pipe(child: tuple[subprocess.Popen[bytes], int]) -> None:
    process, read_end = child
    assert children_with(read_end) == [process.pid]


def test_others_are_left_alone(child: tuple[subprocess.Popen[bytes], int]) -> None:
    read_end, write_end = os.pipe()
    assert children_with(read_end) == []
    os.close(read_end)
    os.close(write_end)
