"""The shipped configuration files themselves."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.nginx import SHIPPED, Nginx, nginx_binary


@pytest.mark.parametrize("file", ["fcgipm.conf", "fcgipm-mounted.conf"])
def test_nginx_accepts_them_unchanged(file: str, tmp_path: Path) -> None:
    """As a user installs them: copied, nothing put in but the port, which an ordinary user cannot have."""
    (tmp_path / "fcgipm_params").write_text((SHIPPED / "fcgipm_params").read_text())
    (tmp_path / "site.conf").write_text((SHIPPED / file).read_text().replace("listen 80;", "listen 18080;"))
    assert _tried(tmp_path) == (0, "")



def test_every_line_says_why() -> None:
    """Each parameter stands in a paragraph that begins with a comment."""
    for paragraph in (SHIPPED / "fcgipm_params").read_text().split("\n\n"):
        assert paragraph.startswith("#") or "GATEWAY_INTERFACE" in paragraph, paragraph


def test_the_two_sites_agree() -> None:
    """The example of two applications repeats the first file: the same map, the same directives."""
    both = [(SHIPPED / name).read_text() for name in ("fcgipm.conf", "fcgipm-mounted.conf")]
    maps = [re.search(r"^map .*?^}", text, re.DOTALL | re.MULTILINE) for text in both]
    assert maps[0] and maps[1] and maps[0][0] == maps[1][0]
    directives = [{line.strip() for line in text.splitlines() if re.match(r"\s+(fastcgi_|merge|client_)", line)} for text in both]
    assert directives[0] - {"fastcgi_pass fcgipm_web;"} <= directives[1]


def test_nobody_behind_the_socket_is_502(nginx_factory: type[Nginx], tmp_path: Path) -> None:
    nginx = nginx_factory(f"unix:{tmp_path}/nobody.sock", tolerate=[r"connect\(\) to unix:.* failed"])
    assert nginx.ask("/").status == 502


def test_the_block_of_a_configuration(tmp_path: Path) -> None:
    """`fcgipm nginx` for two pools, one below a prefix, one with static files; and each of them alone."""
    for folder in ("shop", "my files"):
        (tmp_path / folder).mkdir()
    (tmp_path / "fcgipm.yaml").write_text(
        "control: c.sock\n"
        "http: [{listen: 127.0.0.1:8000, pool: web, static: {/static: shop, /media: my files}}]\n"
        "pools:\n"
        "  web: {app: 'a:app', listen: 127.0.0.1:9000}\n"
        "  blog: {app: 'a:app', listen: '[::]:9001', mount: /blog}\n"
    )
    (tmp_path / "fcgipm_params").write_text(_printed("--params"))
    for pool in ([], ["web"], ["blog"]):
        options = ["-c", str(tmp_path / "fcgipm.yaml"), "--server-name", "a.example www.a.example", "--listen", "18080"]
        (tmp_path / "site.conf").write_text(_printed(*pool, *options))
        assert _tried(tmp_path) == (0, "")


def test_what_has_no_block(tmp_path: Path) -> None:
    (tmp_path / "fcgipm.yaml").write_text("control: c.sock\npools:\n  a: {app: 'a:app', listen: fd:3}\n  b: {app: 'a:app', listen: 127.0.0.1:9000}\n")
    for arguments, words in ([], "both at the root"), (["c"], "there is a, b"), (["a"], "--address"), (["--address", "x"], "--address x must be"):
        command = [sys.executable, "-m", "fcgipm.cli", "nginx", "-c", str(tmp_path / "fcgipm.yaml"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 64 and words in done.stderr and done.stdout == "", done.stderr


def _printed(*arguments: str) -> str:
    command = [sys.executable, "-m", "fcgipm.cli", "nginx", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout


def _tried(folder: Path) -> tuple[int, str]:
    """What nginx -t says about site.conf and fcgipm_params in the folder."""
    main = f"daemon off; pid {folder}/pid; error_log stderr; events {{}} http {{ access_log off; include {folder}/site.conf;"
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(f"{main} {temporary} }}")
    command = [nginx_binary(), "-t", "-q", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stderr
