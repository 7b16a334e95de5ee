"""What README.md shows is right: its configurations, the commands it names, and the fields of the access log."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from fcgipm.accesslog import FIELDS
from fcgipm.cli import COMMANDS
from tests.unit.config.given import pool, problems

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "yaml"])
def test_configurations(text: str) -> None:
    """A whole file, or keys of a pool, of which one `workers` after another may be shown."""
    if text.startswith("pools:"):
        assert problems(text) == []
        return
    entries = re.split(r"^(?=\S)", dedent(text), flags=re.MULTILINE)[1:]
    different = len({entry.partition(":")[0] for entry in entries}) == len(entries)
    for keys in ["".join(entries)] if different else entries:
        assert problems(re.sub(r"    listen: unix.*\n", "", pool(keys)) if "listen:" in keys else pool(keys)) == []


def test_the_commands_that_it_names_are_there() -> None:
    named = {name for _, text in BLOCKS for name in re.findall(r"(?:^|/|\$ |&& )fcgipm ([a-z][a-z-]*)", text, re.MULTILINE)}
    assert len(named) >= 9 and named <= COMMANDS.keys()
    assert set(re.findall(r"^\| `fcgipm ([a-z-]+)", README, re.MULTILINE)) == COMMANDS.keys()


def test_the_fields_of_the_access_log() -> None:
    table = README.partition("| field | |\n|---|---|\n")[2].partition("\n\n")[0]
    assert table
    told = [name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1])]
    assert sorted(told) == sorted(FIELDS)


def test_fcgipm_is_installed_from_a_path() -> None:
    """No index has it."""
    for form in re.findall(r"pip install ([^`\n]*fcgipm[^`\n#]*)", README):
        assert "/path/to/fcgipm" in form, form
