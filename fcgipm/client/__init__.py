"""A FastCGI client: the web server's role, over blocking use of one connection.

    with connect("unix:/run/fcgipm/web.sock") as connection:
        response = connection.request(params("GET", "/"))
        print(response.head.status, b"".join(response))

The protocol itself is in `fcgipm.wire.fastcgi`; this package adds sockets, time-outs and the CGI meta-variables of a request.
"""

from fcgipm.client.address import parse_address
from fcgipm.client.connection import (
    CannotConnect,
    Connection,
    Incomplete,
    Refused,
    Response,
    TimedOut,
    connect,
)
from fcgipm.client.params import params
from fcgipm.config.addresses import AddressError

__all__ = [
    "AddressError",
    "CannotConnect",
    "Connection",
    "Incomplete",
    "Refused",
    "Response",
    "TimedOut",
    "connect",
    "params",
    "parse_address",
]
