"""The smallest application: a text and its length."""

from wsgiref.validate import validator


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, world!"]


validated = validator(application)
