"""One daemon for one control socket: a lock file beside it, held by flock.

The kernel drops the lock when the daemon dies, however it dies, so a lock that can be taken means: no daemon lives, and whatever paths the last one wrote down
are ours to take over. The file goes with a clean end; so whoever gets the lock makes sure that it is the lock of the file that is there now.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import suppress

from fcgipm.system.errors import SystemProblem

RECORD_LIMIT = 1 << 20


class Lock:
    """The held lock. `left_behind` is what the last holder recorded and did not clear: the addresses it listened on."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.left_behind = _addresses(os.pread(descriptor, RECORD_LIMIT, 0))

    def record(self, addresses: list[str]) -> None:
        """Write down what this daemon listens on, and its pid."""
        text = json.dumps({"pid": os.getpid(), "addresses": addresses}).encode()
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, text, 0)

    def release(self) -> None:
        """Remove the file, and with it the record, if it is still there and ours; then let go."""
        with suppress(OSError):
            if _is_current(self.path, self.descriptor):
                os.unlink(self.path)
        os.close(self.descriptor)


def lock_path(control: str) -> str:
    """Where the lock of the daemon with that control socket is."""
    return control + ".lock"


def take(path: str) -> Lock:
    """Take the lock.

    Raises:
        SystemProblem: another daemon holds it, or the file cannot be opened.
    """
    while True:
        descriptor = _open(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _pid(os.pread(descriptor, RECORD_LIMIT, 0))
            os.close(descriptor)
            raise SystemProblem(f"fcgipm is already running{holder}: it holds {path}; `fcgipm reload` gives it a new configuration") from None
        if _is_current(path, descriptor):
            return Lock(path, descriptor)
        os.close(descriptor)


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise SystemProblem(f"cannot open the lock file {path}: {error.strerror}") from error


def _is_current(path: str, descriptor: int) -> bool:
    """Whether the locked file is still the one at `path`: its last holder may have removed it between our open and our lock."""
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _load(raw: bytes) -> dict[str, object]:
    try:
        record = json.loads(raw)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _pid(raw: bytes) -> str:
    pid = _load(raw).get("pid")
    return f" (pid {pid})" if isinstance(pid, int) else ""


def _addresses(raw: bytes) -> frozenset[str]:
    addresses = _load(raw).get("addresses")
    return frozenset(a for a in addresses if isinstance(a, str)) if isinstance(addresses, list) else frozenset()
