"""The folder of the control socket: made when it is missing, and not trusted when somebody else could change what is in it."""

from __future__ import annotations

import os
import stat

from fcgipm.system.errors import SystemProblem


def make_control_folder(folder: str) -> None:
    """Make `folder` if it does not exist: for everybody to look into as root, since the pools' sockets often are there too, else private.

    Raises:
        SystemProblem: it cannot be made, or it belongs to a user that is neither root nor us.
    """
    root = os.geteuid() == 0
    try:
        os.mkdir(folder, 0o755 if root else 0o700)
        os.chmod(folder, 0o755 if root else 0o700)
    except FileExistsError:
        _refuse_foreign(folder)
    except OSError as error:
        raise SystemProblem(f"cannot make the folder {folder} for the control socket: {error.strerror}") from error


def _refuse_foreign(folder: str) -> None:
    """The default below /tmp could have been made beforehand by another user, who could then swap the socket for one of his own."""
    found = os.stat(folder)
    if not stat.S_ISDIR(found.st_mode):
        raise SystemProblem(f"{folder} is no folder: the control socket needs one")
    shared = found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX
    if found.st_uid not in (0, os.geteuid()):
        raise SystemProblem(
            f"the folder {folder} of the control socket belongs to user {found.st_uid}: choose one of your own"
        )
    if shared:
        raise SystemProblem(
            f"others may write to the folder {folder} of the control socket: choose another, or chmod go-w"
        )
