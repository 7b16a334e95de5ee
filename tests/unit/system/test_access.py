"""What keeps a user from a path, told from modes and owners: no test here needs to be that user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fcgipm.system.access import ENTER, READ, WRITE, missing, obstacle
from fcgipm.system.accounts import Identity

STRANGER = Identity("stranger", 54321, 54321, (54321,), "/", switched=True)
ROOT = Identity("root", 0, 0, (0,), "/root", switched=True)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can reach (pytest's own have mode 700)."""
    with TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(os.path.realpath(name))


def folder(parent: Path, name: str, mode: int) -> Path:
    made = parent / name
    made.mkdir()
    made.chmod(mode)
    return made


def test_nothing_is_in_the_way(open_folder: Path) -> None:
    assert obstacle(str(folder(open_folder, "a", 0o755)), STRANGER, READ | ENTER) is None


@pytest.mark.parametrize("below", ["", "/x", "/x/y", "/./x/../x/y"])
def test_the_folder_that_forbids_it_is_named(open_folder: Path, below: str) -> None:
    closed = folder(open_folder, "closed", 0o700)
    (closed / "x" / "y").mkdir(parents=True)
    said = obstacle(f"{closed}{below}", STRANGER, READ | ENTER)
    assert (
        said is not None and said.startswith(f"the folder {closed} (mode 0700, owner ") and "to user stranger" in said
    )
    assert f"chmod o+{'x' if below else 'rx'} {closed}" in said


def test_entering_is_enough_on_the_way_but_not_at_the_end(open_folder: Path) -> None:
    passage = folder(open_folder, "passage", 0o711)
    inner = folder(passage, "inner", 0o755)
    assert obstacle(str(inner), STRANGER, READ | ENTER) is None
    assert obstacle(str(passage), STRANGER, ENTER) is None
    assert obstacle(str(passage), STRANGER, READ | ENTER) is not None


def test_links_are_followed_through_every_folder(open_folder: Path) -> None:
    closed = folder(open_folder, "closed", 0o700)
    (closed / "python").touch(mode=0o755)
    venv = folder(open_folder, "venv", 0o755)
    (venv / "python").symlink_to("../closed/python")
    (venv / "again").symlink_to(str(venv / "python"))
    for link in ("python", "again"):
        said = obstacle(str(venv / link), STRANGER, ENTER)
        assert said is not None and said.startswith(f"the folder {closed} ")
    closed.chmod(0o711)
    assert obstacle(str(venv / "again"), STRANGER, ENTER) is None


def test_links_in_a_circle(open_folder: Path) -> None:
    (open_folder / "a").symlink_to("b")
    (open_folder / "b").symlink_to("a")
    said = obstacle(str(open_folder / "a"), STRANGER, READ)
    assert said is not None and "symbolic links" in said


def test_what_does_not_exist_is_an_obstacle(open_folder: Path) -> None:
    assert obstacle(str(open_folder / "none"), STRANGER, READ) == f"{open_folder}/none: No such file or directory"


def test_files(open_folder: Path) -> None:
    file = open_folder / "python"
    file.touch()
    file.chmod(0o644)
    assert obstacle(str(file), STRANGER, READ) is None
    said = obstacle(str(file), STRANGER, ENTER)
    assert said is not None and said.startswith(f"the file {file} (mode 0644, owner ")


def test_the_first_class_that_fits_decides(open_folder: Path) -> None:
    """path_resolution(7): an owner gets the owner's bits, even where others have more."""
    info = open_folder.stat()
    owner = Identity("owner", 54321, 54321, (), "/", switched=True)
    if os.geteuid() == 0:
        made = folder(open_folder, "a", 0o077)
        os.chown(made, 54321, -1)
        assert obstacle(str(made), owner, ENTER) is not None
    group = Identity("member", 54321, 54321, (info.st_gid,), "/", switched=True)
    assert obstacle(str(folder(open_folder, "b", 0o707)), group, ENTER) is not None
    assert obstacle(str(folder(open_folder, "c", 0o770)), group, READ | WRITE | ENTER) is None
    assert obstacle(str(open_folder / "c"), STRANGER, ENTER) is not None


def test_root_enters_everything_and_runs_what_anybody_may(open_folder: Path) -> None:
    closed = folder(open_folder, "closed", 0o000)
    assert obstacle(str(closed), ROOT, READ | ENTER) is None
    closed.chmod(0o700)
    file = closed / "x"
    file.touch(mode=0o600)
    assert obstacle(str(file), ROOT, READ) is None
    assert obstacle(str(file), ROOT, ENTER) is not None


def test_missing(open_folder: Path) -> None:
    (open_folder / "file").touch()
    assert missing(str(open_folder), folder=True) is None
    assert missing(str(open_folder / "file"), folder=False) is None
    assert missing(str(open_folder), folder=False) == f"{open_folder} is a folder"
    assert missing(str(open_folder / "file"), folder=True) == f"{open_folder}/file is no folder"
    assert missing(str(open_folder / "none"), folder=True) == f"{open_folder}/none does not exist"
    assert missing(str(open_folder / "file" / "x"), folder=True) == f"{open_folder}/file/x does not exist"


@pytest.mark.root
def test_the_kernel_says_the_same(open_folder: Path) -> None:
    """Every mode of a folder and of a file in it, asked of the kernel by a process that is that user."""
    below = folder(open_folder, "d", 0o755)
    file = below / "f"
    file.touch()
    os.chown(below, 54321, 1)
    os.chown(file, 2, 54321)
    for mode in range(0, 0o1000, 0o11):
        below.chmod(mode)
        file.chmod(0o777 - mode)
        for path in (below, file):
            for wish in (READ, ENTER, READ | ENTER):
                assert (obstacle(str(path), STRANGER, wish) is None) == as_stranger(path, wish), (oct(mode), path, wish)


def as_stranger(path: Path, wish: int) -> bool:
    pid = os.fork()
    if pid == 0:
        os.setgroups([STRANGER.gid])
        os.setgid(STRANGER.gid)
        os.setuid(STRANGER.uid)
        os._exit(0 if os.access(path, wish) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
