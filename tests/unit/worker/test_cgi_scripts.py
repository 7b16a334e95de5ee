"""Scripts that were found before are found again only where they still are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fcgipm.gateways.cgi_path import Outside
from fcgipm.worker.cgi_scripts import Scripts


def script(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)


def find(scripts: Scripts, path: str) -> bytes | None:
    found = scripts.find({"SCRIPT_NAME": path})
    return found and found.file


def move_out(folder: Path, name: str) -> None:
    """Out of the folder of scripts, with a link in its place."""
    (folder / "cgi" / name).rename(folder / "elsewhere")
    (folder / "cgi" / name).symlink_to(folder / "elsewhere")


def test_a_script_is_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "a" / "one")
    scripts = Scripts(str(tmp_path), "")
    first = find(scripts, "/a/one")
    monkeypatch.setattr(os.path, "realpath", None)
    assert find(scripts, "/a/one") == first == os.fsencode(tmp_path / "a" / "one")


@pytest.mark.parametrize("moved", ["a", "a/one"])
def test_what_became_a_link_out_is_noticed(tmp_path: Path, moved: str) -> None:
    script(tmp_path / "cgi" / "a" / "one")
    scripts = Scripts(str(tmp_path / "cgi"), "")
    assert find(scripts, "/a/one")
    move_out(tmp_path, moved)
    with pytest.raises(Outside, match="is a link out of"):
        find(scripts, "/a/one")


def test_behind_a_link_inside_the_target_is_looked_at_each_time(tmp_path: Path) -> None:
    script(tmp_path / "cgi" / "real" / "one")
    (tmp_path / "cgi" / "a").symlink_to("real")
    scripts = Scripts(str(tmp_path / "cgi"), "")
    assert find(scripts, "/a/one")
    move_out(tmp_path, "real")
    with pytest.raises(Outside, match="is a link out of"):
        find(scripts, "/a/one")


def test_the_folder_itself_may_be_a_link_that_is_switched(tmp_path: Path) -> None:
    """As deployments do it, `current` pointing to one release after the other."""
    for release in ("1", "2"):
        script(tmp_path / release / "one")
    (tmp_path / "current").symlink_to("1")
    scripts = Scripts(str(tmp_path / "current"), "")
    assert find(scripts, "/one")
    (tmp_path / "next").symlink_to("2")
    (tmp_path / "next").rename(tmp_path / "current")
    (tmp_path / "1" / "one").unlink()
    assert find(scripts, "/one") == os.fsencode(tmp_path / "current" / "one")
