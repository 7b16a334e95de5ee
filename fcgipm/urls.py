"""What of a URL may be shown: its path, never what may be secret in it."""

from __future__ import annotations

from typing import Mapping


def request_path(params: Mapping[str, str]) -> str:
    """What a request asks for, as it was sent."""
    uri = params.get("REQUEST_URI") or params.get("SCRIPT_NAME", "") + params.get("PATH_INFO", "")
    return path_only(uri)


def path_only(url: str) -> str:
    """A URL without what may be secret: query string, fragment, user and password."""
    path = url.partition("?")[0].partition("#")[0]
    if path[:1] == "/" and path[:2] != "//":
        return path
    scheme, separator, rest = path.partition("//")
    if not separator:
        return path
    host, slash, below = rest.partition("/")
    return scheme + separator + host.rpartition("@")[2] + slash + below
