"""The small parts of `fcgipm serve`."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from watchfiles import Change

from fcgipm.cli._changes import Sources, relative
from fcgipm.cli._foreground import is_of_a_reload, render
from fcgipm.cli._options import in_options
from fcgipm.cli.serve import browser_address, check_descriptors, configuration, folders, from_here, inherited


def test_addresses() -> None:
    given = ("8000", ":8000", "localhost:8000", "0.0.0.0:80", "[::1]:80", "unix:/x")
    assert [browser_address(text) for text in given] == ["127.0.0.1:8000"] * 3 + ["0.0.0.0:80", "[::1]:80", "unix:/x"]
    assert inherited("fd:3", None, "127.0.0.1:1", "fd:x") == (3,)


def test_relative_sockets_begin_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    given = ("unix:run/x.sock", "unix:/x", "unix:", "unix:@x", "unix:x/", "127.0.0.1:1")
    assert [from_here(text) for text in given] == [f"unix:{tmp_path}/run/x.sock", *given[1:]]


def test_a_descriptor_that_is_none() -> None:
    check_descriptors({"--http": "fd:0", "--listen": None})
    with pytest.raises(click.UsageError, match="--listen: fd:54321 is no open descriptor"):
        check_descriptors({"--http": "127.0.0.1:1", "--listen": "fd:54321"})


def test_what_only_the_file_says_is_told_by_option() -> None:
    said = {
        "/t/f.yaml:9:8: pools.app.python: no": "fcgipm serve: VIRTUAL_ENV: no",
        "/t/f.yaml:9:8: pools.app.inherit_env.3: no": "fcgipm serve: the environment: no",
        "/t/f.yaml:2:10: control: the path is long": "fcgipm serve: TMPDIR: the path is long",
        "/t/f.yaml:9:8: pools.app.listen.address: the path is long": "fcgipm serve: TMPDIR: the path is long",
        "/t/f.yaml:9:8: http.0.static./x.y: no": "fcgipm serve: --static: /x.y: no",
        "fcgipm: pool app: cannot listen on 127.0.0.1:1": "fcgipm serve: --listen: cannot listen on 127.0.0.1:1",
        "12:00:00 app[7]: pools.app.app: printed": "12:00:00 app[7]: pools.app.app: printed",
    }
    assert {line: in_options(line, "/t/f.yaml", "TMPDIR") for line in said} == said


def test_lines_that_only_tell_of_a_reload() -> None:
    told = ["reload: all pools", "reload failed: no", "generation 2 starts, template 5", "generation 13 starts, template 5"]
    others = ["generation 1 starts, template 5", "generation 2 has crashed", "reloading", "stopped"]
    assert [text for text in (*told, *others) if is_of_a_reload(json.dumps({"message": text}))] == told
    assert not is_of_a_reload("reload: all pools") and not is_of_a_reload("[1]")


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
