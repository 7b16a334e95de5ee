"""The CPythons of this machine, one for each minor version that a pool may use."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess

VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")

_PLACES = (
    "/usr/bin/python{}",
    "/usr/local/bin/python{}",
    os.path.expanduser("~/.pyenv/versions/{}.*/bin/python{}"),
)


def find_pythons() -> dict[str, str]:
    """Version → path, for every version that is here and runs."""
    found = {version: _find(version) for version in VERSIONS}
    return {version: path for version, path in found.items() if path}


def _find(version: str) -> str | None:
    places = [place.replace("{}", version) for place in _PLACES] + [shutil.which(f"python{version}") or ""]
    for path in [path for place in places for path in glob.glob(place)]:
        asked = [path, "-Ic", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == version:
            return path
    return None
