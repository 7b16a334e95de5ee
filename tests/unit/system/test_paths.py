"""Finding the file and the control socket, cheaply."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fcgipm.system.paths import ConfigurationMissing, control_path, control_path_of, default_control, find_configuration


def test_a_file_that_is_named_is_taken_unseen() -> None:
    assert find_configuration("/no/such.yaml") == "/no/such.yaml"
    assert find_configuration("x.yaml") == str(Path.cwd() / "x.yaml")


def test_the_working_directory_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fcgipm.system.paths.SEARCH", ("fcgipm.yaml", str(tmp_path / "etc.yaml")))
    with pytest.raises(
        ConfigurationMissing, match="neither .*fcgipm.yaml nor .*etc.yaml exists; name one with -c FILE"
    ):
        find_configuration()
    (tmp_path / "etc.yaml").touch()
    assert find_configuration() == str(tmp_path / "etc.yaml")
    (tmp_path / "fcgipm.yaml").touch()
    assert find_configuration() == str(tmp_path / "fcgipm.yaml")


@pytest.mark.parametrize(
    ("uid", "environ", "path"),
    [
        (0, {"XDG_RUNTIME_DIR": "/run/user/0"}, "/run/fcgipm/control.sock"),
        (1000, {"XDG_RUNTIME_DIR": "/run/user/1000"}, "/run/user/1000/fcgipm/control.sock"),
        (1000, {"XDG_RUNTIME_DIR": "/run/user/1000/"}, "/run/user/1000/fcgipm/control.sock"),
        (1000, {"XDG_RUNTIME_DIR": "relative"}, "/tmp/fcgipm-1000/control.sock"),
        (1000, {}, "/tmp/fcgipm-1000/control.sock"),
    ],
)
def test_the_default_control_socket(uid: int, environ: dict[str, str], path: str) -> None:
    assert default_control(uid, environ) == path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("control: /run/c.sock\n", "/run/c.sock"),
        ("control: {path: /run/c.sock, mode: '0600'}\n", "/run/c.sock"),
        ("control: run/c.sock\n", "FOLDER/run/c.sock"),
        ("control: {path: ../c.sock}\n", "FOLDER/../c.sock"),
        ("control: ${RUN}/c.sock\n", "/run/x/c.sock"),
        ("control: ${NOWHERE:-/run/y}/c.sock\n", "/run/y/c.sock"),
        ("pools: {}\n", default_control()),
        ("stop_timeout: what\ncontrol: /run/c.sock\nuser: ${UNSET}\n", "/run/c.sock"),
    ],
)
def test_the_control_socket_of_a_file(text: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUN", "/run/x")
    file = tmp_path / "fcgipm.yaml"
    file.write_text(text)
    assert control_path_of(str(file)) == os.path.normpath(path.replace("FOLDER", str(tmp_path)))


@pytest.mark.parametrize(
    "text", ["", "[]", "a: [", "control: ${UNSET}", "control: 5", "control: []", "control: {mode: x}"]
)
def test_a_file_that_names_no_usable_one(text: str, tmp_path: Path) -> None:
    file = tmp_path / "fcgipm.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationMissing) as caught:
        control_path_of(str(file))
    assert str(caught.value).startswith(str(file))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationMissing, match="the file cannot be read: Is a directory"):
        control_path_of(str(tmp_path))


def test_what_a_command_is_given_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fcgipm.system.paths.SEARCH", ("fcgipm.yaml",))
    file = tmp_path / "named.yaml"
    file.write_text("control: /run/named.sock\n")
    assert control_path("x.sock", str(file)) == str(tmp_path / "x.sock")
    assert control_path(None, str(file)) == "/run/named.sock"
    assert control_path(None, None) == default_control()
    file.rename(tmp_path / "fcgipm.yaml")
    assert control_path(None, None) == "/run/named.sock"


def test_it_costs_pyyaml_alone(tmp_path: Path) -> None:
    file = tmp_path / "fcgipm.yaml"
    file.write_text("control: /run/c.sock\n")
    code = (
        "import json, sys\n"
        "from fcgipm.system.paths import control_path_of, default_control\n"
        "before = 'yaml' in sys.modules\n"
        "default_control()\n"
        "found = control_path_of(sys.argv[1])\n"
        "print(json.dumps([found, before, sorted({'pydantic', 'click', 'fcgipm.config.model'} & sys.modules.keys())]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, check=True)
    assert json.loads(done.stdout) == ["/run/c.sock", False, []]
