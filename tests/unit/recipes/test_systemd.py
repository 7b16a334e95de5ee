"""The unit of systemd: the shipped file is this output, it fits a configuration, and systemd has nothing to say against it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fcgipm.recipes import NoRecipe
from fcgipm.recipes.systemd import unit

SHIPPED = Path(__file__).resolve().parents[3] / "conf" / "systemd" / "fcgipm.service"
EXECUTABLE = "/opt/fcgipm/bin/fcgipm"


def config(**changes: Any) -> dict[str, Any]:
    return {
        "file": "/etc/fcgipm/fcgipm.yaml",
        "control": {"path": "/run/fcgipm/control.sock"},
        "pid_file": None,
        "stop_timeout": 65.0,
        "http": [],
        "pools": {"web": pool("unix:/run/fcgipm/web.sock")},
        **changes,
    }


def pool(*addresses: str, no_new_privs: bool = True) -> dict[str, Any]:
    return {"listen": [{"address": address} for address in addresses], "no_new_privs": no_new_privs}


def keys(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if re.match("[A-Z][A-Za-z]+=", line))


def test_the_shipped_file_is_its_output() -> None:
    assert SHIPPED.read_text() == unit(config(), EXECUTABLE)


def test_paths_of_the_configuration_are_put_in() -> None:
    found = keys(unit(config(file="/srv/a b/100%.yaml", control={"path": "/run/site/$c.sock"}), "/opt/x/fcgipm"))
    assert found["ExecStart"] == '/opt/x/fcgipm run -c "/srv/a b/100%%.yaml"'
    assert found["ExecReload"] == "/opt/x/fcgipm reload --control /run/site/$$c.sock"


@pytest.mark.parametrize(("stop_timeout", "seconds"), [(65.0, 90), (0.5, 26), (300.0, 325)])
def test_a_stop_has_more_time_than_stop_timeout(stop_timeout: float, seconds: int) -> None:
    assert keys(unit(config(stop_timeout=stop_timeout), EXECUTABLE))["TimeoutStopSec"] == str(seconds)


def test_the_folders_below_run() -> None:
    pools = {"a": pool("unix:/run/b$/x.sock", "127.0.0.1:9000", "fd:3"), "c": pool("unix:/run/c.sock", "unix:/srv/d/x.sock")}
    text = unit(config(pools=pools, pid_file="/run/a/pid", http=[{"listen": {"address": "unix:/run/e/x/y.sock"}}]), EXECUTABLE)
    assert keys(text)["RuntimeDirectory"] == "a b$ e fcgipm"
    alone = unit(config(control={"path": "/srv/c.sock"}, pools={"web": pool("fd:3")}), EXECUTABLE)
    assert "RuntimeDirectory" not in alone


@pytest.mark.parametrize("path", ["/tmp/x.sock", "/var/tmp/x.sock"])
def test_a_socket_in_tmp_is_to_be_found(path: str) -> None:
    assert "PrivateTmp" not in keys(unit(config(pools={"web": pool(f"unix:{path}")}), EXECUTABLE))
    assert keys(unit(config(), EXECUTABLE))["PrivateTmp"] == "yes"


def test_a_pool_that_wants_new_privileges_gets_them() -> None:
    pools = {"web": pool("fd:3"), "mail": pool("fd:4", no_new_privs=False)}
    assert "NoNewPrivileges" not in keys(unit(config(pools=pools), EXECUTABLE))
    assert keys(unit(config(), EXECUTABLE))["NoNewPrivileges"] == "yes"


def test_a_path_that_cannot_be_written() -> None:
    with pytest.raises(NoRecipe, match=r"'/srv/a\\nUser=root' has a character"):
        unit(config(file="/srv/a\nUser=root"), EXECUTABLE)


needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze: scripts/get-systemd fetches it for root")


def verify(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "fcgipm.service").write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(folder / "fcgipm.service")]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


@needs_systemd
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"file": "/srv/a b/100% \"sure\" $x;\\.yaml", "pools": {"web": pool("unix:/tmp/x.sock", no_new_privs=False)}},
        {"control": {"path": "/srv/c.sock"}, "pools": {"web": pool("fd:3")}},
    ],
)
def test_systemd_has_nothing_to_say(tmp_path: Path, changes: dict[str, Any]) -> None:
    done = verify(tmp_path, unit(config(**changes), sys.executable))
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@needs_systemd
def test_systemd_would_say_it(tmp_path: Path) -> None:
    """What the test above relies on: an unknown key and a missing program are told."""
    assert re.search(r"Unknown key.* 'Sort' in section",  verify(tmp_path, unit(config(), sys.executable).replace("Type=", "Sort=")).stderr)
    assert "is not executable" in verify(tmp_path, unit(config(), "/nowhere/fcgipm")).stderr
