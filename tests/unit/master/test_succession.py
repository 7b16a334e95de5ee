"""A takeover that fails."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from fcgipm.master import succession
from fcgipm.master.log import Log
from fcgipm.master.master import Master
from fcgipm.master.succession import SERVES_ON, Succession


def test_it_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(str(tmp_path / "log"))
    with (tmp_path / "log").open() as one:
        monkeypatch.setattr(succession, "Bequest", lambda _master: SimpleNamespace(state={}, descriptors=[one.fileno()]))
        monkeypatch.setattr(succession, "end_the_unfinished", lambda _master: None)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
        before = os.listdir("/proc/self/fd")
        for _ in range(2):
            Succession(cast("Master", SimpleNamespace(log=log))).take_over()
        assert os.listdir("/proc/self/fd") == before and not os.get_inheritable(one.fileno())
    why = "the new program could not be started: [Errno 2] No such file or directory"
    assert f" error upgrade failed: {why}: {SERVES_ON}\n" in (tmp_path / "log").read_text()
    log.close()
