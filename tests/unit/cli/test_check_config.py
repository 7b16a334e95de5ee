"""`fcgipm check`, `config` and `schema` as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml

from fcgipm.config.schema import json_schema

GOOD = "def app(environ, start_response): ...\n"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "TOKEN": "hunter2"}
    return subprocess.run(
        [sys.executable, "-m", "fcgipm.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environ,
    )


@pytest.fixture
def site() -> Iterator[Path]:
    """A folder, its name short enough for unix sockets, with a right fcgipm.yaml of two pools."""
    with TemporaryDirectory(dir="/tmp") as folder:
        yield write_site(Path(folder))


def write_site(folder: Path) -> Path:
    (folder / "fcgipm.yaml").write_text(
        "control: c.sock\n"
        "pools:\n"
        "  web: {app: 'good_app:app', listen: 'unix:web.sock', workers: {min: 3, threads: 2}, env: {TOKEN: '${TOKEN}'}}\n"
        "  api: {app: 'good_app.py:app', listen: ['127.0.0.1:9000', fd:3], workers: 1}\n"
    )
    (folder / "good_app.py").write_text(GOOD)
    return folder


def test_check_of_a_right_file_is_a_summary(site: Path) -> None:
    done = run(site, "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "fcgipm.yaml is right: 2 pools",
        f"  web: good_app:app on unix:{site}/web.sock, 3 workers of 2 threads",
        "  api: good_app.py:app on 127.0.0.1:9000, fd:3, 1 worker",
    ]


def test_check_of_a_wrong_file_tells_every_problem(site: Path) -> None:
    (site / "bad.yaml").write_text("pools: {web: {app: 5, listen: unix:none/x}}\nlogg: {}\n")
    done = run(site, "check", "-c", "bad.yaml")
    assert (done.returncode, done.stdout) == (78, "")
    assert [line.partition(": ")[0] for line in done.stderr.splitlines()] == [
        "bad.yaml:1:20",
        "bad.yaml:1:31",
        "bad.yaml:2:1",
        "fcgipm",
    ]
    assert done.stderr.splitlines()[-1] == "fcgipm: 3 problems in bad.yaml and what it includes"


@pytest.mark.parametrize("command", ["check", "config"])
def test_a_file_that_is_not_there_is_told_once(site: Path, command: str) -> None:
    done = run(site, command, "-c", "nope.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (78, "", "fcgipm: nope.yaml: the file cannot be read: No such file or directory\n")


@pytest.mark.parametrize(
    ("listen", "warned"),
    [
        ("'0.0.0.0:9000'", ["0.0.0.0:9000"]),
        ("['[::]:9000', '192.0.2.1:9001', '127.0.0.1:9002']", ["[::]:9000", "192.0.2.1:9001"]),
        ("[{address: '0.0.0.0:9000', allow: [192.0.2.7]}, 'unix:a.sock', fd:3, '[::1]:9000']", []),
    ],
)
def test_check_warns_of_addresses_that_let_everybody_in(site: Path, listen: str, warned: list[str]) -> None:
    (site / "tcp.yaml").write_text(f"pools: {{web: {{app: 'good_app:app', listen: {listen}}}}}\n")
    done = run(site, "check", "-c", "tcp.yaml")
    assert done.returncode == 0
    assert all(line.endswith("name your web servers beside the address: `allow: [IP, ...]`") for line in done.stderr.splitlines())
    assert [line.partition(" may send")[0] for line in done.stderr.splitlines()] == [
        f"tcp.yaml: warning: pools.web.listen: whoever reaches {address}" for address in warned
    ]


@pytest.mark.parametrize("command", ["check", "config"])
def test_without_a_file(tmp_path: Path, command: str) -> None:
    if Path("/etc/fcgipm/fcgipm.yaml").exists():
        pytest.fail("this machine has an /etc/fcgipm/fcgipm.yaml, which these tests would read")
    done = run(tmp_path, command)
    assert done.returncode == 78
    assert f"neither {tmp_path}/fcgipm.yaml nor /etc/fcgipm/fcgipm.yaml exists" in done.stderr


def test_check_import_of_right_applications(site: Path) -> None:
    done = run(site, "check", "--import")
    assert (done.returncode, done.stderr) == (0, "")
    version = ".".join(map(str, sys.version_info[:3]))
    assert done.stdout.splitlines()[3:] == [
        f"web: good_app:app loaded under Python {version}",
        f"api: good_app.py:app loaded under Python {version}",
    ]
    assert not (site / "web.sock").exists()


def test_check_import_names_the_folder_of_a_pool_of_scripts(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    pool = {"cgi": str(tmp_path / "scripts"), "listen": f"unix:{tmp_path}/web.sock"}
    (tmp_path / "fcgipm.yaml").write_text(yaml.safe_dump({"pools": {"web": pool}}))
    done = run(tmp_path, "check", "--import")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith(f"web: {tmp_path}/scripts loaded under Python ")


def test_check_import_shows_the_end_of_the_traceback_and_goes_on(site: Path) -> None:
    (site / "good_app.py").write_text("import no_such_module\n")
    done = run(site, "check", "--import")
    assert done.returncode == 78
    assert done.stderr.count("ModuleNotFoundError: No module named 'no_such_module'\n") == 2
    assert "web: good_app:app cannot be loaded:\n" in done.stderr
    assert f'    File "{site}/good_app.py", line 1, in <module>\n' in done.stderr


def test_config_is_a_file_without_secrets(site: Path) -> None:
    done = run(site, "config")
    assert (done.returncode, done.stderr) == (0, "")
    found = yaml.safe_load(done.stdout)
    assert found["pools"]["web"]["env"]["TOKEN"] == "***" and "hunter2" not in done.stdout
    assert found["control"] == {"path": f"{site}/c.sock", "mode": "0600"}
    (site / "again.yaml").write_text(done.stdout)
    again = run(site, "config", "-c", "again.yaml")
    assert again.stdout == done.stdout


def test_config_json_is_for_programs(site: Path) -> None:
    done = run(site, "config", "--json", "-c", "fcgipm.yaml")
    web = json.loads(done.stdout)["pools"]["web"]
    assert web["timeouts"]["keepalive"] == 75.0 and web["env"]["TOKEN"] == "***"


def test_schema(site: Path) -> None:
    done = run(site, "schema")
    assert done.returncode == 0 and json.loads(done.stdout) == json_schema()
