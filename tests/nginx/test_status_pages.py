"""nginx/status.conf as shipped, in a real nginx: pages, figures, the live stream, and who may see them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.nginx import SHIPPED, Nginx
from tests.support.ports import free_port
from tests.support.status import settings

PLACE = "proxy_pass http://127.0.0.1:9180/;"
SERVER_NAME = "    server_name shop.example;"
FORBIDDEN = "access forbidden by rule"


@pytest.fixture(params=["tcp", "unix"])
def nginx(request: pytest.FixtureRequest, daemon_factory: Callable[..., Daemon]) -> Iterator[Nginx]:
    """The site of nginx/fcgipm.conf with the file included, in front of a status server on a port of loopback or on a unix socket."""
    given: dict[str, Any] = settings(port := free_port())
    with TemporaryDirectory(prefix="sp", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        place = f"proxy_pass http://127.0.0.1:{port}/;"
        if request.param == "unix":
            given["status"]["listen"] = {"address": f"unix:{folder}/status.sock", "mode": "0666"}
            place = f"proxy_pass http://unix:{folder}/status.sock:/;"
        text = (SHIPPED / "status.conf").read_text()
        assert text.count(PLACE) == 1
        (folder / "status.conf").write_text(text.replace(PLACE, place))
        daemon = daemon_factory({"web": {"app": "cases:application"}}, settings=given)
        included = f"{SERVER_NAME}\n    include {folder}/status.conf;"
        with Nginx(daemon.address(), substitute={SERVER_NAME: included}, tolerate=[FORBIDDEN]) as started:
            yield started


def test_all_pages_below_the_prefix(nginx: Nginx) -> None:
    status = json.loads(nginx.ask("/fcgipm/status.json").body)
    assert status["pools"]["web"]["state"] == "ready"
    assert b"fcgipm_build_info" in nginx.ask("/fcgipm/metrics").body
    assert nginx.ask("/fcgipm/metrics", headers={"Accept": "application/openmetrics-text"}).body.endswith(b"# EOF\n")
    assert nginx.ask("/fcgipm/healthz").body == b"ok\n"
    assert nginx.ask("/fcgipm/readyz").body == b"ready\n"
    page = nginx.ask("/fcgipm/")
    assert b"<!doctype html>" in page.body and "default-src 'none'" in str(page.header("Content-Security-Policy"))
    for name in (b"dashboard.css", b"dashboard.js"):
        assert b'"' + name + b'"' in page.body  # relative, so it is asked for below the prefix
        assert nginx.ask(f"/fcgipm/{name.decode()}").status == 200
    assert nginx.ask("/hello").status == 200  # the rest is the site's, as before


def test_the_stream_is_not_held_back(nginx: Nginx) -> None:
    """Each document comes when it is sent: a buffering nginx would wait for more of them, or for the end."""
    connection = nginx.connect()
    connection.request("GET", "/fcgipm/live")
    answer = connection.getresponse()
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    for _ in range(2):
        line = answer.readline()
        assert line.startswith(b"data: ") and json.loads(line[6:])["schema"] == 1
        assert answer.readline() == b"\n"
    connection.close()


def test_others_see_nothing(nginx: Nginx) -> None:
    """A client of another address than those that the file allows."""
    for path in ("/fcgipm/", "/fcgipm/status.json", "/fcgipm/metrics", "/fcgipm/live", "/fcgipm/healthz"):
        connection = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=10, source_address=("127.0.0.2", 0))
        connection.request("GET", path)
        assert connection.getresponse().status == 403
        connection.close()
