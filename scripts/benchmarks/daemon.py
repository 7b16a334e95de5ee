"""fcgipm as a server of the comparison: its configuration, and its command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.processes import PYTHON_PACKAGES, program


def pool(app: str, directory: Path, socket: Path, workers: int | Mapping[str, Any]) -> dict[str, Any]:
    """The settings of one pool, on a unix socket that everybody may use."""
    listen = {"address": f"unix:{socket}", "mode": "0666"}
    return {"app": app, "directory": str(directory), "listen": listen, "workers": workers}


def fcgipm(folder: Path, pools: Mapping[str, Mapping[str, Any]], **settings: Any) -> list[str]:
    """Write the configuration into `folder` (JSON is YAML); the command line that serves it."""
    config = folder / "fcgipm.yaml"
    config.write_text(json.dumps({"control": str(folder / "control.sock"), **settings, "pools": pools}))
    return [program("fcgipm", PYTHON_PACKAGES), "run", "-c", str(config)]
