"""The control socket's folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fcgipm.system.errors import SystemProblem
from fcgipm.system.folders import make_control_folder


def test_it_is_made(tmp_path: Path) -> None:
    make_control_folder(str(tmp_path / "new"))
    assert (tmp_path / "new").stat().st_mode & 0o777 == (0o755 if os.geteuid() == 0 else 0o700)


def test_ours_is_taken_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    make_control_folder(str(tmp_path))
    assert tmp_path.stat().st_mode & 0o777 == 0o750


def test_one_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(SystemProblem, match="others may write"):
        make_control_folder(str(tmp_path))


def test_a_sticky_one_is_not() -> None:
    make_control_folder("/tmp")


@pytest.mark.root
def test_somebody_elses_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 33, 33)
    with pytest.raises(SystemProblem, match="belongs to user 33"):
        make_control_folder(str(tmp_path))


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemProblem, match="is no folder"):
        make_control_folder(str(tmp_path / "file"))


def test_only_the_last_folder_is_made(tmp_path: Path) -> None:
    with pytest.raises(SystemProblem, match="cannot make the folder"):
        make_control_folder(str(tmp_path / "a" / "b"))
