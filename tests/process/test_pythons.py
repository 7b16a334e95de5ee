"""A pool's Python may be any CPython from 3.9 on, in which nothing of fcgipm is installed and into which nothing of ours leaks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import fcgipm
from tests.support.daemon import Daemon
from tests.support.fastcgi import ask
from tests.support.pythons import find_pythons

PYTHONS = find_pythons()

OURS = ("yaml", "pydantic", "pydantic_core", "click", "annotated_types", "typing_inspection")


def test_the_machine_has_the_python_of_these_tests() -> None:
    """The tests below are made from what is found: finding nothing would look like success."""
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in PYTHONS


@pytest.mark.parametrize("version", PYTHONS)
def test_a_pool_runs_under_it_and_sees_nothing_of_ours(
    version: str, daemon_factory: Callable[..., Daemon], tmp_path: Path
) -> None:
    environment = tmp_path / "venv"
    subprocess.run([PYTHONS[version], "-m", "venv", "--without-pip", environment], check=True)
    daemon = daemon_factory({"web": {"app": "seen:application", "python": str(environment / "bin" / "python")}})
    seen = json.loads(ask(daemon.address("web")).body)
    assert seen["version"] == version
    assert seen["prefix"] == str(environment)
    assert daemon.status()["pools"]["web"]["python"].startswith(f"{version}.")
    home = str(Path(fcgipm.__file__).parent)
    assert not [entry for entry in seen["path"] if entry.startswith(home) or entry == str(Path(home).parent)]
    assert not {name.partition(".")[0] for name in seen["modules"]} & set(OURS)
    ours = {name for name, file in seen["modules"].items() if file and file.startswith(home)}
    assert ours and all(name == "fcgipm" or name.startswith("fcgipm.") for name in ours - {"__main__"})


def test_a_python_that_is_too_old_is_told(tmp_path: Path) -> None:
    """Stands for an old Python: a program that says what the real one would, by the same file, under a version that is not enough."""
    old = tmp_path / "python"
    old.write_text(
        f"#!{sys.executable}\n"
        "import runpy, sys\n"
        "sys.argv = sys.argv[1:]\n"
        "sys.version_info = (3, 6, 15, 'final', 0)\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    old.chmod(0o755)
    daemon = Daemon({"web": {"app": "hello:application", "python": str(old)}})
    assert daemon.run_to_end() == 1
    assert "CPython 3.9 or newer" in daemon.text
