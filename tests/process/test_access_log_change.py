"""The access log while editions of a pool and programs change under it: each request has its line, in the file of the edition that answered it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.process.test_reload import Site, load, site
from tests.process.test_upgrade import upgrade
from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import Connection, environ, request
from tests.support.gate import Gate

__all__ = ["site"]

MakeSite = Callable[..., Site]


def lines(*files: Path) -> int:
    """How many whole lines these files have together."""
    text = b"".join(file.read_bytes() for file in files)
    assert all(json.loads(line)["status"] == 200 for line in text.splitlines())
    return text.count(b"\n")


def all_told(shop: Site, *files: Path) -> None:
    """A line for each request, no more and no less."""
    total = shop.daemon.settled()["requests"]["total"]
    assert total > 0
    eventually(lambda: lines(*files) == total, f"{total} lines")


def descriptors(daemon: Daemon) -> int:
    return len(os.listdir(f"/proc/{daemon.pid}/fd"))


def logging_site(site: MakeSite, file: Path, **pool: Any) -> Site:
    return site({"web": {"workers": 2, "access_log": {"file": str(file)}, **pool}})


def test_a_reload_from_off_to_a_file_to_another_to_off(site: MakeSite, tmp_path: Path) -> None:
    shop, first, second = site(), tmp_path / "first", tmp_path / "second"
    for file in ("off", str(first), str(second), "off"):
        shop.configure(access_log={"file": file})
        assert shop.reload()[0] == 0
        assert shop.answer() == b"one"
    eventually(lambda: (lines(first), lines(second)) == (1, 1), "a line in each")


def test_a_reload_to_another_file_under_load_loses_no_line(site: MakeSite, tmp_path: Path) -> None:
    files = [tmp_path / f"access{number}" for number in range(3)]
    shop = logging_site(site, files[0])
    with load(shop.daemon.address()) as failures:
        for file in files[1:]:
            shop.configure(access_log={"file": str(file)})
            assert shop.reload()[0] == 0
            eventually(lambda file=file: lines(file) > 10, "requests go on")
    assert not failures
    all_told(shop, *files)


def test_what_an_older_edition_finishes_is_in_its_own_file(site: MakeSite, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    shop = logging_site(site, first)
    with Gate() as gate, Connection(shop.daemon.address()) as connection:
        connection.send(request(environ("/slow", GATE=gate.path), keep=False))
        gate.arrival()
        shop.configure(access_log={"file": str(second)})
        assert shop.reload()[0] == 0
        first.rename(tmp_path / "rotated")
        assert shop.daemon.command("reopen-logs").returncode == 0
        gate.open()
        assert connection.read_reply().body == b"one"
    eventually(lambda: lines(first) == 1, "the older edition writes into its reopened file")
    assert (lines(tmp_path / "rotated"), lines(second)) == (0, 0)


def test_a_file_that_cannot_be_opened_makes_a_reload_fail_and_leaves_nothing_open(site: MakeSite, tmp_path: Path) -> None:
    first = tmp_path / "first"
    common = {"workers": 1, "access_log": {"file": str(first)}}
    shop = site({"api": common, "web": common}, tolerate=["reload failed"])
    before = descriptors(shop.daemon)
    shop.configure(access_log={"file": str(tmp_path / ("x" * 256))})  # Longer than a name may be.
    for _ in range(3):
        code, said = shop.reload()
        assert code == 1 and "cannot open the access log" in said and "nothing has changed" in said
    eventually(lambda: descriptors(shop.daemon) == before, "as many descriptors as before")
    assert shop.answer() == b"one"
    eventually(lambda: lines(first) == 1, "the line goes where it went before")


def test_a_probe_has_no_line_and_the_tried_worker_logs_afterwards(site: MakeSite, tmp_path: Path) -> None:
    file = tmp_path / "access"
    shop = logging_site(site, file, workers=1, probe={"path": "/healthz"})
    assert shop.reload()[0] == 0
    assert shop.reload()[0] == 0
    assert shop.answer() == b"one"
    eventually(lambda: lines(file) == 1, "a line for the client's request alone")
    assert json.loads(file.read_text())["uri"] == "/"


def test_an_upgrade_under_load_loses_no_line(site: MakeSite, tmp_path: Path) -> None:
    file, old = tmp_path / "access", tmp_path / "old"
    shop = logging_site(site, file)
    with load(shop.daemon.address()) as failures:
        upgrade(shop.daemon)
        file.rename(old)
        os.kill(shop.daemon.pid, signal.SIGUSR1)
        shop.daemon.wait_for_line("log files reopened")
        upgrade(shop.daemon, 2)
    assert not failures
    all_told(shop, old, file)


def test_an_upgrade_whose_reload_fails_goes_on_with_the_log_of_before(site: MakeSite, tmp_path: Path) -> None:
    file, old = tmp_path / "access", tmp_path / "old"
    shop = site({"web": {"workers": 1, "access_log": {"file": str(file)}}}, tolerate=["reload failed", "Traceback"])
    shop.code.write_text("import nothing_of_that_name\n")
    os.kill(shop.daemon.pid, signal.SIGUSR2)
    shop.daemon.wait_for_line("reload failed: web: ModuleNotFoundError")
    assert shop.answer() == b"one"
    eventually(lambda: lines(file) == 1, "a line")
    file.rename(old)
    assert shop.daemon.command("reopen-logs").returncode == 0
    assert shop.answer() == b"one"
    eventually(lambda: lines(file) == 1, "a line in the new file")
    assert lines(old) == 1
