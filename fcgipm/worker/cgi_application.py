"""A WSGI application as a CGI program: ``PYTHON …/fcgipm/worker/bootstrap.py cgi MODULE:APP DIRECTORY`` answers one request and forgets everything."""

from __future__ import annotations

import os
import signal
import sys
from wsgiref.handlers import CGIHandler

from fcgipm.worker.importing import Unimportable, find_application


class Handler(CGIHandler):
    """An exception behind the head ends the program as a crash does: nothing else tells that the response is not whole."""

    headers_sent: bool
    """As BaseHandler has it."""

    def handle_error(self) -> None:
        begun = self.headers_sent
        super().handle_error()
        if begun:
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGKILL)


def main(target: str, directory: str, only_import: bool) -> None:
    """`only_import`: tell by the exit status whether the application can be imported at all."""
    sys.path.insert(0, directory)
    try:
        application = find_application(target)
    except Unimportable as why:
        sys.exit(str(why))
    if not only_import:
        Handler().run(application)
