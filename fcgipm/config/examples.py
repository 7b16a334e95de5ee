"""What may be written where a mapping or a list is wanted: errors show it, and a test reads each as a file would be read."""

from __future__ import annotations

from fcgipm.config.errors import Path

_POOL = '{app: "shop.wsgi:application", listen: "unix:/run/fcgipm/shop.sock"}'

EXAMPLES = {
    "access_log": "{file: stderr}",
    "allow": "[127.0.0.1]",
    "command": "[./dispatch.fcgi]",
    "control": "{path: /run/fcgipm/control.sock}",
    "defaults": "{workers: 4}",
    "env": "{LANG: C.UTF-8}",
    "hooks": '{worker_start: "shop.hooks:begin"}',
    "http": '[{listen: "127.0.0.1:8000", pool: shop}]',
    "include": "[pools.d/*.yaml]",
    "inherit_env": "[HOME]",
    "limits": "{open_files: 4096}",
    "listen": '{address: "127.0.0.1:9000"}',
    "log": "{file: stderr}",
    "pools": f"{{shop: {_POOL}}}",
    "probe": "{path: /healthz}",
    "recycle": "{requests: 1000}",
    "slow_log": "{after: 2s}",
    "static": "{/static: /srv/shop/static}",
    "status": '{listen: "127.0.0.1:9180"}',
    "timeouts": "{request: 50s}",
    "workers": "{min: 2, max: 8}",
}
"""Key → value, for every key whose value is or may be a mapping or a list."""

ITEMS = {"http": '{listen: "127.0.0.1:8000", pool: shop}', "listen": '{address: "127.0.0.1:9000"}'}
"""The same for an item of a key's list."""


def example(path: Path) -> str:
    """What to write at `path`, its key with it; "" where there is no example."""
    if not path:
        return ""
    last = path[-1]
    if isinstance(last, int):
        item = ITEMS.get(str(path[-2]))
        return "" if item is None else f"- {item}"
    value = _POOL if path[:-1] == ("pools",) else EXAMPLES.get(last)
    return "" if value is None else f"{last}: {value}"
