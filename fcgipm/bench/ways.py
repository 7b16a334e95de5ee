"""The ways to one application that are compared."""

from __future__ import annotations

from typing import NamedTuple

CGI, FASTCGI = "cgi", "fastcgi"
DIRECT, NGINX = "direct", "nginx"


class Way(NamedTuple):
    """How requests reach the application."""

    interface: str
    """CGI: a process for each request. FASTCGI: workers that stay."""
    kept: bool
    """Connections to the pool stay open between requests."""
    door: str
    """DIRECT: our own client is at the pool's socket. NGINX: it is at nginx's."""

    @property
    def name(self) -> str:
        """One word, for files and JSON."""
        return f"{self.interface}{'-kept' if self.kept else ''}-{self.door}"

    @property
    def label(self) -> str:
        """For people."""
        return f"{LABELS[self.interface, self.kept]}, {'through nginx' if self.door == NGINX else 'directly'}"


LABELS = {
    (CGI, False): "CGI, a process a request",
    (FASTCGI, False): "FastCGI, a connection a request",
    (FASTCGI, True): "FastCGI, connections kept",
}


def ways(with_nginx: bool) -> list[Way]:
    """All of them: what is compared stands side by side."""
    doors = (DIRECT, NGINX) if with_nginx else (DIRECT,)
    return [Way(interface, kept, door) for door in doors for interface, kept in LABELS]
