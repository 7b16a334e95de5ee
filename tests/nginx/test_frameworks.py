"""Flask, Django and Bottle behind nginx, each bare and under wsgiref.validate."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.browser import Browser
from tests.support.daemon import APPS, Daemon
from tests.support.nginx import Nginx

LINES = "".join(f"line {number}\n" for number in range(100)).encode()
UPLOAD = os.urandom(3_000_000)


class Site:
    """A daemon with one framework, and an nginx in front of it."""

    def __init__(self, daemon: Daemon, nginx: Nginx) -> None:
        self.daemon, self.nginx = daemon, nginx

    def browser(self) -> Browser:
        return Browser(self.nginx.port)


def served(app: str, **pool: object) -> Iterator[Site]:
    with (
        Daemon({"web": {"app": app, "workers": 2, **pool}}, tolerate=["Traceback", "asked for", r" error web\["]) as daemon,
        Nginx(daemon.address()) as nginx,
    ):
        yield Site(daemon, nginx)


@pytest.fixture(scope="module", params=["application", "validated"])
def flask(request: pytest.FixtureRequest) -> Iterator[Site]:
    yield from served(f"flask_site:{request.param}")


@pytest.fixture(scope="module", params=["application", "validated"])
def bottle(request: pytest.FixtureRequest) -> Iterator[Site]:
    yield from served(f"bottle_site:{request.param}")


@pytest.fixture(scope="module", params=["application", "validated"])
def django(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = str(tmp_path_factory.mktemp("django"))
    variables = {"DJANGOSITE_DATA": data, "DJANGO_SETTINGS_MODULE": "djangosite.settings"}
    subprocess.run(
        [sys.executable, "-m", "djangosite.prepare"], cwd=APPS, env={**os.environ, **variables}, check=True, timeout=50
    )
    yield from served(f"djangosite.wsgi:{request.param}", env=variables)


def test_flask_page_and_url(flask: Site) -> None:
    page = flask.browser().open("/?name=R%C3%A9n%C3%A9")
    assert page.text == f"Hello from Flask, Réné, at http://127.0.0.1:{flask.nginx.port}/"


def test_flask_unicode_path(flask: Site) -> None:
    assert flask.browser().open("/caf%C3%A9/a%20b//c").text == "a b//c"


def test_flask_upload(flask: Site) -> None:
    answer = json.loads(flask.browser().post("/upload", {"note": "größer"}, {"file": ("x.bin", UPLOAD)}).body)
    assert answer == {"size": len(UPLOAD), "sha256": hashlib.sha256(UPLOAD).hexdigest(), "note": "größer"}


def test_flask_session_over_a_redirect(flask: Site) -> None:
    browser = flask.browser()
    page = browser.post("/login", {"user": "ann"})
    assert (page.url, page.text) == (f"{browser.base}/me", "ann")
    assert flask.browser().open("/me").text == "nobody"


@pytest.mark.parametrize("path", ["/file", "/disk-file"])
def test_flask_file(flask: Site, path: str) -> None:
    assert flask.browser().open(path).body == bytes(range(256)) * 1000


def test_flask_stream(flask: Site) -> None:
    assert flask.browser().open("/stream").body == LINES


def test_flask_error_is_its_own_500(flask: Site) -> None:
    assert flask.browser().open("/error").status == 500
    assert flask.browser().open("/nowhere").status == 404
    flask.daemon.wait_for_line("RuntimeError: asked for")


def test_bottle(bottle: Site) -> None:
    browser = bottle.browser()
    assert browser.open("/?name=R%C3%A9n%C3%A9").text == "Hello from Bottle, Réné"
    answer = json.loads(browser.post("/upload", {"note": "größer"}, {"file": ("x.bin", UPLOAD)}).body)
    assert answer == {"size": len(UPLOAD), "sha256": hashlib.sha256(UPLOAD).hexdigest(), "note": "größer"}
    assert browser.post("/login", {"user": "ann"}).text == "ann"
    assert browser.open("/stream").body == LINES
    assert browser.open("/nowhere").status == 404


def test_django_sees_host_and_path(django: Site) -> None:
    browser = django.browser()
    seen = json.loads(browser.open("/about/x%20y/%C3%A9").body)
    host = f"127.0.0.1:{django.nginx.port}"
    assert seen == {"path": "/about/x y/é", "host": host, "url": f"http://{host}/about/x%20y/%C3%A9"}


def test_django_admin_login_upload_download(django: Site) -> None:
    browser = django.browser()
    assert "Log in" in browser.open("/admin/").text
    token = browser.csrf_token("/admin/login/?next=/admin/")
    form = {"csrfmiddlewaretoken": token, "username": "admin", "password": "secret", "next": "/admin/"}
    assert "Site administration" in browser.post("/admin/login/?next=/admin/", form).text
    add = "/admin/djangosite/document/add/"
    fields = {"csrfmiddlewaretoken": browser.csrf_token(add), "title": "größer"}
    page = browser.post(add, fields, {"file": ("upload.bin", UPLOAD)})
    assert page.url.endswith("/admin/djangosite/document/"), page.text
    assert "größer" in page.text
    assert browser.open("/documents/1").body == UPLOAD


def test_django_refuses_a_wrong_password(django: Site) -> None:
    browser = django.browser()
    token = browser.csrf_token("/admin/login/")
    page = browser.post("/admin/login/", {"csrfmiddlewaretoken": token, "username": "admin", "password": "wrong"})
    assert "Please enter the correct" in page.text


def test_django_stream(django: Site) -> None:
    assert django.browser().open("/stream").body == LINES


def test_django_error_is_its_own_500(django: Site) -> None:
    assert django.browser().open("/error").status == 500
    django.daemon.wait_for_line("RuntimeError: asked for")


@pytest.mark.parametrize("name", ["hello", "echo", "sleep", "stream"])
def test_the_small_applications_under_validate(name: str) -> None:
    with Daemon({"web": {"app": f"{name}:validated"}}) as daemon, Nginx(daemon.address()) as nginx:
        for method, body in (("GET", None), ("HEAD", None), ("POST", b"x" * 100_000), ("OPTIONS", None)):
            assert nginx.ask("/", method, body).status == 200


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/replace-before-headers", 500, b"error page"),
        ("/write-then-iterate", 200, b"written twice then returned"),
        ("/close-normal", 200, b"onetwo"),
        ("/leave-body", 413, b"too large"),
        ("/errors?kind=newlines", 200, b"written"),
        ("/fork", 200, b"forked"),
    ],
)
def test_rare_but_conforming_under_validate(validated_misbehave: Nginx, path: str, status: int, body: bytes) -> None:
    response = validated_misbehave.ask(path)
    assert (response.status, response.body) == (status, body)


@pytest.fixture(scope="module")
def validated_misbehave() -> Iterator[Nginx]:
    with Daemon({"web": {"app": "misbehave:validated"}}) as daemon, Nginx(daemon.address()) as nginx:
        yield nginx
