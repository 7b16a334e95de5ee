"""`fcgipm init`: what it finds in a folder, and what it writes, without running anything of it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml

from fcgipm.cli import main
from fcgipm.config.errors import Source
from fcgipm.config.reader import read
from fcgipm.recipes.applications import applications, settings_module
from fcgipm.recipes.first import First, pool_name, scalar, text
from fcgipm.system.search import candidates, virtual_environment

WSGI = """
import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = get_wsgi_application()
raise SystemExit("init must not run this")
"""
FLASK = "from flask import Flask\napp = Flask(__name__)\n"
BARE = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'']\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(dir="/tmp") as place:
        yield Path(place)


def init(folder: Path, *arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["init", str(folder), *arguments])
    return int(ended.value.code or 0)


def lay(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def written(folder: Path) -> dict[str, object]:
    return dict(yaml.safe_load((folder / "fcgipm.yaml").read_text()))


def only_pool(folder: Path) -> dict[str, object]:
    pools = written(folder)["pools"]
    assert isinstance(pools, dict) and len(pools) == 1
    return dict(next(iter(pools.values())))


# What a module's source holds.


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (FLASK, [("app", "Flask")]),
        ("import flask\nsite: flask.Flask = flask.Flask('x')\n", [("site", "Flask")]),
        ("def create_app(config=None):\n    app = Flask(__name__)\n    return app\n", [("create_app()", "Flask factory")]),
        ("def create_app(config): return Flask(config)\n", []),
        ("def create_app(*, config): return Flask(config)\n", []),
        ("from shop import create_app\napplication = create_app()\n", [("application", "application factory")]),
        ("def create_app(): return Flask('x')\napp = create_app()\n", [("app", "application factory"), ("create_app()", "Flask factory")]),
        ("from bottle import Bottle, route\napp = Bottle()\n", [("app", "Bottle")]),
        ("import bottle\napplication = bottle.default_app()\n", [("application", "Bottle")]),
        (WSGI, [("application", "Django")]),
        (BARE, [("application", "WSGI function")]),
        ("def simple_app(env, start): ...\ndef application(a, b): ...\n", [("application", "WSGI function"), ("simple_app", "WSGI function")]),
        ("def app(a, b, c): ...\ndef other(a, b): ...\n", []),
        ("from shop import application\n", [("application", "application imported")]),
        ("from shop import app as application\n", [("application", "application imported")]),
        ("try:\n    app = Flask('x')\nexcept E:\n    pass\n", [("app", "Flask")]),
        ("if __name__ == '__main__':\n    app = Flask('x')\n", []),
        ("def inner():\n    app = Flask('x')\n", []),
        ("app = FastAPI()\n", [("app", "FastAPI, ASGI")]),
        ("", []),
    ],
)
def test_applications_of_a_module(source: str, expected: list[tuple[str, str]]) -> None:
    assert [(found.attribute, found.kind) for found in applications(source)] == expected


def test_djangos_settings() -> None:
    assert settings_module(WSGI) == "shop.settings"
    assert settings_module('os.environ["DJANGO_SETTINGS_MODULE"] = "a.b"\n') == "a.b"
    assert settings_module('os.environ.setdefault("DJANGO_SETTINGS_MODULE", NAME)\n') is None


# What a folder holds.


def test_modules_are_named_as_python_finds_them(folder: Path) -> None:
    lay(folder, {"src/shop/__init__.py": "", "src/shop/web.py": FLASK, "site.py": FLASK, "my-app.py": FLASK, "pkg/__init__.py": FLASK})
    found = {one.file: (os.path.relpath(one.directory, folder), one.app) for one in candidates(str(folder))}
    assert found == {
        "my-app.py": (".", "my-app.py:app"),
        "pkg/__init__.py": (".", "pkg:app"),
        "site.py": (".", "site.py:app"),  # `site` is the standard library's
        "src/shop/web.py": ("src", "shop.web:app"),
    }


def test_a_wsgi_file_counts_more_than_the_rest(folder: Path) -> None:
    lay(folder, {"shop/wsgi.py": WSGI, "shop/__init__.py": "", "shop/asgi.py": "application = get_asgi_application()\n", "tool.py": FLASK})
    assert [one.app for one in candidates(str(folder))] == ["shop.wsgi:application"]


def test_what_is_not_looked_at(folder: Path) -> None:
    skipped = ["venv/lib/a.py", ".hidden/a.py", "tests/a.py", "test_a.py", "conftest.py", "node_modules/a.py", "a/b/c/d/e.py"]
    lay(folder, dict.fromkeys(skipped, FLASK))
    lay(folder, {"broken.py": "def (", "binary.py": "", "long.py": FLASK + "#" * (1 << 20)})
    (folder / "binary.py").write_bytes(b"\xff\xfe\0")
    assert candidates(str(folder)) == []


def test_a_virtual_environment(folder: Path) -> None:
    assert virtual_environment(str(folder)) is None
    lay(folder, {"venv/pyvenv.cfg": "", "venv/bin/python": ""})
    (folder / "venv/bin/python").chmod(0o755)
    assert virtual_environment("/nowhere", str(folder)) == str(folder / "venv/bin/python")


# The command.


def test_django(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay(folder, {"manage.py": "", "shop/__init__.py": "", "shop/wsgi.py": WSGI})
    assert init(folder) == 0
    said = capsys.readouterr().out
    assert "Django" in said and "shop.wsgi:application" in said and "fcgipm check --import" in said and "fcgipm run" in said
    pool = only_pool(folder)
    assert pool["app"] == "shop.wsgi:application"
    assert pool["env"] == {"DJANGO_SETTINGS_MODULE": "shop.settings"}
    assert (folder / "fcgipm.yaml").read_text().startswith("# Written by `fcgipm init` for Django in shop/wsgi.py.")


@pytest.mark.parametrize(
    ("files", "app", "directory"),
    [
        ({"app.py": FLASK}, "app:app", None),
        ({"blog/app.py": BARE}, "app:application", "blog"),
        ({"blog/__init__.py": "def create_app():\n    return Flask('x')\n"}, "blog:create_app()", None),
        ({"bottled.py": "from bottle import default_app\napp = default_app()\n"}, "bottled:app", None),
    ],
)
def test_others(folder: Path, files: dict[str, str], app: str, directory: str | None) -> None:
    lay(folder, files)
    assert init(folder) == 0
    assert only_pool(folder)["app"] == app
    assert only_pool(folder).get("directory") == directory


def test_an_existing_file_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay(folder, {"app.py": FLASK, "fcgipm.yaml": "mine\n"})
    assert init(folder) == 1
    assert "exists; it stays as it is" in capsys.readouterr().err
    assert (folder / "fcgipm.yaml").read_text() == "mine\n"


def test_several_are_listed_and_one_is_chosen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay(folder, {"a.py": FLASK, "b.py": BARE})
    assert init(folder) == 1
    said = capsys.readouterr().err
    assert "several applications" in said and "--app a:app" in said and "b:application" in said and "in b.py" in said
    assert not (folder / "fcgipm.yaml").exists()
    assert init(folder, "--app", "c:app") == 1
    assert "none of the applications" in capsys.readouterr().err
    assert init(folder, "--app", "b:application") == 0
    assert only_pool(folder)["app"] == "b:application"


def test_none_and_asgi_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(folder) == 1
    assert "no WSGI application" in capsys.readouterr().err
    lay(folder, {"main.py": "app = FastAPI()\n"})
    assert init(folder) == 1
    assert "ASGI" in capsys.readouterr().err
    assert not (folder / "fcgipm.yaml").exists()


def test_what_it_writes_is_right(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay(folder, {"shop.py": BARE})
    assert init(folder) == 0
    with pytest.raises(SystemExit) as ended:
        main(["check", "--import", "-c", str(folder / "fcgipm.yaml")])
    assert ended.value.code in (0, None), capsys.readouterr()
    assert "loaded under Python" in capsys.readouterr().out


@pytest.mark.root
class TestRoot:
    def test_the_owner_of_the_folder_runs_it(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        owner = next(entry for entry in pwd.getpwall() if entry.pw_uid)
        lay(folder, {"site.py": FLASK})
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        assert init(folder) == 0
        assert only_pool(folder)["user"] == owner.pw_name
        assert f"user    {owner.pw_name}, who owns the folder\n" in capsys.readouterr().out

    @pytest.mark.parametrize("owner", [0, 54321])
    def test_where_that_is_nobody_a_line_waits_for_a_name(self, folder: Path, capsys: pytest.CaptureFixture[str], owner: int) -> None:
        lay(folder, {"shop.py": FLASK})
        os.chown(folder, owner, owner)
        assert init(folder) == 0
        assert "user" not in only_pool(folder) and "\n    # user: shop\n" in (folder / "fcgipm.yaml").read_text()
        assert "\nuser    root: the folder is owned by no other; a user of its own is safer, see `user:` in the file\n" in capsys.readouterr().out


# The text.


@pytest.mark.parametrize("value", ["plain", "a:b()", "yes", "12", "-x", "a b", "a: b", "#", "${HOME}/x", "ends:", "ü", '"'])
def test_every_scalar_is_read_as_it_was(value: str) -> None:
    assert yaml.safe_load(f"key: {scalar(value)}") == {"key": value.replace("${", "$${")}


def test_every_variant_is_a_configuration() -> None:
    base = First(pool="web", kind="Flask", where="a.py", app="a:app", listen="unix:web.sock")
    full = First(
        pool="12", kind="Django", where="a.py", app="a:app", listen="unix:/run/x y.sock", directory="src", python="venv/bin/python",
        settings="a.settings", user="shop", group="www-data", root=True, http="127.0.0.1:8000",
    )  # fmt: skip
    for first in (base, full, First(**{**vars(base), "root": True})):
        document = read(Source("fcgipm.yaml", "/srv"), text(first).encode(), {})
        assert document.problems == []
    assert "(`useradd --system web` makes one).\n    # user: web\n" in text(First(**{**vars(base), "pool": "12", "root": True}))
    assert yaml.safe_load(text(full))["pools"]["12"]["listen"] == {"address": "unix:/run/x y.sock", "group": "www-data"}


def test_names_of_pools() -> None:
    assert pool_name("shop", "x") == "shop"
    assert pool_name("app", "my site!") == "my-site"
    assert pool_name("wsgi", "---") == "web"
    assert len(pool_name("x" * 50)) == 32
