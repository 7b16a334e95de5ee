"""Server blocks for nginx: the shipped files are this output, and what is fitted to a configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fcgipm.recipes import NoRecipe
from fcgipm.recipes.nginx import server
from fcgipm.recipes.nginx_params import PARAMS
from fcgipm.recipes.nginx_words import seconds, upstream, word, words

SHIPPED = Path(__file__).resolve().parents[3] / "nginx"


def pool(name: str, *addresses: str, mount: str = "", keepalive: float = 75.0, interface: str = "wsgi") -> dict[str, Any]:
    listen = [{"address": address} for address in addresses or [f"unix:/run/fcgipm/{name}.sock"]]
    return {"name": name, "interface": interface, "mount": mount, "listen": listen, "timeouts": {"keepalive": keepalive}}


def config(*pools: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"pools": {one["name"]: one for one in pools}, **more}


def block(*pools: dict[str, Any], server_name: str = "shop.example", **options: Any) -> str:
    more = {"http": options.pop("http")} if "http" in options else {}
    return server(config(*pools, **more), [one["name"] for one in pools], server_name=server_name, **options)


def test_the_shipped_files_are_its_output() -> None:
    assert (SHIPPED / "fcgipm_params").read_text() == PARAMS
    assert (SHIPPED / "fcgipm.conf").read_text() == block(pool("web"))
    assert (SHIPPED / "fcgipm-mounted.conf").read_text() == block(pool("web"), pool("blog", mount="/blog"))


def test_names_and_addresses_are_put_in() -> None:
    text = block(pool("shop", "127.0.0.1:9000"), server_name="a.example  b.example", listen="[::]:8080 default_server")
    assert "upstream fcgipm_shop {" in text and "fastcgi_pass fcgipm_shop;" in text
    assert "    server 127.0.0.1:9000;\n" in text
    assert "    server_name a.example b.example;\n" in text
    assert "    listen [::]:8080 default_server;\n" in text


def test_static_folders_of_the_embedded_server() -> None:
    entries = [
        {"pool": "web", "static": {"/static": "/srv/shop/static", "/media/": "/srv/my media/"}},
        {"pool": "other", "static": {"/not-here": "/srv/other"}},
    ]
    text = block(pool("web"), http=entries)
    assert "    location /static/ {\n        alias /srv/shop/static/;\n    }\n" in text
    assert '    location /media/ {\n        alias "/srv/my media/";\n' in text
    assert "not-here" not in text and "#location" not in text
    assert "alias /srv/shop/static/;" in block(pool("web", mount="/shop"), http=entries)


def test_nginx_closes_before_the_pool_does() -> None:
    text = block(pool("web", keepalive=10.0))
    assert "keepalive_timeout 8s;" in text and "(`timeouts.keepalive`, 10 s)" in text
    assert seconds(0.8) == "800ms"


def test_a_pool_below_a_prefix_alone() -> None:
    text = block(pool("blog", mount="/blog"))
    assert "location = /blog {" in text and "location /blog/ {" in text and "location / {" not in text


def test_the_address_that_nginx_can_reach() -> None:
    assert "server unix:/a.sock;" in block(pool("web", "fd:3", "unix:/a.sock"))
    with pytest.raises(NoRecipe, match="--address"):
        block(pool("web", "fd:3"))
    assert "server unix:/b.sock;" in block(pool("web", "fd:3"), address="unix:/b.sock")


def test_nothing_is_kept_at_a_foreign_program() -> None:
    text = block(pool("php", interface="fastcgi"))
    assert "        fastcgi_keep_conn off;\n" in text and "fastcgi_keep_conn on" not in text
    assert not re.search(r"^ *keepalive", text, re.MULTILINE)


def test_a_foreign_program_beside_an_application() -> None:
    text = block(pool("php", interface="fastcgi"), pool("blog", mount="/blog"))
    assert "upstream fcgipm_php {\n    server unix:/run/fcgipm/php.sock;\n}\n" in text
    assert text.count("\n    keepalive 64;\n") == 1 and "\n    fastcgi_keep_conn on;\n" in text
    assert "        fastcgi_pass fcgipm_php;\n        fastcgi_keep_conn off;" in text


def test_scripts_are_kept_like_an_application() -> None:
    text = block(pool("bin", interface="cgi"))
    assert "keepalive 64;" in text and "fastcgi_keep_conn on;" in text and "SCRIPT_FILENAME" not in text
    assert "its process is ended" in text and "close()" not in text


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("0.0.0.0:9000", "127.0.0.1:9000"),
        ("[::]:9000", "[::1]:9000"),
        ("192.0.2.7:9000", "192.0.2.7:9000"),
        ("unix:/a b.sock", '"unix:/a b.sock"'),
    ],
)
def test_upstream(address: str, written: str) -> None:
    assert upstream(address) == written


def test_two_pools_on_one_place_are_not_mixed() -> None:
    with pytest.raises(NoRecipe, match="pools web and api are both at the root of the site"):
        block(pool("web"), pool("api"))
    with pytest.raises(NoRecipe, match="both below /x"):
        block(pool("web", mount="/x"), pool("api", mount="/x"))


def test_words() -> None:
    assert word("plain-1.example") == "plain-1.example"
    assert word('a;b "c" \\') == '"a;b \\"c\\" \\\\"'
    assert words(" a  b;c ") == 'a "b;c"'
    for impossible in ("/srv/$x", "a\nb"):
        with pytest.raises(NoRecipe, match="choose another name"):
            word(impossible)
