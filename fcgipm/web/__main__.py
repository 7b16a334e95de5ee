"""``python -I -m fcgipm.web``: one embedded server, its specification (JSON) on standard input. Started by the master alone."""

import json
import sys

from fcgipm.web.server import serve

if __name__ == "__main__":
    serve(json.load(sys.stdin))
