"""CGI scripts on the disk: a file below the pool's folder that may be executed, and nothing else, wherever links point."""

from __future__ import annotations

import os
import stat
from typing import Dict, Mapping, NamedTuple, Optional, Tuple

from fcgipm.gateways.cgi_path import Outside, Split, split, wanted

_KNOWN = 1000
"""Files that are remembered."""


class Script(NamedTuple):
    """A file to run."""

    file: bytes
    split: Split
    executable: bool


class Scripts:
    """Of one folder; `mount` is the path prefix of all requests."""

    def __init__(self, folder: str, mount: str) -> None:
        self.folder = os.fsencode(folder).decode("latin-1")
        """As params would name it: a character for each byte."""
        self._mount = mount
        self._real = os.path.realpath(os.fsencode(folder)) + b"/"
        self._inside: Dict[bytes, Tuple[int, int, int]] = {}
        """Files that were found to be below the folder, as they were then: following links by hand is the most of what finding a script costs."""

    def find(self, params: Mapping[str, str]) -> Optional[Script]:
        """The script that a request means, None: there is none. Raises Outside."""
        request = wanted(params, self.folder, self._mount)
        file = self.folder.encode("latin-1")
        for count, name in enumerate(request.names, 1):
            file += b"/" + name.encode("latin-1")
            try:
                found = os.stat(file)
            except OSError:
                return None
            if stat.S_ISREG(found.st_mode):
                self._see_that_inside(file, found)
                return Script(file, split(request, count), os.access(file, os.X_OK))
            if not stat.S_ISDIR(found.st_mode):
                return None
        return None

    def _see_that_inside(self, file: bytes, found: os.stat_result) -> None:
        """Raises Outside. The very file that was inside before, unchanged since (moving and linking change its ctime), may be run wherever it is now."""
        state = (found.st_dev, found.st_ino, found.st_ctime_ns)
        if self._inside.get(file) == state:
            return
        if not os.path.realpath(file).startswith(self._real):
            raise Outside(f"{os.fsdecode(file)!a:.200} is a link out of {os.fsdecode(self._real)}")
        if len(self._inside) >= _KNOWN:
            self._inside.clear()
        self._inside[file] = state
