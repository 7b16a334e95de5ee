"""CGI scripts on the disk: a file below the pool's folder that may be executed, and nothing else, wherever links point."""

from __future__ import annotations

import os
import stat
from typing import Mapping, NamedTuple, Optional

from fcgipm.gateways.cgi_path import Outside, Split, split, wanted


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

    def find(self, params: Mapping[str, str]) -> Optional[Script]:
        """The script that a request means, None: there is none. Raises Outside."""
        request = wanted(params, self.folder, self._mount)
        file = self.folder.encode("latin-1")
        for count, name in enumerate(request.names, 1):
            file += b"/" + name.encode("latin-1")
            try:
                mode = os.stat(file).st_mode
            except OSError:
                return None
            if stat.S_ISREG(mode):
                if not os.path.realpath(file).startswith(self._real):
                    raise Outside(f"{os.fsdecode(file)!a:.200} is a link out of {os.fsdecode(self._real)}")
                return Script(file, split(request, count), os.access(file, os.X_OK))
            if not stat.S_ISDIR(mode):
                return None
        return None
