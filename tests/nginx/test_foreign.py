"""Foreign FastCGI programs behind nginx: they serve, scale, are reloaded without a request lost, crash and come again."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, eventually
from tests.support.foreign import APPS, KINDS, UNKEPT, command
from tests.support.load import PAUSE, KeptClient, Load, Shot
from tests.support.nginx import Nginx

Daemons = Callable[..., Daemon]
Nginxes = Callable[..., Nginx]
BODY = b"x" * 20_000


def shots(kind: str, milliseconds: int = 5) -> Iterator[Shot]:
    """GET and POST in turn, for ever."""
    name = kind.encode()
    get = Shot("GET", f"/?{milliseconds}", expect=lambda body: body.startswith(name))
    post = Shot("POST", f"/?{milliseconds}", BODY, expect=lambda body: body.endswith(b" 20000\n"))
    return itertools.cycle((get, post))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_reloads_under_load_lose_no_request(kind: str, tmp_path: Path, daemon_factory: Daemons, nginx_factory: Nginxes) -> None:
    """Each reload has other processes serve, and all of before leave."""
    daemon = daemon_factory({"web": {"command": command(kind, tmp_path), "workers": {"min": 3, "max": 6}}})
    nginx = nginx_factory(daemon.address(), substitute=UNKEPT)
    stop = False
    load = Load(nginx.port, itertools.takewhile(lambda _shot: not stop, shots(kind)), clients=8, pause=PAUSE).start()
    assert load.wait_for(50)
    for _ in range(3):
        before = set(daemon.workers())
        answered = load.outcome.answered
        code, said = daemon.reload()
        assert code == 0, said
        eventually(lambda before=before: not before & set(daemon.workers()), "those of before have left")
        assert load.wait_for(answered + 50)
    stop = True
    outcome = load.finish(60)
    assert outcome.failures == []
    assert daemon.status()["pools"]["web"]["exits"]["crash"] == 0


def test_a_crash_costs_one_request_and_is_made_good(kind: str, tmp_path: Path, daemon_factory: Daemons, nginx_factory: Nginxes) -> None:
    daemon = daemon_factory({"web": {"command": command(kind, tmp_path), "workers": 2}})
    nginx = nginx_factory(daemon.address(), substitute=UNKEPT, tolerate=["prematurely closed|reset by peer"])
    client = KeptClient(nginx.port)
    before = set(daemon.workers())
    assert client.ask(Shot("GET", "/?crash"))[0] == 502
    assert client.ask(Shot("GET", "/"))[0] == 200
    client.close()
    eventually(lambda: len(set(daemon.workers()) - before) == 1 and len(daemon.workers()) == 2, "a successor")
    pool = daemon.status()["pools"]["web"]
    assert pool["exits"]["crash"] == 1
    assert pool["state"] in ("ready", "degraded")


def test_programs_come_with_the_load_and_go_after_it(kind: str, tmp_path: Path, daemon_factory: Daemons, nginx_factory: Nginxes) -> None:
    workers = {"min": 1, "max": 5, "spare": 0, "idle_timeout": "1s"}
    daemon = daemon_factory({"web": {"command": command(kind, tmp_path), "workers": workers}})
    nginx = nginx_factory(daemon.address(), substitute=UNKEPT)
    load = Load(nginx.port, itertools.islice(shots(kind, 200), 60), clients=5).start()
    if kind != "flup":  # One process of it takes as many as come, in threads.
        eventually(lambda: daemon.status()["pools"]["web"]["workers"]["peak"] >= 4, "more of them")
    assert load.finish().failures == []
    eventually(lambda: len(daemon.workers()) == 1, "all but one have left")
    pool = daemon.status()["pools"]["web"]
    assert pool["interface"] == "fastcgi" and pool["exits"]["crash"] == 0
    assert pool["requests"]["total"] is None and pool["processes"][0]["requests"] is None


def test_one_at_a_time_for_who_comes_first(kind: str, tmp_path: Path, daemon_factory: Daemons, nginx_factory: Nginxes) -> None:
    """Mode ondemand: nobody at rest; a stop serves who is queued."""
    daemon = daemon_factory({"web": {"command": command(kind, tmp_path), "workers": {"mode": "ondemand", "max": 2, "idle_timeout": "500ms"}}})
    assert daemon.workers() == []
    nginx = nginx_factory(daemon.address(), substitute=UNKEPT)
    client = KeptClient(nginx.port)
    assert client.ask(Shot("POST", "/", BODY))[1].endswith(b" 20000\n")
    client.close()
    eventually(lambda: daemon.workers() == [], "nobody at rest")


def printed(daemon: Daemon, folder: Path) -> str:
    """A file with what `fcgipm nginx` prints for this daemon."""
    done = daemon.command("nginx")
    assert done.returncode == 0, done.stderr
    file = folder / "site.conf"
    file.write_text(done.stdout)
    return str(file)


def test_the_printed_block_keeps_no_copy_busy(kind: str, tmp_path: Path, daemon_factory: Daemons, nginx_factory: Nginxes) -> None:
    daemon = daemon_factory({"web": {"command": command(kind, tmp_path), "workers": 1}})
    php = {"        #fastcgi_param SCRIPT_FILENAME /srv/shop$fastcgi_script_name;": f"        fastcgi_param SCRIPT_FILENAME {APPS}/program.php;"}
    nginx = nginx_factory(daemon.address(), file=printed(daemon, tmp_path), substitute=php)
    client = KeptClient(nginx.port)
    for shot in itertools.islice(shots(kind), 4):
        client.ask(shot)
    eventually(lambda: daemon.status()["pools"]["web"]["workers"]["busy"] == 0, "the copy is free although its client is still there")
    client.close()


def test_one_printed_block_for_a_program_and_an_application(tmp_path: Path, daemon_factory: Daemons, nginx_factory: Nginxes) -> None:
    """Each gets what is below its mount; connections are kept to the application alone."""
    daemon = daemon_factory({"shop": {"command": command("flup", tmp_path)}, "blog": {"app": "echo:application", "mount": "/blog"}})
    upstreams = {f"fcgipm_{name}": daemon.address(name) for name in ("shop", "blog")}
    nginx = nginx_factory(upstreams, file=printed(daemon, tmp_path))
    client = KeptClient(nginx.port)
    for _ in range(3):
        for path in ("/", "/blogging", "/a/blog/b"):
            assert client.ask(Shot("GET", path))[1].startswith(b"flup ")
        assert client.ask(Shot("POST", "/", BODY))[1].endswith(b" 20000\n")
        for path, rest in (("/blog", ""), ("/blog/", "/"), ("/blog/a%20b", "/a b")):
            status, body = client.ask(Shot("GET", path))
            environ = json.loads(body)["environ"]
            assert (status, environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (200, "/blog", rest)
        assert json.loads(client.ask(Shot("POST", "/blog/", BODY))[1])["environ"]["CONTENT_LENGTH"] == "20000"
    eventually(lambda: daemon.status()["pools"]["shop"]["workers"]["busy"] == 0, "the copy is free although its client is still there")
    blog = daemon.settled("blog")
    assert [process["kept"] for process in blog["processes"]] == [1] and blog["requests"]["total"] == 12
    client.close()


def test_the_printed_block_runs_scripts(tmp_path: Path, daemon_factory: Daemons, nginx_factory: Nginxes) -> None:
    """By their path alone; the body of a client that tells no length has one."""
    script = tmp_path / "cgi-bin" / "count.sh"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\necho $SCRIPT_NAME $PATH_INFO $CONTENT_LENGTH $(wc -c)\n")
    script.chmod(0o755)
    daemon = daemon_factory({"web": {"cgi": str(script.parent), "workers": 2}})
    nginx = nginx_factory(daemon.address(), file=printed(daemon, tmp_path))
    chunked = b"1388\r\n" + b"x" * 5000 + b"\r\n0\r\n\r\n"
    head = b"POST /count.sh/more HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = nginx.raw(head + chunked)
    assert answer.startswith(b"HTTP/1.1 200 ") and b"/count.sh /more 5000 5000\n" in answer
