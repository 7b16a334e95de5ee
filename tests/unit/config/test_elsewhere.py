"""Keys as php-fpm, uWSGI and gunicorn have them: each is answered with what to write here."""

from __future__ import annotations

import pytest

from fcgipm.config.elsewhere import KEYS
from fcgipm.config.model import Pool
from tests.unit.config.given import pool, problems


@pytest.mark.parametrize("text", sorted(set(KEYS.values())))
def test_what_is_recommended_is_right(text: str) -> None:
    """Beside the rest of a pool."""
    rest = {"app": "shop:app", "listen": "fd:3", "user": "www-data"}
    lines = [f"{key}: {value}" for key, value in rest.items() if not text.startswith(f"{key}:")]
    assert problems("pools:\n  web:\n" + "".join(f"    {line}\n" for line in [*lines, text])) == []


def test_no_name_of_others_is_a_key_here() -> None:
    assert not KEYS.keys() & Pool.model_fields.keys()


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("max_children: 5", "max_children: unknown key: did you mean `workers: {max: 8}`?"),
        ("pm.max_children: 5", "pm.max_children: unknown key: did you mean `workers: {max: 8}`?"),
        ("processes: 4", "processes: unknown key: did you mean `workers: 4`?"),
        ("chdir: /srv", "chdir: unknown key: did you mean `directory: /srv/shop`?"),
        ("socket: /a.sock", "socket: unknown key: did you mean `listen: unix:/run/fcgipm/shop.sock`?"),
        ("module: shop.wsgi", "module: unknown key: did you mean `app: shop.wsgi:application`?"),
        ("wsgi-file: wsgi.py", "wsgi-file: unknown key: did you mean `app: wsgi.py:application`?"),
        ("workers: {processes: 4}", "workers.processes: unknown key: known here are mode, min, max, spare, idle_timeout, threads"),
    ],
)
def test_a_key_of_a_pool(key: str, text: str) -> None:
    assert [line.partition(": ")[2] for line in problems(pool(key))] == [f"pools.web.{text}"]


def test_at_the_top_of_the_file_it_is_told_where_it_belongs() -> None:
    assert problems(pool("umask: '0022'") + "processes: 4\n") == ["6:1: processes: unknown key: in a pool it is `workers: 4`"]
