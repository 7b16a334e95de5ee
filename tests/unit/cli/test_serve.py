"""The small parts of `fcgipm serve`."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from watchfiles import Change

from fcgipm.cli._changes import Sources, relative
from fcgipm.cli._foreground import render
from fcgipm.cli.serve import browser_address, configuration, folders, inherited


def test_addresses() -> None:
    given = ("8000", ":8000", "localhost:8000", "0.0.0.0:80", "[::1]:80", "unix:/x")
    assert [browser_address(text) for text in given] == ["127.0.0.1:8000"] * 3 + ["0.0.0.0:80", "[::1]:80", "unix:/x"]
    assert inherited("fd:3", None, "127.0.0.1:1", "fd:x") == (3,)


def test_static_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert folders(("/static=files", "/m/=/srv/m")) == {"/static": f"{tmp_path}/files", "/m": "/srv/m"}
    for wrong in ("static=x", "/static", "/static="):
        with pytest.raises(click.UsageError, match="--static takes"):
            folders((wrong,))


def test_the_environment_is_passed_on_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    monkeypatch.setenv("no-name", "x")
    made = configuration(tmp_path, "site:app", "127.0.0.1:1", None, 2, {})
    names = made["pools"]["app"]["inherit_env"]
    assert "TOKEN" in names and "no-name" not in names and "secret" not in repr(made)


def test_lines_of_the_log_for_a_person() -> None:
    when = '{"time": "2026-11-22T12:00:00.123Z", '
    assert render(when + '"level": "info", "message": "http: GET / 200 1.2 ms", "pool": "app", "pid": 7}').endswith(":00 GET / 200 1.2 ms")
    assert render(when + '"level": "info", "message": "printed", "pool": "app", "pid": 7}').endswith(":00 app[7]: printed")
    assert render(when + '"level": "error", "message": "no", "pool": "app"}').endswith(":00 app: error: no")
    assert render("fcgipm: cannot listen\n") == "fcgipm: cannot listen"
    assert render("[1]\n") == "[1]"


def test_what_counts_as_a_change() -> None:
    wanted = {
        "/s/a.py": True, "/s/t/x.html": True, "/s/.env": False, "/s/db.sqlite3": False, "/s/__pycache__/a.py": False, "/s/.git/x.py": False,
        "/s/a.py.swp": False, "/s/a.log": False, "/s/conf.toml": True,
    }  # fmt: skip
    sources = Sources()
    assert {path: sources(Change.modified, path) for path in wanted} == wanted
    assert relative("/s", ["/s/b.py", "/s/a/c.py", "/s/b.py"]) == ["a/c.py", "b.py"]
