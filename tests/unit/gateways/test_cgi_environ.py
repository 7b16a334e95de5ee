"""Which params become variables of a CGI program."""

from __future__ import annotations

import pytest

from fcgipm.gateways.cgi_environ import variables


@pytest.mark.parametrize(
    "name",
    [
        "LD_PRELOAD", "PATH", "PYTHONPATH", "HTTPS_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "http_proxy", "HTTP_a", "HTTP_A\n", "HTTP_Ä",
        "HTTP_A=B", "", "wsgi.url_scheme",
    ],
)  # fmt: skip
def test_c169_what_stays_out(name: str) -> None:
    assert variables({name: "evil"}, {}) == variables({}, {})


def test_c169_facts_pass_and_the_pool_wins() -> None:
    found = variables({"HTTP_A": "é", "SSL_CLIENT_VERIFY": "NONE", "SERVER_NAME": "theirs", "REMOTE_USER": "\u0416"}, {b"SERVER_NAME": b"ours"})
    assert (found[b"HTTP_A"], found[b"SSL_CLIENT_VERIFY"], found[b"SERVER_NAME"]) == (b"\xe9", b"NONE", b"ours")
    assert b"REMOTE_USER" not in found, "no bytes of a request"
