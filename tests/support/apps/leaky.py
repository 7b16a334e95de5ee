"""An application that keeps 16 MiB more with every request."""

KEPT = []


def application(environ, start_response):
    KEPT.append(bytearray(b"x") * (16 << 20))
    start_response("200 OK", [])
    return [b"leaked"]
