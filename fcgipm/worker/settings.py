"""What a template and its workers are told once, in START (see `fcgipm.orders`)."""

from __future__ import annotations

import json
from typing import List, NamedTuple, Optional, Sequence


class Timeouts(NamedTuple):
    """Seconds."""

    first_byte: float
    """From accept to the first byte of a request."""
    header: float
    """From its first byte to the end of its params."""
    body: float
    """For the next piece of its body."""
    write: float
    """For the peer to take more of the response."""
    keepalive: float
    """A kept connection without a request."""
    request: float = 50.0
    """For the next block of a CGI program's response. (An application in the worker is watched by the master.)"""
    kill_after: float = 5.0
    """For a CGI program to end when it has been told to."""


class Settings(NamedTuple):
    pool: str
    generation: int
    app: Optional[str]
    directory: str
    mount: str
    threads: int
    no_new_privs: bool
    master: int
    """The master's process id."""
    allow: List[Optional[List[str]]]
    """For each listener, the IP addresses that may connect; None: all."""
    timeouts: Timeouts
    max_params: int
    """Bytes."""
    preload: bool = True
    """The template imports the application; else each worker does."""
    worker_start: Optional[str] = None
    """A function to call before a worker accepts, ``module:function``."""
    worker_stop: Optional[str] = None
    """One to call after its last request."""
    access_file: str = "off"
    """``off``, ``stderr``, or a path: then its descriptor comes behind the listeners with START."""
    access_format: str = "json"
    open_files: Optional[int] = None
    core: Optional[int] = None
    """Bytes."""
    interface: str = "wsgi"
    """``wsgi``, or ``cgi``: a process for each request."""
    cgi: Optional[str] = None
    """The folder of CGI scripts; with one `app` is None."""
    records: bool = False
    """The application may look at its requests' records (`recording`)."""
    command: Sequence[str] = ()
    """A foreign program and its arguments, in the place of an application."""
    backlog: int = 0
    """Of its only listener."""
    own_listener: bool = False
    """Each edition of the pool has a listener of its own, as unix sockets can at one path."""


def decode_start(text: bytes) -> Settings:
    """START's JSON. Comes from our own master, so it is not validated again."""
    start = json.loads(text)
    settings = Settings(
        pool=start["pool"],
        generation=start["generation"],
        app=start["app"],
        directory=start["directory"],
        mount=start["mount"],
        threads=start["threads"],
        no_new_privs=start["no_new_privs"],
        master=start["master"],
        allow=[listener["allow"] for listener in start["listen"]],
        timeouts=Timeouts(*(start["timeouts"][name] for name in Timeouts._fields)),
        max_params=start["limits"]["params"],
        preload=start["preload"],
        worker_start=start["hooks"]["worker_start"],
        worker_stop=start["hooks"]["worker_stop"],
        access_file=start["access_log"]["file"],
        access_format=start["access_log"]["format"],
        open_files=start["limits"]["open_files"],
        core=start["limits"]["core"],
        interface=start["interface"],
        cgi=start["cgi"],
    )
    if not start["command"]:
        return settings
    (listener,) = start["listen"]
    return settings._replace(command=start["command"], backlog=listener["backlog"], own_listener=listener["address"].startswith("unix:"))
