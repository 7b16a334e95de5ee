"""A server block of nginx for pools of a configuration. The files in `nginx/` are this module's text for `shop.example`, compared byte for byte by a test;
so the reasons in the comments stand in one place, here.

One pool at the root of the site gives the block in which everything is explained; several, or one below a prefix, a block whose locations share what
they have in common and which refers to the other for the reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from fcgipm.recipes import NoRecipe
from fcgipm.recipes.nginx_words import seconds, upstream, word, words

JSON = Mapping[str, Any]

_HEAD = """\
# A site served by one pool of fcgipm. Copy it to /etc/nginx/conf.d/ (or sites-enabled/), fcgipm_params to /etc/nginx/, and put in your
# own names: the socket (the pool's `listen:`), server_name, the folder of static files. Then: nginx -t && systemctl reload nginx
# `fcgipm nginx` prints this file with the names of your configuration put in, `fcgipm nginx --params` the other.

# The host the client asked for, with its port. An absolute request target ("GET http://shop.example:8080/ HTTP/1.1") counts more than the Host
# header, which may say anything beside it (RFC 9112, 3.2.2). Used by fcgipm_params. The map belongs to the http level, once.
"""

_HEAD_OF_SEVERAL = """\
# Applications of fcgipm on one site: @what@. An application below a prefix says so in its pool (`mount: @mount@`):
# fcgipm moves the prefix from PATH_INFO into SCRIPT_NAME, and the application's own URLs and redirects begin with it.
# fcgipm.conf explains what is not explained here.

"""

HOST_MAP = """\
map $request $fcgipm_host {
    "~^[^ ]+ [A-Za-z][A-Za-z0-9+.-]*://(?<fcgipm_authority>[^/? ]+)" $fcgipm_authority;
    default $http_host;
}

"""

_UPSTREAM = """\
upstream @name@ {
    # One address, one queue in the kernel: whichever worker is free takes the next request. A single server is never
    # marked as failed (max_fails does not apply).
    server @address@;
@kept@}

"""

_KEPT = """
    # Idle connections each nginx process keeps. Saves a connect, an accept and a close per request; needs fastcgi_keep_conn below.
    keepalive 64;

    # nginx closes an idle connection before the pool does (`timeouts.keepalive`, @keepalive@ s): so no request meets a connection that is just being closed.
    keepalive_timeout @timeout@;
"""

_UNKEPT = """
    # No "keepalive": see fastcgi_keep_conn below.
"""

_UPSTREAM_OF_SEVERAL = """\
upstream @name@ {
    server @address@;
@kept@}

"""

_KEPT_OF_SEVERAL = """\
    keepalive 64;
    keepalive_timeout @timeout@;
"""

_SERVER = """\
server {
    listen @listen@;

    # Never leave it out: it is SERVER_NAME for clients that name no host.
    server_name @server_name@;

    # The application sees // in a path as the client sent it (/go/https://example.org). nginx would otherwise merge them before fcgipm_params
    # can look. The price: "location /private/" does not match //private/, so restrict access in the application, or take this line out. nginx uses the
    # value of the default server of this port.
    merge_slashes off;

    # nginx refuses bodies over 1 MiB with 413; a file upload is soon larger. The application never sees what is over the limit.
    client_max_body_size 64m;

    # Static files never need Python.
@static@
    location / {
        include fcgipm_params;
        fastcgi_pass @name@;

@keep@
        # Room for response headers, by default 4 KiB: a few large cookies exceed it, and nginx answers 502 "too big header".
        fastcgi_buffer_size 16k;
        fastcgi_buffers 16 16k;

        # Left as nginx has them, and why that is right:
        #   fastcgi_request_buffering on    a slow upload waits in nginx and holds no worker
        #   fastcgi_buffering on            a slow download is drained from nginx's buffers, the worker is free again; an application that
        #                                   streams (server-sent events) turns it off for one response: X-Accel-Buffering: no
        #   fastcgi_next_upstream           a POST is never sent twice. A GET is, when its kept connection ends without an answer: over the next kept one, at
        #                                   last over a new one. So one that kills its worker may cost a worker for each kept connection, and one more
        #                                   ("off" makes it one worker, and 502 of each GET that meets the death of a worker by chance)
        #   fastcgi_ignore_client_abort off a client that leaves ends its request: @left@
        #   underscores_in_headers off      X_B is dropped, since it would arrive under the same name as X-B (HTTP_X_B)
    }
}
"""

_KEEP = """\
        # Ask for the connection to stay open (FCGI_KEEP_CONN). Besides speed: without it nginx takes a worker that died in the middle
        # of a response for the response's proper end, and delivers half a page as a whole one.
        fastcgi_keep_conn on;
"""

_KEEP_NOT = """\
        # A foreign program (`command:`) serves whoever it has accepted until he leaves: a connection that nginx keeps would keep one copy of it from
        # everybody else, and busy while it rests. So one connection a request. The price: nginx takes a copy that died in the middle of a response for
        # the response's proper end, unless the program said a Content-Length.
        fastcgi_keep_conn off;

        # php-cgi must be told which file to run; most other programs need no such thing.
        #fastcgi_param SCRIPT_FILENAME /srv/shop$fastcgi_script_name;
"""

_LEFT = {
    "wsgi": "the application's close() is called",
    "cgi": "its process is ended",
    "fastcgi": "nginx closes the connection, and the program sees it when it writes",
}
"""What becomes of a request whose client leaves, by interface."""

_SERVER_OF_SEVERAL = """\
server {
    listen @listen@;
    server_name @server_name@;
    merge_slashes off;
    client_max_body_size 64m;

    # At the level of the server, so that every location has them. A location with a fastcgi_param of its own inherits none: include fcgipm_params there again.
    include fcgipm_params;
    fastcgi_keep_conn on;
    fastcgi_buffer_size 16k;
    fastcgi_buffers 16 16k;
@static@@locations@}
"""

_NO_STATIC = """\
    #location /static/ {
    #    root /srv/shop;
    #}
"""

_STATIC = """\
    location @prefix@ {
        alias @folder@;
    }
"""

_ROOT_LOCATION = """
    location / {
        fastcgi_pass @name@;
@unlike@    }
"""

_UNLIKE = """\
        fastcgi_keep_conn off;  # A foreign program: a kept connection would keep one copy of it from everybody else.
"""

_MOUNT_LOCATION = """
    # Both, so that @mount@ and @mount@/… belong to @pool@, and @mount@ging does not: "location @mount@" alone is a prefix of that too.
    location = @quoted@ {
        fastcgi_pass @name@;
    }
    location @quoted_slash@ {
        fastcgi_pass @name@;
    }
"""


def server(
    config: JSON, names: Iterable[str], *, server_name: str, listen: str = "80", address: str | None = None
) -> str:
    """The text of a site file for the pools of these names (all pools' mounts differ, or NoRecipe is raised).

    `config` is an effective configuration. `address` replaces that of a single pool's listener, for one that listens on an inherited descriptor.
    """
    pools = sorted((config["pools"][name] for name in names), key=lambda pool: str(pool["mount"]))
    _check_mounts(pools)
    values = {"listen": words(listen), "server_name": words(server_name), "static": _static(config, pools)}
    addresses = [address or _address(pool) for pool in pools]
    if len(pools) == 1 and not pools[0]["mount"]:
        values["static"] = values["static"] or _NO_STATIC
        kept, keep = (_UNKEPT, _KEEP_NOT) if _is_foreign(pools[0]) else (_KEPT, _KEEP)
        values.update(name=_name(pools[0]), keep=keep, left=_LEFT[pools[0]["interface"]])
        return _HEAD + HOST_MAP + _upstream(_UPSTREAM, kept, pools[0], addresses[0]) + _fill(_SERVER, **values)
    values["static"] = values["static"] and "\n" + values["static"]
    upstreams = [
        _upstream(_UPSTREAM_OF_SEVERAL, "" if _is_foreign(pool) else _KEPT_OF_SEVERAL, pool, where) for pool, where in zip(pools, addresses, strict=True)
    ]
    locations = "".join(_location(pool) for pool in pools)
    return _head_of_several(pools) + HOST_MAP + "".join(upstreams) + _fill(_SERVER_OF_SEVERAL, locations=locations, **values)


def _check_mounts(pools: list[JSON]) -> None:
    for one, other in pairwise(pools):
        if one["mount"] == other["mount"]:
            place = f"below {one['mount']}" if one["mount"] else "at the root of the site"
            raise NoRecipe(f"pools {one['name']} and {other['name']} are both {place}: name the one you mean")


def _head_of_several(pools: list[JSON]) -> str:
    what = ", ".join(f"{pool['name']} below {pool['mount']}" if pool["mount"] else f"{pool['name']} at /" for pool in pools)
    return _fill(_HEAD_OF_SEVERAL, what=what, mount=pools[-1]["mount"])


def _upstream(text: str, kept: str, pool: JSON, address: str) -> str:
    keepalive = pool["timeouts"]["keepalive"]
    kept = _fill(kept, keepalive=f"{keepalive:g}", timeout=seconds(keepalive * 0.8))
    return _fill(text, name=_name(pool), address=upstream(address), kept=kept)


def _is_foreign(pool: JSON) -> bool:
    return bool(pool["interface"] == "fastcgi")


def _name(pool: JSON) -> str:
    return f"fcgipm_{pool['name']}"


def _address(pool: JSON) -> str:
    """The first address of the pool that nginx can connect to."""
    for listen in pool["listen"]:
        if not listen["address"].startswith("fd:"):
            return str(listen["address"])
    raise NoRecipe(f"pool {pool['name']} listens on an inherited descriptor, which has no name: say with --address where nginx finds it")


def _static(config: JSON, pools: list[JSON]) -> str:
    """The folders that the embedded web server would serve for these pools."""
    names = {pool["name"] for pool in pools}
    folders: dict[str, str] = {}
    for entry in config.get("http", ()):
        if entry["pool"] in names:
            folders.update(entry["static"])
    return "\n".join(
        _fill(_STATIC, prefix=word(f"{prefix.rstrip('/')}/"), folder=word(f"{folder.rstrip('/')}/")) for prefix, folder in sorted(folders.items())
    )


def _location(pool: JSON) -> str:
    mount = pool["mount"]
    if not mount:
        return _fill(_ROOT_LOCATION, name=_name(pool), unlike=_UNLIKE if _is_foreign(pool) else "")
    return _fill(_MOUNT_LOCATION, name=_name(pool), pool=pool["name"], mount=mount, quoted=word(mount), quoted_slash=word(mount + "/"))


def _fill(text: str, **values: str) -> str:
    """Put values in place of the @names@."""
    parts = text.split("@")
    return "".join(part if index % 2 == 0 else values[part] for index, part in enumerate(parts))
