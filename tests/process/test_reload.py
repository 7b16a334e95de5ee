"""Reload: new code, configuration and listeners under traffic. What fails leaves everything as it was; what succeeds loses nothing."""

from __future__ import annotations

import json
import os
import pwd
import re
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.process.test_master_start import free_port
from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import Connection, ask, environ, request
from tests.support.gate import Gate
from tests.support.load import PAUSE

DaemonFactory = Callable[..., Daemon]

APP = """
import os, socket
VERSION = {version!r}

def application(environ, start_response):
    body = environ["wsgi.input"].read() if environ["REQUEST_METHOD"] == "POST" else b""
    gated = environ.get("GATE") or environ["QUERY_STRING"]
    if gated:
        with socket.socket(socket.AF_UNIX) as gate:
            gate.connect(gated)
            gate.recv(1)
    status = "200 OK" if environ["PATH_INFO"] != "/healthz" else {health!r}
    start_response(status, [("Content-Type", "text/plain")])
    return [VERSION.encode() + body]
"""


class Site:
    """A daemon with an application of its own, whose code and configuration change."""

    def __init__(self, factory: DaemonFactory, folder: Path, pools: Mapping[str, Mapping[str, Any]] | None = None, **options: Any) -> None:
        self.code = folder / "shop.py"
        if os.geteuid() == 0:
            folder.chmod(0o755)
        self.write("one")
        given = {"web": {"workers": 2}} if pools is None else pools
        common = {"app": "shop:application", "directory": str(folder), "env": {"PYTHONDONTWRITEBYTECODE": "1"}}
        self.daemon = factory({name: {**common, **pool} for name, pool in given.items()}, **options)
        self.file: dict[str, Any] = yaml.safe_load(self.daemon.file.read_text())

    def write(self, version: str, health: str = "200 OK") -> None:
        """Other code, whole at any time."""
        fresh = self.code.with_suffix(".new")
        fresh.write_text(APP.format(version=version, health=health))
        fresh.replace(self.code)

    def configure(self, **pool: Any) -> None:
        """Other keys for pool web."""
        self.file["pools"]["web"].update(pool)
        self.save()

    def save(self) -> None:
        self.daemon.write(yaml.safe_dump(self.file))

    def reload(self, pool: str | None = None) -> tuple[int, str]:
        """Exit status and everything said."""
        return self.daemon.reload(pool)

    def answer(self, pool: str = "web", **params: str) -> bytes:
        return ask(self.daemon.address(pool), **params).body

    def pool(self, name: str = "web") -> dict[str, Any]:
        return dict(self.daemon.status()["pools"][name])


@pytest.fixture
def site(daemon_factory: DaemonFactory, tmp_path: Path) -> Callable[..., Site]:
    return lambda pools=None, **options: Site(daemon_factory, tmp_path, pools, **options)


@contextmanager
def load(address: str, clients: int = 4) -> Iterator[list[str]]:
    """Clients that ask all the time, but for PAUSE, half of them over kept connections, every second time with a POST. What failed."""
    failures: list[str] = []
    answered = threading.Semaphore(0)
    over = threading.Event()

    def client(number: int) -> None:
        keep, connection, turn = number % 2 == 0, None, 0
        while not over.is_set():
            turn += 1
            body = b"-%d" % turn if turn % 2 else b""
            try:
                connection = connection or Connection(address)
                more = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(len(body))} if body else {}
                connection.send(request(environ("/", **more), body, keep=keep))
                reply = connection.read_reply()
                assert reply.status == 200 and reply.body.endswith(body), reply
                answered.release()
                time.sleep(PAUSE)
                if not keep:
                    connection.close()
                    connection = None
            except (OSError, AssertionError, EOFError) as error:
                failures.append(f"{'kept' if keep else 'new'} {turn}: {error!r}")
                connection = None
        if connection is not None:
            connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(50):
            assert answered.acquire(timeout=20)
        yield failures
        for _ in range(50):
            assert answered.acquire(timeout=20)
    finally:
        over.set()
        for thread in threads:
            thread.join()


class TestWhatIsNew:
    def test_code(self, site: Callable[..., Site]) -> None:
        shop = site()
        old = shop.daemon.workers()
        shop.write("two")
        status, text = shop.reload()
        assert status == 0 and text.splitlines()[-1] != "" and "web: generation 2 serves" in text
        assert "web: generation 2 importing" in text, "progress"
        assert shop.answer() == b"two"
        pool = shop.pool()
        assert pool["generation"] == 2 and pool["last_reload"]["ok"] and pool["last_reload"]["reason"] is None
        assert not set(old) & set(shop.daemon.workers()) and pool["exits"]["reload"] == 2

    def test_progress_is_a_line_for_each_change_of_a_pool(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({name: {"app": "hello:application", "workers": 2} for name in ("one", "two", "three")})
        *lines, result = daemon.control({"command": "reload", "pool": None, "wait": True})
        told = [line["progress"] for line in lines]
        assert len(set(told)) == len(told) and not [text for text in told if ";" in text], told
        for name in daemon.pools:
            assert f"{name}: generation 2 importing" in told and f"{name}: generation 2 serves" in result["result"]

    def test_hup(self, site: Callable[..., Site]) -> None:
        shop = site()
        shop.write("two")
        os.kill(shop.daemon.pid, signal.SIGHUP)
        shop.daemon.wait_for_line("reload: web: generation 2 serves")
        assert shop.answer() == b"two"

    def test_settings_and_the_number_of_threads(self, site: Callable[..., Site]) -> None:
        shop = site()
        shop.configure(workers={"min": 3, "max": 3, "threads": 4}, mount="/shop", timeouts={"keepalive": "5s"})
        assert shop.reload()[0] == 0
        workers = shop.pool()["workers"]
        assert (workers["idle"], workers["min"], workers["max"]) == (3, 3, 3)
        assert shop.answer() == b"one"

    def test_totals_never_go_back_and_probes_are_no_requests(self, site: Callable[..., Site]) -> None:
        shop = site({"web": {"workers": 2, "probe": {"path": "/healthz"}}})
        for number in range(1, 6):
            assert shop.answer() == b"one"
            assert shop.reload()[0] == 0
            assert shop.daemon.settled()["requests"]["total"] == number

    def test_a_pool_more_and_a_pool_less(self, site: Callable[..., Site]) -> None:
        shop = site()
        other = f"unix:{shop.daemon.run_folder}/other.sock"
        shop.file["pools"]["other"] = {**shop.file["pools"]["web"], "listen": other}
        shop.save()
        status, text = shop.reload()
        assert status == 0 and "other: generation 1 serves" in text
        assert ask(other).body == b"one"
        del shop.file["pools"]["other"]
        shop.save()
        status, text = shop.reload()
        assert status == 0 and "other: removed" in text
        assert list(shop.daemon.status()["pools"]) == ["web"]
        eventually(lambda: not os.path.exists(other[5:]), "its socket is gone")

    def test_one_pool_alone(self, site: Callable[..., Site]) -> None:
        shop = site({"web": {"workers": 1}, "blog": {"workers": 1}})
        shop.write("two")
        assert shop.reload("web")[0] == 0
        assert (shop.answer("web"), shop.answer("blog")) == (b"two", b"one")
        assert shop.pool("blog")["last_reload"] is None

    def test_the_log(self, site: Callable[..., Site], tmp_path: Path) -> None:
        shop = site()
        shop.file["log"] = {"file": str(tmp_path / "log"), "format": "json"}
        shop.save()
        assert shop.reload()[0] == 0
        last = json.loads((tmp_path / "log").read_text().splitlines()[-1])
        assert last["message"] == "reload: web: generation 2 serves"


class TestListeners:
    def test_added_and_removed(self, site: Callable[..., Site]) -> None:
        shop = site()
        first = shop.daemon.address()
        second = f"unix:{shop.daemon.run_folder}/second.sock"
        shop.configure(listen=[first, second])
        assert shop.reload()[0] == 0
        assert ask(second).body == ask(first).body == b"one"
        shop.configure(listen=[second])
        assert shop.reload()[0] == 0
        eventually(lambda: not os.path.exists(first[5:]), "its path is gone")
        assert ask(second).body == b"one"

    @pytest.mark.parametrize("kind", ["unix", "tcp"])
    def test_who_stands_in_the_queue_of_a_removed_one_is_served(self, site: Callable[..., Site], kind: str) -> None:
        shop = site({"web": {"workers": 1}})
        first = shop.daemon.address()
        second = f"unix:{shop.daemon.run_folder}/second.sock" if kind == "unix" else f"127.0.0.1:{free_port()}"
        shop.configure(listen=[first, second])
        assert shop.reload()[0] == 0
        with Gate() as gate:
            busy = Connection(first)
            busy.send(request(environ("/", GATE=gate.path), keep=False))
            gate.arrival()
            queued = [Connection(second) for _ in range(20)]
            for connection in queued:
                connection.send(request(environ("/"), keep=False))
            shop.configure(listen=[first])
            assert shop.reload()[0] == 0
            for connection in queued:
                assert connection.read_reply().body == b"one"
                connection.close()
        assert busy.read_reply().body == b"one"
        busy.close()

    def test_another_mode(self, site: Callable[..., Site]) -> None:
        shop = site()
        address = shop.daemon.address()
        before = os.stat(address[5:]).st_ino
        shop.configure(listen={"address": address, "mode": "0600", "backlog": 7})
        assert shop.reload()[0] == 0
        found = os.stat(address[5:])
        assert stat.S_IMODE(found.st_mode) == 0o600 and found.st_ino == before
        assert shop.pool()["listen"][0]["queue_max"] == 7

    @pytest.mark.root
    def test_another_owner_and_user(self, daemon_factory: DaemonFactory) -> None:
        """And another Python, which that user can reach."""
        daemon = daemon_factory({"web": {"app": "identity:application"}})
        address = daemon.address()
        file = yaml.safe_load(daemon.file.read_text())
        file["pools"]["web"].update(listen={"address": address, "owner": "nobody"}, user="nobody", python="/usr/bin/python3")
        daemon.write(yaml.safe_dump(file))
        assert daemon.command("reload").returncode == 0
        assert os.stat(address[5:]).st_uid == pwd.getpwnam("nobody").pw_uid
        assert {os.stat(f"/proc/{pid}").st_uid for pid in daemon.workers()} == {pwd.getpwnam("nobody").pw_uid}

    def test_a_path_that_somebody_took_away_is_made_anew(self, site: Callable[..., Site]) -> None:
        shop = site()
        os.unlink(shop.daemon.address()[5:])
        assert shop.reload()[0] == 0
        assert shop.answer() == b"one"

    def test_an_address_that_moves_to_another_pool(self, site: Callable[..., Site]) -> None:
        shop = site({"web": {"workers": 1}, "blog": {"workers": 1}}, tolerate=["reload failed: "])
        web, blog = shop.daemon.address("web"), shop.daemon.address("blog")
        shop.file["pools"]["web"]["listen"], shop.file["pools"]["blog"]["listen"] = blog, web
        shop.save()
        assert shop.reload("web")[0] == 1, "the other one still has it"
        assert shop.reload()[0] == 0
        listens = {name: pool["listen"][0]["address"] for name, pool in shop.daemon.status()["pools"].items()}
        assert listens == {"web": blog, "blog": web}
        assert ask(web).body == ask(blog).body == b"one"

    def test_one_that_cannot_be_had_changes_nothing(self, site: Callable[..., Site]) -> None:
        shop = site()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            shop.configure(listen=[shop.daemon.address(), f"127.0.0.1:{taken.getsockname()[1]}", f"unix:{shop.daemon.run_folder}/new.sock"])
            shop.daemon.tolerate.append("another program listens there|nothing has changed")
            status, text = shop.reload()
        assert status == 1 and "another program listens there" in text
        assert os.listdir(shop.daemon.run_folder).count("new.sock") == 0 and shop.answer() == b"one"


def _yaml(shop: Site) -> None:
    shop.daemon.write("pools: [\n")


def _unknown_key(shop: Site) -> None:
    shop.configure(wokers=3)


def _import_error(shop: Site) -> None:
    shop.code.write_text("import nothing_of_that_name\n")


def _no_application(shop: Site) -> None:
    shop.configure(app="shop:app")


def _probe(shop: Site) -> None:
    shop.configure(probe={"path": "/healthz", "status": 200})
    shop.write("two", health="503 Service Unavailable")


def _no_python(shop: Site) -> None:
    shop.configure(python="/nowhere/bin/python")


def _control(shop: Site) -> None:
    shop.file["control"] = str(shop.daemon.run_folder / "other.sock")
    shop.save()


FAILURES = {
    _yaml: r"fcgipm\.yaml:",
    _unknown_key: "unknown key: did you mean `workers`",
    _import_error: "web: ModuleNotFoundError: No module named 'nothing_of_that_name'",
    _no_application: "web: application shop:app: shop has no attribute 'app'; it has application",
    _probe: "web: probe GET /healthz: status 503, not 200",
    _no_python: "/nowhere/bin/python",
    _control: "control: cannot be changed by a reload, only by a restart",
}


class TestGivenUp:
    def test_an_address_that_is_still_being_given_up(self, site: Callable[..., Site]) -> None:
        """Its embedded server has a request to finish, and needs the pool for that."""
        port = free_port()
        http = [{"listen": f"127.0.0.1:{port}", "pool": "blog"}]
        shop = site({"web": {"workers": 1}, "blog": {"workers": 1}}, settings={"http": http}, tolerate=["reload failed"])
        before = shop.daemon.file.read_text()
        with Gate() as gate, socket.create_connection(("127.0.0.1", port), 20) as browser:
            browser.sendall(f"GET /?{gate.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            gate.arrival()
            shop.file["http"], blog = [], shop.file["pools"].pop("blog")
            shop.save()
            assert shop.reload()[0] == 0
            shop.daemon.write(before)
            status, text = shop.reload()
            assert status == 1 and f"pool blog: {blog['listen']} is still being given up: try again" in text
            gate.open()
            assert browser.makefile("rb").read().endswith(b"one")
        eventually(lambda: shop.reload()[0] == 0, "it can be had again")


class TestWhatFails:
    @pytest.mark.parametrize("spoil", FAILURES)
    def test_changes_nothing_and_says_why(self, site: Callable[..., Site], spoil: Callable[[Site], None]) -> None:
        shop = site(tolerate=["reload failed: ", "Traceback"])
        workers = shop.daemon.workers()
        control = str(shop.daemon.control_path)
        spoil(shop)
        with load(shop.daemon.address()) as failures:
            done = shop.daemon.command("reload", "--control", control)
        assert not failures
        assert done.returncode == 1 and re.search(FAILURES[spoil], done.stderr), done.stderr
        assert "nothing has changed: everything serves on as before" in done.stderr
        shop.daemon.wait_for_line(f"error reload failed: .*{FAILURES[spoil]}")
        pool = json.loads(shop.daemon.command("status", "--json", "--control", control).stdout)["pools"]["web"]
        assert sorted(process["pid"] for process in pool["processes"]) == sorted(workers) and pool["state"] == "ready"
        assert not pool["last_reload"]["ok"] and re.search(FAILURES[spoil], pool["last_reload"]["reason"])
        assert shop.answer() == b"one"

    def test_one_pool_that_fails_keeps_all(self, site: Callable[..., Site]) -> None:
        shop = site({"web": {"workers": 1}, "blog": {"workers": 1}}, tolerate=["reload failed: "])
        shop.write("two")
        shop.file["pools"]["blog"]["app"] = "shop:nothing"
        shop.save()
        assert shop.reload()[0] == 1
        assert (shop.answer("web"), shop.answer("blog")) == (b"one", b"one")
        eventually(lambda: len(shop.daemon.processes()) == 5, "only those of before are there")
        (failed,) = [event for event in shop.daemon.status()["events"] if event["kind"] == "reload"]
        assert failed["pool"] == "*" and failed["text"].startswith("failed: blog: ")
        assert " all pools reload: failed: blog: " in shop.daemon.command("status", "--events").stdout

    def test_a_pool_that_does_not_exist(self, site: Callable[..., Site]) -> None:
        shop = site(tolerate=["reload failed: "])
        status, text = shop.reload("shop")
        assert status == 1 and "there is no pool 'shop'" in text


class TestUnderLoad:
    def test_nothing_is_lost_in_ten_reloads(self, site: Callable[..., Site]) -> None:
        shop = site()
        with load(shop.daemon.address(), clients=6) as failures:
            for number in range(10):
                shop.write(f"version {number}")
                assert shop.reload()[0] == 0
        assert not failures
        assert shop.answer() == b"version 9"

    def test_kept_connections_are_kept(self, site: Callable[..., Site]) -> None:
        shop = site()
        with Connection(shop.daemon.address()) as connection:
            for number in range(4):
                version = f"version {number}"
                shop.write(version)
                assert shop.reload()[0] == 0
                assert connection.ask(environ("/"), keep=True).body == version.encode()

    def test_what_runs_is_finished_and_told_of(self, site: Callable[..., Site]) -> None:
        shop = site()
        with Gate() as gate, Connection(shop.daemon.address()) as connection:
            connection.send(request(environ("/", GATE=gate.path), keep=False))
            gate.arrival()
            shop.write("two")
            status, text = shop.reload()
            assert status == 0 and "1 worker of before still finishes" in text
            assert shop.pool()["workers"]["stopping"] == 1 and shop.answer() == b"two"
            gate.open()
            assert connection.read_reply().body == b"one"
        eventually(lambda: shop.pool()["workers"]["total"] == 2, "it is gone")

    def test_the_only_worker_of_before_is_waited_for_and_told_of(self, site: Callable[..., Site]) -> None:
        """The new one accepts the moment it is admitted, when the old one has not even been told to leave yet."""
        shop = site({"web": {"workers": 1}})
        with Gate() as gate, Connection(shop.daemon.address()) as connection:
            connection.send(request(environ("/", GATE=gate.path), keep=False))
            gate.arrival()
            status, text = shop.reload()
            assert status == 0 and "waiting for 1 worker of before" in text and "1 worker of before still finishes" in text
            gate.open()
            assert connection.read_reply().body == b"one"

    def test_a_grown_pool_does_not_shrink_by_a_reload(self, site: Callable[..., Site]) -> None:
        shop = site({"web": {"workers": {"min": 1, "max": 8, "spare": 0, "idle_timeout": "60s"}}})
        with Gate() as gate:
            connections = [Connection(shop.daemon.address()) for _ in range(5)]
            for connection in connections:
                connection.send(request(environ("/", GATE=gate.path), keep=False))
            for _ in connections:
                gate.arrival()
        for connection in connections:
            connection.read_reply()
            connection.close()
        eventually(lambda: shop.pool()["workers"]["idle"] == 5, "all are idle")
        status, text = shop.reload()
        assert status == 0 and "of 5 new workers serve" in text
        assert shop.pool()["workers"]["idle"] == 5


class TestAllAtOnce:
    def test_a_burst_comes_to_one_sane_end(self, site: Callable[..., Site]) -> None:
        shop = site()
        with load(shop.daemon.address(), clients=2) as failures:
            for number in range(200):
                shop.write(f"burst {number}")
                os.kill(shop.daemon.pid, signal.SIGHUP)
            assert shop.reload()[0] == 0
        assert not failures
        assert shop.answer() == b"burst 199"
        eventually(lambda: len(shop.daemon.processes()) == 4, "a master, a template, two workers")

    def test_who_asks_meanwhile_shares_the_next(self, site: Callable[..., Site]) -> None:
        shop = site()
        answers: list[list[dict[str, Any]]] = []
        threads = [threading.Thread(target=lambda: answers.append(shop.daemon.control({"command": "reload"}))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [answer[-1]["result"] for answer in answers].count(None) == 0
        assert shop.pool()["generation"] <= 4, "eight were asked for"

    @pytest.mark.parametrize("phase", ["reading", "importing", "serves"])
    def test_a_stop_meanwhile(self, site: Callable[..., Site], phase: str) -> None:
        shop = site(tolerate=["reload failed: the daemon stops", "nothing has changed"])
        if phase == "importing":
            shop.code.write_text("import time; time.sleep(60)\n")
        with socket.socket(socket.AF_UNIX) as session:
            session.connect(str(shop.daemon.control_path))
            session.sendall(b'{"command": "reload"}\n')
            with session.makefile("r") as answers:
                for line in answers:
                    if phase in line:
                        break
                os.kill(shop.daemon.pid, signal.SIGTERM)
                last = line if phase == "serves" else list(answers)[-1]
        assert phase == "serves" or "the daemon stops" in last or "serves" in last
        shop.daemon.stop()

    def test_a_reload_while_it_stops_is_refused(self, site: Callable[..., Site]) -> None:
        shop = site()
        with Gate() as gate, Connection(shop.daemon.address()) as connection:
            connection.send(request(environ("/", GATE=gate.path), keep=False))
            gate.arrival()
            os.kill(shop.daemon.pid, signal.SIGTERM)
            shop.daemon.wait_for_line("stopping")
            assert "the daemon stops" in shop.reload()[1]
            gate.open()
            assert connection.read_reply().body == b"one"

    def test_the_new_template_killed_meanwhile(self, site: Callable[..., Site]) -> None:
        shop = site(tolerate=["reload failed: "])
        shop.code.write_text("import time; time.sleep(60)\n")
        os.kill(shop.daemon.pid, signal.SIGHUP)
        line = shop.daemon.wait_for_line("generation 2 starts, template")
        os.kill(int(line.rpartition(" ")[2]), signal.SIGKILL)
        shop.daemon.wait_for_line("reload failed: web: the template was killed by SIGKILL")
        assert shop.answer() == b"one"

    def test_the_old_template_killed_meanwhile(self, site: Callable[..., Site]) -> None:
        shop = site(tolerate=["the template was killed"])
        first = int(shop.daemon.wait_for_line("generation 1 starts, template").rpartition(" ")[2])
        shop.write("two")
        os.kill(shop.daemon.pid, signal.SIGHUP)
        os.kill(first, signal.SIGKILL)
        shop.daemon.wait_for_line("reload: web: generation [23] serves")
        assert shop.answer() == b"two"
        eventually(lambda: len(shop.daemon.processes()) == 4, "a master, a template, two workers")
