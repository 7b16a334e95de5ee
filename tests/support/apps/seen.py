"""What an application sees of its interpreter."""

import json
import sys


def application(environ, start_response):
    seen = {
        "version": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "prefix": sys.prefix,
        "path": sys.path,
        "modules": {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())},
    }
    body = json.dumps(seen).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]
