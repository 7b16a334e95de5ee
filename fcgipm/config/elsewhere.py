"""Keys by the names that php-fpm, uWSGI and gunicorn have for them, and what they are called here."""

from __future__ import annotations

from collections.abc import Collection

_MOST, _EACH, _LEAST, _SPARE = "workers: {max: 8}", "workers: 4", "workers: {min: 2, max: 8}", "workers: {min: 2, max: 8, spare: 2}"
_REQUESTS, _LONGEST, _LISTEN = "recycle: {requests: 1000}", "timeouts: {request: 50s}", "listen: unix:/run/fcgipm/shop.sock"
_APP, _FILE, _FOLDER, _PYTHON = "app: shop.wsgi:application", "app: wsgi.py:application", "directory: /srv/shop", "python: /srv/shop/venv/bin/python"

KEYS = {
    # php-fpm
    "pm": "workers: {mode: dynamic}",
    "pm.max_children": _MOST,
    "max_children": _MOST,
    "pm.min_spare_servers": _SPARE,
    "pm.max_spare_servers": _SPARE,
    "pm.start_servers": _LEAST,
    "pm.process_idle_timeout": "workers: {min: 2, max: 8, idle_timeout: 10s}",
    "pm.max_requests": _REQUESTS,
    "request_terminate_timeout": _LONGEST,
    "request_slowlog_timeout": "slow_log: {after: 5s}",
    "slowlog": "slow_log: {after: 5s, file: /var/log/fcgipm/slow.log}",
    "listen.owner": "listen: {address: 'unix:/run/fcgipm/shop.sock', owner: www-data}",
    "listen.group": "listen: {address: 'unix:/run/fcgipm/shop.sock', group: www-data}",
    "listen.mode": "listen: {address: 'unix:/run/fcgipm/shop.sock', mode: '0660'}",
    "listen.backlog": "listen: {address: 'unix:/run/fcgipm/shop.sock', backlog: 1024}",
    "listen.allowed_clients": "listen: {address: '127.0.0.1:9000', allow: [127.0.0.1]}",
    "access.log": "access_log: {file: /var/log/fcgipm/shop.log}",
    "access.format": "access_log: {file: /var/log/fcgipm/shop.log, format: combined}",
    "rlimit_files": "limits: {open_files: 4096}",
    "rlimit_core": "limits: {core: 0}",
    "chdir": _FOLDER,
    # uWSGI
    "processes": _EACH,
    "threads": "workers: {threads: 4}",
    "cheaper": _LEAST,
    "socket": _LISTEN,
    "uwsgi_socket": _LISTEN,
    "fastcgi_socket": _LISTEN,
    "chmod_socket": "listen: {address: 'unix:/run/fcgipm/shop.sock', mode: '0660'}",
    "chown_socket": "listen: {address: 'unix:/run/fcgipm/shop.sock', group: www-data}",
    "module": _APP,
    "wsgi": _APP,
    "callable": _APP,
    "wsgi_file": _FILE,
    "pythonpath": _FOLDER,
    "home": _PYTHON,
    "virtualenv": _PYTHON,
    "venv": _PYTHON,
    "uid": "user: www-data",
    "gid": "group: www-data",
    "harakiri": _LONGEST,
    "max_requests": _REQUESTS,
    "reload_on_rss": "recycle: {memory: 300MiB}",
    "max_worker_lifetime": "recycle: {age: 24h}",
    "lazy_apps": "preload: false",
    # gunicorn
    "bind": _LISTEN,
    "timeout": _LONGEST,
    "preload_app": "preload: true",
}
"""Name, with _ for -, → what to write in a pool."""


def as_here(key: str, known: Collection[str]) -> str | None:
    """What to write for `key`, where `known` are the right keys; None when this is no name of others', or what it means does not belong there."""
    ours = KEYS.get(key.lower().replace("-", "_"))
    if ours is None:
        return None
    if ours.partition(":")[0] in known:
        return f"did you mean `{ours}`?"
    return f"in a pool it is `{ours}`" if "pools" in known else None
