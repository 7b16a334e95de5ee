"""The nginx files of this project, read as they are shipped."""

from __future__ import annotations

import re
from functools import cache

from benchmarks.processes import PROJECT, BenchError

FOLDER = PROJECT / "nginx"


def params() -> str:
    """The text of fcgipm_params."""
    return text("fcgipm_params")


@cache
def order() -> list[str]:
    """The names that fcgipm_params sends, in its order; the request's headers follow them on the wire."""
    return re.findall(r"^fastcgi_param\s+(\w+)", params(), re.MULTILINE)


def host_map() -> str:
    """The map of our server block that makes $fcgipm_host, which fcgipm_params uses."""
    found = re.search(r"^map \$request \$fcgipm_host \{.*?^\}", text("fcgipm.conf"), re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


def text(name: str) -> str:
    try:
        return (FOLDER / name).read_text()
    except FileNotFoundError as error:
        raise BenchError(f"{FOLDER / name} is missing: run from a complete working tree") from error
