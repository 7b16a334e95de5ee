"""The shipped configuration files themselves."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.nginx import SHIPPED, Nginx, nginx_binary


@pytest.mark.parametrize("file", ["fcgipm.conf", "fcgipm-mounted.conf"])
def test_nginx_accepts_them_unchanged(file: str, tmp_path: Path) -> None:
    """As a user installs them: copied, nothing put in but the port, which an ordinary user cannot have."""
    main = f"daemon off; pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; include {tmp_path}/site.conf;"
    temporary = " ".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (tmp_path / "nginx.conf").write_text(f"{main} {temporary} }}")
    (tmp_path / "fcgipm_params").write_text((SHIPPED / "fcgipm_params").read_text())
    (tmp_path / "site.conf").write_text((SHIPPED / file).read_text().replace("listen 80;", "listen 18080;"))
    command = [nginx_binary(), "-t", "-q", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", "stderr"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")


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
