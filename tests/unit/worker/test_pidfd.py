"""Both ways to a pidfd."""

from __future__ import annotations

import os
import select
import subprocess

import pytest

from fcgipm.worker.pidfd import open_pidfd


@pytest.mark.parametrize("has_name", [True, False])
def test_readable_at_the_end(has_name: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_name:
        monkeypatch.delattr(os, "pidfd_open")
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        descriptor = open_pidfd(process.pid)
        try:
            assert not os.get_inheritable(descriptor)
            assert not select.select([descriptor], [], [], 0)[0]
            process.communicate()
            assert select.select([descriptor], [], [], 10)[0]
        finally:
            os.close(descriptor)
    with pytest.raises(ProcessLookupError):
        open_pidfd(process.pid)
