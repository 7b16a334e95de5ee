"""One daemon for one control socket."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fcgipm.system import lock
from fcgipm.system.errors import SystemProblem


def test_it_is_beside_the_control_socket() -> None:
    assert lock.lock_path("/run/fcgipm/control.sock") == "/run/fcgipm/control.sock.lock"


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    held = lock.take(path)
    held.record(["unix:/run/web.sock"])
    with pytest.raises(SystemProblem, match=rf"already running \(pid {os.getpid()}\): it holds .*; `fcgipm reload` gives it a new configuration"):
        lock.take(path)
    held.release()


def test_a_clean_end_leaves_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    held = lock.take(path)
    held.record(["unix:/run/web.sock"])
    held.release()
    assert os.listdir(tmp_path) == []
    again = lock.take(path)
    assert again.left_behind == frozenset()
    again.release()


def test_after_a_killed_daemon_its_addresses_are_known(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text('{"pid": 1, "addresses": ["unix:/run/web.sock", "127.0.0.1:9000", 7]}')
    held = lock.take(str(path))
    assert held.left_behind == {"unix:/run/web.sock", "127.0.0.1:9000"}
    held.release()


@pytest.mark.parametrize("record", [b"", b"\xff\x00", b"[]", b'{"addresses": 5}', b"{"])
def test_a_broken_record_is_no_record(tmp_path: Path, record: bytes) -> None:
    path = tmp_path / "lock"
    path.write_bytes(record)
    held = lock.take(str(path))
    assert held.left_behind == frozenset()
    held.release()


def test_a_removed_file_is_no_lock(tmp_path: Path) -> None:
    """Whoever waited between opening and locking, while the holder removed the file, must not hold the lock of a file that is gone."""
    path = tmp_path / "lock"
    held = lock.take(str(path))
    path.unlink()
    other = lock.take(str(path))
    with pytest.raises(SystemProblem, match="already running"):
        lock.take(str(path))
    other.release()
    held.release()


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "victim")
    with pytest.raises(SystemProblem, match="cannot open the lock file"):
        lock.take(str(tmp_path / "lock"))


def test_a_file_that_somebody_removed_is_no_obstacle_to_a_clean_end(tmp_path: Path) -> None:
    """Who cleans /tmp takes lock files too."""
    path = tmp_path / "lock"
    held = lock.take(str(path))
    path.unlink()
    held.release()
    assert os.listdir(tmp_path) == []


def test_the_lock_of_another_daemon_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    held = lock.take(str(path))
    path.unlink()
    other = lock.take(str(path))
    held.release()
    with pytest.raises(SystemProblem, match="already running"):
        lock.take(str(path))
    other.release()
