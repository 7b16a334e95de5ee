"""CGI scripts on the disk: a file below the pool's folder that may be executed, and nothing else, wherever links point."""

from __future__ import annotations

import os
import stat
from typing import Dict, Mapping, NamedTuple, Optional, Tuple

from fcgipm.gateways.cgi_path import Outside, Split, split, wanted
from fcgipm.gateways.errors import plain_word

_MOST, _LENGTH = 1000, 1000
"""Requests that are remembered, and characters of one."""


class Script(NamedTuple):
    """A file to run, and what follows from where it is; `name` is for the log, one plain word."""

    file: bytes
    folder: bytes
    name: str
    split: Split
    executable: bool


Asked = Tuple[str, str, str]
"""SCRIPT_FILENAME, SCRIPT_NAME and PATH_INFO of a request."""
State = Tuple[Tuple[int, int, int], ...]
"""Of the file device, inode and ctime, which changes with its content, mode and name; before it of each folder below the pool's device and inode, and 0."""


class Scripts:
    """Of one folder; `mount` is the path prefix of all requests."""

    def __init__(self, folder: str, mount: str) -> None:
        self.folder = os.fsencode(folder).decode("latin-1")
        """As params would name it: a character for each byte."""
        self._root = os.fsencode(folder)
        self._mount = mount
        self._found: Dict[Asked, Tuple[State, Script]] = {}
        """What was found before without a link on the way. It is found again without a second look at names, as long as the very file is unchanged, and
        each folder on the way the same."""

    def find(self, params: Mapping[str, str]) -> Optional[Script]:
        """The script that a request means, None: there is none. Raises Outside."""
        asked = (params.get("SCRIPT_FILENAME", ""), params.get("SCRIPT_NAME", ""), params.get("PATH_INFO", ""))
        before = self._found.get(asked)
        if before is not None and self._state(before[1].file) == before[0]:
            return before[1]
        self._found.pop(asked, None)
        return self._look(asked)

    def _look(self, asked: Asked) -> Optional[Script]:
        request = wanted(*asked, self.folder, self._mount)
        file = self._root
        for count, name in enumerate(request.names, 1):
            file += b"/" + name.encode("latin-1")
            try:
                mode = os.stat(file).st_mode
            except OSError:
                return None
            if stat.S_ISREG(mode):
                return self._remember(asked, file, split(request, count))
            if not stat.S_ISDIR(mode):
                return None
        return None

    def _remember(self, asked: Asked, file: bytes, parts: Split) -> Script:
        state = self._state(file)  # Before anything is looked at that may change.
        real, file_real = os.path.realpath(self._root), os.path.realpath(file)
        if not file_real.startswith(real + b"/"):
            raise Outside(f"{os.fsdecode(file)!a:.200} is a link out of {os.fsdecode(real)}/")
        name = plain_word(os.fsdecode(os.path.basename(file)))
        script = Script(file, os.path.dirname(file), name, parts, os.access(file, os.X_OK))
        linked = file_real[len(real) :] != file[len(self._root) :]
        if state is not None and script.executable and not linked and sum(map(len, asked)) <= _LENGTH:
            if len(self._found) >= _MOST:
                self._found.clear()
            self._found[asked] = state, script
        return script

    def _state(self, file: bytes) -> Optional[State]:
        """None: it is gone."""
        at = len(self._root) + 1
        found = []
        try:
            while (at := file.find(b"/", at) + 1) > 0:
                between = os.lstat(file[: at - 1])
                found.append((between.st_dev, between.st_ino, 0))
            itself = os.lstat(file)
        except OSError:
            return None
        return (*found, (itself.st_dev, itself.st_ino, itself.st_ctime_ns))
