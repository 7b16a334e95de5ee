"""What commands say when something is missing or refused."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from click.testing import CliRunner

from fcgipm.cli._daemon import fail


def test_each_line_of_a_refusal_says_who_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fail("a.yaml:1:1: one\na.yaml:2:1: two\nnothing has changed", 1)
    assert capsys.readouterr().err == "fcgipm: a.yaml:1:1: one\nfcgipm: a.yaml:2:1: two\nfcgipm: nothing has changed\n"


@pytest.mark.parametrize(("name", "extra"), [("bench", "bench"), ("demo", "demo")])
def test_without_flask(name: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each names the extra that README names for it."""
    module: Any = import_module(f"fcgipm.cli.{name}")
    monkeypatch.setattr(module, "find_spec", lambda package: None)
    done = CliRunner().invoke(module.command, [])
    assert f"the demonstration needs Flask: pip install 'fcgipm[{extra}]'" in done.output
