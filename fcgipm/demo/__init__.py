"""A small Flask site that shows what happens to a request. It is an application like yours: nothing of fcgipm is imported, any WSGI server can serve it."""

from .site import app

__all__ = ["app"]
