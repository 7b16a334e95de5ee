"""Which file a request to a folder of CGI scripts means, as far as names tell. Pure: who looks at the disk is `worker.cgi_scripts`."""

from __future__ import annotations

from typing import List, NamedTuple


class Outside(Exception):
    """The request asks for something that is not below the folder; the text says what."""


class Wanted(NamedTuple):
    """Names below the folder, the first ones of which lead to a script, and what the request's path was, which ends in the same names, or at the script."""

    names: List[str]
    path: str
    path_info: str
    """What of the path the web server itself has split off."""


class Split(NamedTuple):
    """A request's path around the script (RFC 3875, sections 4.1.5 and 4.1.13)."""

    script_name: str
    path_info: str


def wanted(file: str, script_name: str, path_info: str, folder: str, mount: str) -> Wanted:
    """`file`, SCRIPT_FILENAME, says it, or else the path below `mount`. Raises Outside."""
    path = script_name + path_info
    prefix, told = (folder, file) if file else (mount, path)
    if not told.startswith(prefix.rstrip("/") + "/"):
        raise Outside(f"{told!a:.200} is not below {prefix or '/'}")
    names = told[len(prefix.rstrip("/")) + 1 :].split("/")
    for text in (told, path):
        if ".." in text.split("/") or "\0" in text:
            raise Outside(f"{text!a:.200} may lead out of {folder}")
    return Wanted(names, path, path_info)


def split(request: Wanted, count: int) -> Split:
    """The script is `count` names below the folder; the rest is its path info."""
    rest = request.names[count:]
    path_info = "/" + "/".join(rest) if rest else request.path_info if request.path != request.path_info else ""
    if not request.path.endswith(path_info):
        return Split(request.path, "")
    return Split(request.path[: len(request.path) - len(path_info)], path_info)
