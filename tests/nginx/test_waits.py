"""`wait` in the access log: null with fcgipm_params as they come, and there with the line that they have ready for it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fcgipm.recipes.nginx_params import PARAMS
from tests.support.daemon import Daemon, eventually
from tests.support.nginx import Nginx

[LINE] = re.findall(r"^#(fastcgi_param REQUEST_START +\S+;)$", PARAMS, re.MULTILINE)
INCLUDE = "        include fcgipm_params;"


@pytest.mark.parametrize("on", [False, True])
def test_wait(on: bool, tmp_path: Path, daemon_factory: Callable[..., Daemon], nginx_factory: Callable[..., Nginx]) -> None:
    file = tmp_path / "access.log"
    daemon = daemon_factory({"web": {"app": "hello:application", "access_log": {"file": str(file)}}})
    nginx = nginx_factory(daemon.address(), substitute={INCLUDE: f"{INCLUDE}\n        {LINE}"} if on else {})
    assert nginx.ask("/").status == 200
    line = json.loads(eventually(lambda: file.exists() and file.read_text(), "a line"))
    assert isinstance(line["wait"], float) if on else line["wait"] is None
