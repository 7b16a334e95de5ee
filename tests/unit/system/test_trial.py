"""Loading an application in a throw-away process: `fcgipm check --import`."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest

from fcgipm.system.trial import try_application


@pytest.fixture(autouse=True)
def nothing_is_left() -> Any:
    """No child and no descriptor remains."""
    before, children = sorted(os.listdir("/proc/self/fd")), psutil.Process().children()
    yield
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert psutil.Process().children() == children  # others belong to fixtures that outlive this module


def pool(folder: Path, code: str, **changes: Any) -> dict[str, Any]:
    (folder / "trial_app.py").write_text(code)
    return {
        "name": "web",
        "app": "trial_app:app",
        "cgi": None,
        "command": None,
        "interface": "wsgi",
        "listen": [{"address": "unix:/nowhere/x.sock", "allow": None}],
        "python": sys.executable,
        "directory": str(folder),
        "env": {"PATH": os.defpath},
        "user": None,
        "uid": None,
        "gid": None,
        "groups": None,
        "umask": 0o027,
        "nice": 0,
        "no_new_privs": True,
        "mount": "",
        "workers": {"mode": "static", "min": 2, "max": 2, "threads": 1},
        "timeouts": {"first_byte": 5.0, "header": 10.0, "body": 30.0, "write": 60.0, "keepalive": 75.0, "request": 50.0, "kill_after": 5.0},
        "limits": {"params": 1 << 20, "open_files": None, "core": None},
        "hooks": {"worker_start": None, "worker_stop": None},
        "access_log": {"file": "off", "format": "json"},
        **changes,
    }


def test_an_application_that_loads(tmp_path: Path) -> None:
    trial = try_application(pool(tmp_path, "print('hello')\ndef app(environ, start_response): ...\n"))
    assert trial.python == ".".join(map(str, sys.version_info[:3]))
    assert trial.output == "hello\n"


@pytest.mark.parametrize(
    ("code", "last"),
    [
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("1/0\n", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        ("def application(): ...\n", "application trial_app:app: trial_app has no attribute 'app'; it has application"),
        ("app = 5\n", "application trial_app:app: trial_app:app is a int, which cannot be called"),
    ],
)
def test_an_application_that_does_not(tmp_path: Path, code: str, last: str) -> None:
    trial = try_application(pool(tmp_path, code))
    assert trial.python is None
    assert trial.output.splitlines()[-1] == last


def test_a_process_that_ends_without_a_word(tmp_path: Path) -> None:
    trial = try_application(pool(tmp_path, "import os\nos.write(2, b'last words\\n')\nos._exit(1)\n"))
    assert trial == (None, "last words\n")


def test_an_import_that_does_not_end(tmp_path: Path) -> None:
    trial = try_application(pool(tmp_path, "print('waiting')\nimport time\ntime.sleep(1000)\n"), seconds=1)
    assert trial == (None, "waiting\nthe import did not end within 1 seconds")


def test_an_import_that_says_very_much(tmp_path: Path) -> None:
    trial = try_application(pool(tmp_path, "print('x' * 1_000_000)\nprint('end')\n1/0\n"))
    assert trial.python is None and len(trial.output) <= 65536
    assert trial.output.endswith("ZeroDivisionError: division by zero\n")


def test_a_python_that_is_none(tmp_path: Path) -> None:
    trial = try_application(pool(tmp_path, "", python=str(tmp_path / "none")))
    assert trial == (None, f"cannot start {tmp_path}/none: there is no such program")


def test_what_the_import_started_ends_with_it(tmp_path: Path) -> None:
    code = "import subprocess\nprint(subprocess.Popen(['sleep', '1000']).pid)\ndef app(environ, start_response): ...\n"
    assert has_ended(int(try_application(pool(tmp_path, code)).output))


def has_ended(pid: int) -> bool:
    """Wait for a process that is nobody's child here; gone already is as good."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 20)[0])
    finally:
        os.close(descriptor)


@pytest.mark.root
def test_it_runs_as_the_pools_user() -> None:
    with TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        code = (
            "import os\nprint(os.getresuid(), os.getresgid(), os.getgroups())\ndef app(environ, start_response): ...\n"
        )
        who = {"user": "nobody", "uid": 65534, "gid": 65534, "groups": [65534, 1]}
        values = pool(folder, code, python="/usr/bin/python3", **who)
        folder.chmod(0o755)
        trial = try_application(values)
    assert trial.python is not None, trial.output
    assert trial.output == "(65534, 65534, 65534) (65534, 65534, 65534) [1, 65534]\n"
