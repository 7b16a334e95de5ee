"""Pools of other users: privileges are dropped before the pool's Python starts, and nothing of the master's or of another pool's is within reach."""

from __future__ import annotations

import grp
import json
import os
import pwd
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import ask

pytestmark = pytest.mark.root

DaemonFactory = Callable[..., Daemon]

PYTHON = "/usr/bin/python3"
"""Debian's: the tests' own interpreter may be in a folder that only its owner can enter."""


def who_as(user: str, **more: Any) -> dict[str, Any]:
    return {"app": "identity:application", "python": PYTHON, "user": user, **more}


def told(daemon: Daemon, path: str = "/", pool: str = "web") -> Any:
    reply = ask(daemon.address(pool), path)
    assert reply.status == 200
    return json.loads(reply.body)


@pytest.fixture(scope="module")
def joiner() -> Iterator[str]:
    """A user with supplementary groups."""
    name = f"fcgipm{os.getpid()}"
    subprocess.run(["useradd", "--no-create-home", "--groups", "mail,games", name], check=True)
    yield name
    subprocess.run(["userdel", name], check=True, stderr=subprocess.DEVNULL)


def test_worker_and_template_are_the_pools_user(daemon_factory: DaemonFactory, joiner: str) -> None:
    daemon = daemon_factory({"web": who_as(joiner, umask="0037", nice=3)})
    user = pwd.getpwnam(joiner)
    groups = {user.pw_gid, grp.getgrnam("mail").gr_gid, grp.getgrnam("games").gr_gid}
    who = told(daemon)
    template = daemon.status()["pools"]["web"]["template"]["pid"]
    for status in (who["status"], fields_of(template)):
        assert status["Uid"].split() == [str(user.pw_uid)] * 4
        assert status["Gid"].split() == [str(user.pw_gid)] * 4
        assert set(map(int, status["Groups"].split())) == groups
        assert status["NoNewPrivs"] == "1"
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
        assert int(status["Umask"], 8) == 0o037
    assert who["nice"] == os.getpriority(os.PRIO_PROCESS, template) == 3
    assert who["sid"] == template and who["pgid"] == who["pid"]


def test_group_alone_and_no_new_privs_off(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": who_as("www-data", group="games", no_new_privs=False)})
    status = told(daemon)["status"]
    assert status["Gid"].split() == [str(grp.getgrnam("games").gr_gid)] * 4
    assert status["NoNewPrivs"] == "0"


def test_the_environment_is_clean(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": who_as("www-data", env={"SHOP": "1"})}, env={"SECRET_OF_THE_STARTER": "x"})
    environ = told(daemon)["environ"]
    assert environ["SHOP"] == "1" and environ["USER"] == environ["LOGNAME"] == "www-data"
    assert "SECRET_OF_THE_STARTER" not in environ
    assert set(environ) <= {"SHOP", "PATH", "LANG", "LC_CTYPE", "HOME", "USER", "LOGNAME", "FCGIPM_TEST_DAEMON"}


def test_a_pth_file_runs_as_the_pools_user(daemon_factory: DaemonFactory, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A virtual environment belongs to whoever deploys: what runs in it before our first line must not run as root."""
    daemon = Daemon({"web": who_as("www-data")})
    try:
        subprocess.run([PYTHON, "-m", "venv", "--without-pip", daemon.folder / "venv"], check=True)
        (site,) = (daemon.folder / "venv" / "lib").glob("python3*/site-packages")
        evidence = daemon.folder / "evidence"
        evidence.mkdir()
        evidence.chmod(0o777)
        line = f"import os; open('{evidence}/' + str(os.getpid()), 'w').write(str(os.getresuid() + os.getresgid()) + str(os.getgroups()))\n"
        (site / "evil.pth").write_text(line)
        daemon.write(daemon.file.read_text().replace(PYTHON, str(daemon.folder / "venv" / "bin" / "python")))
        with daemon.start():
            assert told(daemon)["status"]["Uid"].split()[0] == "33"
            assert [file.read_text() for file in evidence.iterdir()] == ["(33, 33, 33, 33, 33, 33)[33]"]
    finally:
        daemon.destroy()


def test_nothing_of_the_masters_or_of_another_pools_is_within_reach(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    def listen(name: str, owner: str) -> dict[str, Any]:
        return {"address": f"unix:{daemon.run_folder}/{name}.sock", "mode": "0600", "owner": owner}

    daemon = Daemon({"one": who_as("www-data"), "two": who_as("nobody")})
    pools = {name: {**daemon.pools[name], "listen": listen(name, owner)} for name, owner in (("one", "www-data"), ("two", "nobody"))}
    log = daemon.folder / "log"
    daemon.write(json.dumps({"control": str(daemon.control_path), "log": {"file": str(log)}, "pools": pools}))
    with daemon.start(ready=False):
        eventually(lambda: log.exists() and "ready to serve" in log.read_text(), "it serves")
        daemon.file.chmod(0o600)
        (two,) = daemon.workers("two")
        template = daemon.status()["pools"]["two"]["template"]["pid"]
        reach = [daemon.file, log, daemon.control_path, f"{daemon.control_path}.lock", f"{daemon.run_folder}/two.sock"]
        reach += [f"/proc/{pid}/{what}" for pid in (daemon.pid, two, template) for what in ("mem", "environ")]
        reach += [f"/proc/{pid}/fd/{number}" for pid in (daemon.pid, two, template) for number in os.listdir(f"/proc/{pid}/fd")]
        for path in reach:
            assert told(daemon, "/open?" + quote(str(path)), "one") in ("PermissionError", "FileNotFoundError"), path
        assert told(daemon, f"/open?{daemon.run_folder}/one.sock", "one") == "OSError", "a socket of its own, which is no file"


def test_the_scoreboard_cannot_be_truncated(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": who_as("www-data")})
    assert set(told(daemon, "/truncate")) == {"PermissionError"}
    assert daemon.settled()["requests"]["total"] == 1


def test_stderr_can_be_opened_by_name_as_the_pools_user(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": who_as("www-data")})
    assert told(daemon, "/reopen-stderr") == "written"
    daemon.wait_for_line("by a name of its own$")


def test_the_owner_of_the_socket(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    listen = {"address": f"unix:{tmp_path}/web.sock", "mode": "0640", "owner": "nobody", "group": "www-data"}
    daemon_factory({"web": who_as("www-data", listen=listen)})
    found = (tmp_path / "web.sock").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (pwd.getpwnam("nobody").pw_uid, 33, 0o640)


def fields_of(pid: int) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
