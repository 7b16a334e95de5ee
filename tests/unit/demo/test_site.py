"""The demonstration's pages without any server: as an application like any other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from flask.testing import FlaskClient

import fcgipm.demo
from fcgipm.demo import app

FOLDER = Path(fcgipm.demo.__file__).parent


@pytest.fixture
def client() -> FlaskClient:
    return app.test_client()


@pytest.mark.parametrize("path", ["/", "/journey", "/upload", "/live", "/race", "/error"])
def test_any_server_will_do(client: FlaskClient, path: str) -> None:
    """Without anything that fcgipm adds to an environ; and nothing may come from elsewhere."""
    answer = client.get(path)
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "None" not in answer.text


def test_the_journey_without_records_says_how_to_get_them(client: FlaskClient) -> None:
    assert "FCGIPM_RECORDS" in client.get("/journey").text


def test_secrets_are_not_shown(client: FlaskClient) -> None:
    text = client.get("/journey", headers={"Cookie": "session=hunter2", "Authorization": "Basic hunter2"}).text
    assert "hunter2" not in text and "Authorization: *" in text


def test_what_a_visitor_sends_is_text(client: FlaskClient) -> None:
    nasty = "<script>alert(1)</script>"
    assert nasty not in client.post("/journey", data={"word": nasty}).text
    assert nasty not in client.get("/journey", headers={"X-Nasty": nasty}).text
    assert nasty not in client.get(f"/{nasty}").text


def test_events_go_on_where_the_browser_left(client: FlaskClient) -> None:
    answer = client.get("/live/events", headers={"Last-Event-ID": "41"}, buffered=False)
    blocks = iter(answer.response)
    assert [next(blocks), next(blocks)[:7]] == [b"retry: 300\n\n", b"id: 42\n"]
    assert answer.headers["X-Accel-Buffering"] == "no"
    answer.close()


def test_refused_and_failed_pages(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/nope").status_code == 404
    assert client.delete("/").status_code == 405
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    failed = client.get("/error/now")
    assert failed.status_code == 500 and "ZeroDivisionError" in failed.text
    too_much = client.post("/upload", content_type="multipart/form-data; boundary=b", environ_overrides={"CONTENT_LENGTH": str(1 << 30)})
    assert too_much.status_code == 413


def test_it_imports_nothing_of_fcgipm() -> None:
    for file in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 1 or not str(node.module).startswith("fcgipm"), file
                assert node.level < 2, file
            elif isinstance(node, ast.Import):
                assert not any(alias.name.startswith("fcgipm") for alias in node.names), file


def test_no_address_of_elsewhere_in_its_files() -> None:
    for file in [*FOLDER.glob("templates/*"), *FOLDER.glob("static/*")]:
        assert "://" not in file.read_text().replace("http://www.w3.org/2000/svg", ""), file
