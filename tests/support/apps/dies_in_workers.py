"""Imports well in the template, and ends every worker that is forked from it."""

import os

os.register_at_fork(after_in_child=lambda: os._exit(9))


def application(environ, start_response):
    raise AssertionError("no worker lives to serve")
