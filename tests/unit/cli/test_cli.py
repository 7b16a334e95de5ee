"""The command line as a whole: what it lists, what it costs, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from fcgipm import __version__
from fcgipm.cli import COMMANDS, main


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fcgipm.cli", *arguments], capture_output=True, text=True, timeout=30, check=False
    )


def test_the_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"fcgipm {__version__}\n", "")


def test_help_lists_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    for name, (_, line) in COMMANDS.items():
        assert f"  {name} " in done.stdout and line.split()[0] in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_exists_and_has_help(name: str) -> None:
    command = import_module(f"fcgipm.cli.{COMMANDS[name][0]}").command
    assert isinstance(command, click.Command)
    assert command.help


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["--no-such-option"],
        ["check", "--no-such-option"],
        ["check", "surplus"],
        ["check", "-c"],
        [],
    ],
)
def test_wrong_usage_is_64(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 64
    assert "Error: " in (said := capsys.readouterr().err) or "Usage: fcgipm" in said


def test_a_failure_of_ours_is_70(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("fcgipm.config.schema.json_schema", broken)
    monkeypatch.setattr("fcgipm.cli.schema.json_schema", broken, raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["schema"])
    assert ended.value.code == 70
    assert "ZeroDivisionError: ours" in capsys.readouterr().err


def test_a_reader_that_leaves_early_sees_no_traceback() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "fcgipm.cli", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


HEAVY = ["pydantic", "yaml", "asyncio", "fcgipm.config", "fcgipm.system.paths", "fcgipm.system.errors", "fcgipm.master", "fcgipm.wire", "rich"]


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_what_needs_no_command_imports_none(arguments: list[str]) -> None:
    code = (
        "import json, sys\nfrom fcgipm.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print('\\n' + json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, timeout=30
    )
    assert set(HEAVY) & set(json.loads(done.stdout.splitlines()[-1])) == set()


def test_commands_for_the_daemon_do_without_the_model(tmp_path: Path) -> None:
    """`ping`, `status` and `stop` are run often, by monitoring too."""
    for name in ("ping", "status", "stop"):
        code = f"import json, sys, fcgipm.cli.{name}\nprint(json.dumps(sorted(sys.modules)))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
        assert {"pydantic", "fcgipm.config.model"} & set(json.loads(done.stdout)) == set(), name
