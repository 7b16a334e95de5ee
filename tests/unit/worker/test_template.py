"""Limits that a template sets for itself and its workers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

RAISE = """
import os, resource, socket
from types import SimpleNamespace
from fcgipm.worker.template import _limit
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
if os.geteuid() == 0:
    os.setuid(65534)  # Root may raise it.
ours, theirs = socket.socketpair()
try:
    _limit(SimpleNamespace(open_files=None, core=1024), theirs)
except SystemExit as end:
    print(end.code, ours.recv(100).decode())
"""


def test_a_limit_that_cannot_be_raised_is_an_error_that_tells_the_most_there_is() -> None:
    done = subprocess.run([sys.executable, "-c", RAISE], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "1 FAILED\n", done.stderr
    assert done.stderr.startswith("cannot set limits.core to 1024: ")
    assert done.stderr.endswith("; the most that this user may have is 0\n")
