"""An application that is named on a command line instead of in a file."""

from __future__ import annotations

import os
import re
from typing import Any

from fcgipm.config.fields import VARIABLE_NAME


def application_here(application: str) -> dict[str, Any]:
    """The keys of its pool: it lives in this folder, has this environment, and the virtual environment's Python where one is active."""
    pool: dict[str, Any] = {
        "app": application,
        "directory": os.getcwd(),
        "inherit_env": [name for name in os.environ if re.fullmatch(VARIABLE_NAME, name)],
    }
    environment = os.environ.get("VIRTUAL_ENV")
    if environment and os.path.exists(f"{environment}/bin/python"):
        pool["python"] = f"{environment}/bin/python"
    return pool
