"""A WSGI application as a CGI program: ``PYTHON …/fcgipm/worker/bootstrap.py cgi MODULE:APP DIRECTORY`` answers one request and forgets everything."""

from __future__ import annotations

import sys
from wsgiref.handlers import CGIHandler

from fcgipm.worker.importing import Unimportable, find_application


def main(target: str, directory: str, only_import: bool) -> None:
    """`only_import`: tell by the exit status whether the application can be imported at all."""
    sys.path.insert(0, directory)
    try:
        application = find_application(target)
    except Unimportable as why:
        sys.exit(str(why))
    if not only_import:
        CGIHandler().run(application)
