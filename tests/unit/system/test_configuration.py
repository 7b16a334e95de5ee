"""The child that the master runs: FILE in, one JSON document out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from fcgipm.system.configuration import load


def child(file: str, environ: Mapping[str, str] = {}) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "fcgipm.system.configuration", file]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False, env={**os.environ, **environ})
    assert done.stderr == b""
    return done.returncode, json.loads(done.stdout)


def problems(file: Path, environ: Mapping[str, str] = {}) -> list[str]:
    return [str(problem).replace(f"{file.parent}/", "") for problem in load(str(file), environ).problems]


@pytest.fixture
def file() -> Iterator[Path]:
    """In a folder of mode 700 whose name is short enough for unix sockets."""
    with TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder) / "fcgipm.yaml"


def write(file: Path, keys: str, listen: str = "fd:3") -> None:
    lines = "".join(f"    {line}\n" for line in keys.splitlines())
    file.write_text(f"pools:\n  web:\n    app: shop:app\n    listen: {listen}\n{lines}")


def test_a_right_file(file: Path) -> None:
    write(file, "env_file: env\ninherit_env: [TOKEN]\nenv: {LANG: de}", "unix:web.sock")
    (file.parent / "env").write_text("FROM_FILE=1\n")
    code, document = child(str(file), {"TOKEN": "t"})
    assert code == 0 and document.keys() == {"config"}
    config = document["config"]
    web = config["pools"]["web"]
    assert config["file"] == str(file)
    assert web["listen"][0]["address"] == f"unix:{file.parent}/web.sock"
    assert (web["python"], web["directory"]) == (sys.executable, str(file.parent))
    assert (web["user"], web["uid"], web["gid"], web["groups"]) == (None, None, None, None)
    assert web["env"].keys() == {"PATH", "LANG", "HOME", "USER", "LOGNAME", "FROM_FILE", "TOKEN"}
    assert (web["env"]["LANG"], web["env"]["TOKEN"]) == ("de", "t")


def test_wrong_files_end_with_78_and_every_problem(file: Path) -> None:
    write(file, "nise: 1\numask: 0027")
    code, document = child(str(file))
    assert code == 78
    assert document == {
        "errors": [
            f"{file}:5:5: pools.web.nise: unknown key: did you mean `nice`?",
            f'{file}:6:12: pools.web.umask: YAML reads 0027 as the number 23 when it is not in quotes: write "0027", with the quotes',
        ]
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("none.yaml", ": the file cannot be read: No such file or directory"),
        (".", ": the file cannot be read: Is a directory"),
        ("/dev/zero", ":1:1: the file is larger than 1 MiB"),
        ("/dev/null", ":1:1: the file is empty"),
    ],
)
def test_files_that_are_none(file: Path, name: str, text: str) -> None:
    code, document = child(str(file.parent / name))
    assert code == 78
    (line,) = document["errors"]
    assert line.startswith(f"{file.parent / name}{text}")


@pytest.mark.root
def test_a_file_that_may_not_be_read(file: Path) -> None:
    """Root may read everything, so a child that is somebody else looks."""
    write(file, "")
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            assert problems(file) == ["fcgipm.yaml: the file cannot be read: Permission denied"]
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_includes_are_sorted_and_taken_once_and_never_the_file_itself(file: Path) -> None:
    file.write_text("include: [d/*.yaml, '*.yaml', d/b.yaml, none/*.yaml]\ndefaults: {app: 'x:y'}\n")
    (file.parent / "d").mkdir()
    for number, name in enumerate(["b", "a", "c"], 3):
        (file.parent / "d" / f"{name}.yaml").write_text(f"pools: {{{name}: {{listen: fd:{number}}}}}\n")
    loaded = load(str(file), {})
    assert loaded.config is not None and list(loaded.config["pools"]) == ["a", "b", "c"]


def test_problems_of_included_files_have_their_names(file: Path) -> None:
    write(file, "nice: 99")
    file.write_text("include: [b.yaml, none.yaml]\n" + file.read_text())
    (file.parent / "b.yaml").write_text("pools: {b: {app: 'x:y', listen: fd:3, user: no-such-user}}\n")
    (file.parent / "c.yaml").write_text("nothing reads this: [\n")
    assert [line.partition(" ")[0] for line in problems(file)] == [
        "fcgipm.yaml:1:19:",
        "fcgipm.yaml:6:11:",
        "b.yaml:1:33:",
        "b.yaml:1:45:",
    ]


def test_a_relative_name_stays_as_it_was_given(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, "directory: none")
    monkeypatch.chdir(file.parent)
    (line,) = (str(problem) for problem in load("fcgipm.yaml", {}).problems)
    assert (
        line
        == f"fcgipm.yaml:5:16: pools.web.directory: {file.parent}/none does not exist: make the folder, or name the application's"
    )


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (
            "user: no-such-user",
            "5:11: pools.web.user: no such user: create it (useradd --system no-such-user), or name one",
        ),
        (
            "user: ${ME}\ngroup: no-such-group",
            "6:12: pools.web.group: no such group: create it (groupadd --system no-such-group)",
        ),
        ("python: none", "5:13: pools.web.python: FOLDER/none does not exist: name an interpreter that is there"),
        ("python: .", "5:13: pools.web.python: FOLDER is a folder: name an interpreter that is there"),
        (
            "python: venv/bin/python",
            "5:13: pools.web.python: FOLDER/venv/bin/python does not exist: make that environment (python3 -m venv FOLDER/venv), or name an interpreter",
        ),
        (f"python: {sys.prefix}", f"5:13: pools.web.python: {sys.prefix} is a folder: did you mean {sys.prefix}/bin/python?"),
        (
            "python: fcgipm.yaml",
            "5:13: pools.web.python: the pool cannot run FOLDER/fcgipm.yaml: the file FOLDER/fcgipm.yaml (mode 0644",
        ),
        ("directory: none", "5:16: pools.web.directory: FOLDER/none does not exist: make the folder"),
        ("directory: fcgipm.yaml", "5:16: pools.web.directory: FOLDER/fcgipm.yaml is no folder"),
        (
            "access_log: {file: none/x.log}",
            "5:24: pools.web.access_log.file: the log has no place: FOLDER/none does not exist; make the folder, or choose another",
        ),
        ("access_log: {file: .}", "5:24: pools.web.access_log.file: the log has no place: FOLDER is a folder: name a file"),
        ("slow_log: {after: 5s, file: none/x.log}", "5:33: pools.web.slow_log.file: the log has no place: FOLDER/none does not exist"),
        ("env_file: none", "5:15: pools.web.env_file: FOLDER/none cannot be read: No such file or directory"),
        ("env_file: fcgipm.yaml", "5:15: pools.web.env_file: FOLDER/fcgipm.yaml:1: is no NAME=value"),
    ],
)
def test_what_the_machine_says(file: Path, keys: str, text: str) -> None:
    write(file, keys)
    file.chmod(0o644)
    loaded = load(str(file), {"ME": str(os.getuid())})
    (line,) = (str(problem) for problem in loaded.problems)
    assert line.startswith(f"{file}:" + text.replace("FOLDER", str(file.parent)))
    assert loaded.config is None


@pytest.mark.parametrize(("folder", "text"), [("none", "does not exist"), ("fcgipm.yaml", "is no folder")])
def test_a_folder_of_scripts_that_is_none(file: Path, folder: str, text: str) -> None:
    file.write_text(f"pools: {{web: {{cgi: {folder}, listen: fd:3}}}}\n")
    assert problems(file) == [f"fcgipm.yaml:1:20: pools.web.cgi: {folder} {text}: make the folder, or name the one where the scripts are"]


@pytest.mark.root
def test_a_folder_of_scripts_that_the_pool_cannot_read(file: Path) -> None:
    file.write_text("pools: {web: {cgi: scripts, listen: fd:3, user: nobody, directory: /}}\n")
    (file.parent / "scripts").mkdir()
    (line,) = (line for line in problems(file) if "pools.web.cgi" in line)
    assert ": the pool cannot read scripts: the folder " in line and "forbids it to user nobody" in line


@pytest.mark.root
def test_a_python_that_leads_where_the_pool_cannot_go(file: Path) -> None:
    """Named by what is pointed to: nothing is wrong with what the file says."""
    write(file, "user: nobody\ndirectory: /\npython: /tmp/PYTHON".replace("/tmp/PYTHON", f"{file.parent}/open/python"))
    file.parent.chmod(0o755)
    (file.parent / "open").mkdir()
    (file.parent / "shut").mkdir(mode=0o700)
    (file.parent / "shut" / "python3").touch(0o755)
    (file.parent / "open" / "python").symlink_to("../shut/python3")
    (line,) = problems(file)
    assert "the pool cannot run open/python, which leads to shut/python3: the folder shut (mode 0700, owner root) forbids it to user nobody" in line


@pytest.mark.parametrize(
    ("listen", "text"),
    [
        (
            "unix:none/web.sock",
            "4:13: pools.web.listen: the socket has no place: FOLDER/none does not exist; make the folder, or choose another",
        ),
        (
            "unix:fcgipm.yaml/web.sock",
            "4:13: pools.web.listen: the socket has no place: FOLDER/fcgipm.yaml is no folder; make the folder",
        ),
        ("{address: unix:web.sock, owner: no-such-user}", "4:45: pools.web.listen.owner: no such user"),
        ("{address: unix:web.sock, group: no-such-group}", "4:45: pools.web.listen.group: no such group"),
    ],
)
def test_what_the_machine_says_about_sockets(file: Path, listen: str, text: str) -> None:
    write(file, "", listen)
    (line,) = (str(problem) for problem in load(str(file), {}).problems)
    assert line.startswith(f"{file}:" + text.replace("FOLDER", str(file.parent)))


def test_the_folder_of_the_control_socket_is_made_by_the_daemon(file: Path) -> None:
    write(file, "", "unix:run/web.sock")
    file.write_text("control: run/c.sock\n" + file.read_text())
    assert problems(file) == []


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("control: {path: c.sock, group: no-such-group}", "1:32: control.group: no such group"),
        ("log: {file: none/x.log}", "1:13: log.file: the log has no place: FOLDER/none does not exist"),
        ("log: {file: .}", "1:13: log.file: the log has no place: FOLDER is a folder: name a file"),
    ],
)
def test_what_the_machine_says_about_the_daemon(file: Path, key: str, text: str) -> None:
    write(file, "")
    file.write_text(f"{key}\n{file.read_text()}")
    (line,) = (str(problem) for problem in load(str(file), {}).problems)
    assert line.startswith(f"{file}:" + text.replace("FOLDER", str(file.parent)))


def test_every_problem_of_machine_and_file_at_once(file: Path) -> None:
    write(
        file,
        "user: no-such-user\npython: none\ndirectory: none\nenv_file: none\nworkers: x\nlimits: {params: 5}",
        "unix:none/a",
    )
    assert [line.split()[1] for line in problems(file)] == [
        f"pools.web.{key}:" for key in ("listen", "user", "python", "directory", "env_file", "workers", "limits.params")
    ]


def test_accounts_of_sockets_are_numbers(file: Path) -> None:
    write(file, "", "{address: unix:web.sock, owner: root, group: 0}")
    loaded = load(str(file), {})
    assert loaded.config is not None
    listen = loaded.config["pools"]["web"]["listen"][0]
    assert (listen["uid"], listen["gid"]) == (0, 0)


@pytest.mark.root
def test_a_pool_with_a_user_of_its_own(file: Path) -> None:
    write(file, "user: nobody\npython: /usr/bin/python3\ndirectory: /\nenv: {X: 1}")
    loaded = load(str(file), {})
    assert loaded.config is not None, [str(problem) for problem in loaded.problems]
    web = loaded.config["pools"]["web"]
    assert (web["user"], web["uid"], web["gid"]) == ("nobody", 65534, 65534)
    assert web["gid"] in web["groups"]
    assert (web["env"]["USER"], web["env"]["HOME"]) == ("nobody", "/nonexistent")


@pytest.mark.root
def test_the_folder_that_keeps_a_pools_user_out_is_named(file: Path) -> None:
    """The message names it, and the key that led there."""
    write(file, "user: nobody\npython: /usr/bin/python3\ndirectory: shop")
    (file.parent / "shop").mkdir(mode=0o755)
    (line,) = (str(problem) for problem in load(str(file), {}).problems)
    assert line == (
        f"{file}:7:16: pools.web.directory: the pool cannot work in {file.parent}/shop: the folder {file.parent} (mode 0700, owner root)"
        f" forbids it to user nobody: allow it (chmod o+x {file.parent}) or choose another place"
    )
