"""A Django project with its admin, generated and migrated."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.processes import BenchError, clean_environment

SETTINGS = """
DEBUG = False
ALLOWED_HOSTS = ["*"]
"""


WARM = """
from django.test import Client

Client().get("/admin/login/")
"""


def generate(folder: Path, warm: bool) -> Path:
    """Make the project ``shop`` below `folder`; the folder that holds manage.py is returned.

    `warm`: its wsgi.py asks itself once for the page, so that what Django loads lazily is there before a server forks.
    """
    site = folder / "site"
    site.mkdir()
    django("-m", "django", "startproject", "shop", str(site))
    with (site / "shop" / "settings.py").open("a") as settings:
        settings.write(SETTINGS)
    with (site / "shop" / "wsgi.py").open("a") as wsgi:
        wsgi.write(WARM if warm else "")
    django(str(site / "manage.py"), "migrate", "--verbosity", "0")
    return site


def django(*arguments: str) -> None:
    """Run one of Django's commands; BenchError with what it said when it fails."""
    done = subprocess.run([sys.executable, *arguments], env=clean_environment(), capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
