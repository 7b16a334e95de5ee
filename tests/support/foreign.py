"""Foreign FastCGI programs of three kinds: in C on libfcgi, flup's threaded server, php-cgi."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

APPS = Path(__file__).parent / "apps" / "foreign"
KINDS = ("c", "flup", "php")

UNKEPT = {"        fastcgi_keep_conn on;": f"        fastcgi_keep_conn off;\n        fastcgi_param SCRIPT_FILENAME {APPS}/program.php;"}
"""What is changed of nginx's files: a program with one connection at a time would be kept by one client; php-cgi wants a file."""


def command(kind: str, folder: Path) -> list[str]:
    """How it is started; the one in C is compiled into `folder`."""
    if kind == "flup":
        return [sys.executable, str(APPS / "program.py")]
    if kind == "php":
        return [_needed(shutil.which("php-cgi"), "php-cgi")]
    header = "/usr/include/fcgi_stdio.h"
    _needed(shutil.which("cc") and (header if os.path.exists(header) else None), "a C compiler with libfcgi-dev")
    program = folder / "program.fcgi"
    subprocess.run(["cc", "-O1", "-o", str(program), str(APPS / "program.c"), "-lfcgi"], check=True)
    return [str(program)]


def _needed(found: str | None, what: str) -> str:
    if not found:
        pytest.skip(f"there is no {what} here (as root, scripts/get-foreign gets it)")
    return found
