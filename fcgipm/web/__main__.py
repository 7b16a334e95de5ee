"""``python -I -m fcgipm.web``: one server, its specification (JSON) on standard input. Started by the master alone."""

import json
import sys
from importlib import import_module

if __name__ == "__main__":
    told = json.load(sys.stdin)
    import_module("fcgipm.web.status" if "status" in told else "fcgipm.web.server").serve(told)
