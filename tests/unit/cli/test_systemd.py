"""`fcgipm systemd`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from fcgipm.cli.systemd import command


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "fcgipm.yaml"
    found.write_text(f"control: {tmp_path}/control.sock\npools: {{web: {{app: 'shop:app', listen: 'unix:{tmp_path}/web.sock'}}}}\n")
    return found


def test_it_prints_a_unit_for_the_configuration(file: Path) -> None:
    done = CliRunner().invoke(command, ["-c", str(file), "--path", "/opt/./fcgipm/bin/fcgipm"])
    assert done.exit_code == 0 and f"\nExecStart=/opt/fcgipm/bin/fcgipm run -c {file}\n" in done.output
    assert f"\nExecReload=/opt/fcgipm/bin/fcgipm reload --control {file.parent}/control.sock\n" in done.output


def test_the_program_is_the_one_beside_this_python(file: Path) -> None:
    done = CliRunner().invoke(command, ["-c", str(file)])
    assert f"\nExecStart={Path(sys.executable).parent}/fcgipm run -c " in done.output


def test_a_relative_path_is_refused(file: Path) -> None:
    done = CliRunner().invoke(command, ["-c", str(file), "--path", "bin/fcgipm"])
    assert done.exit_code == 2 and "must be an absolute path, not bin/fcgipm" in done.output


def test_a_wrong_configuration_is_told(file: Path) -> None:
    file.write_text("pools: 5\n")
    assert CliRunner().invoke(command, ["-c", str(file)]).exit_code == 78
