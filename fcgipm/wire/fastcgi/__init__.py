"""FastCGI 1.0, both roles, without I/O.

Bytes received go into `receive`, events come out; what has to be sent is returned as bytes. `Application` is the side of an application (ours, in a
worker), `WebServer` the side of a web server (ours, in the client and the embedded server). One object serves one connection.

A stream (PARAMS, STDIN, STDOUT, STDERR) is a row of bytes ended by an empty record; where its records begin and end means nothing, and no event shows it.
"""

from fcgipm.wire.fastcgi.application import (
    Abort,
    Application,
    Body,
    BodyEnd,
    Event,
    HeadTooLarge,
    Refused,
    Request,
    encode_end,
    encode_last,
    encode_stdout,
)
from fcgipm.wire.fastcgi.pairs import decode_pairs, encode_pair, encode_pairs
from fcgipm.wire.fastcgi.params import ParamsDecoder
from fcgipm.wire.fastcgi.records import (
    CANT_MPX_CONN,
    OVERLOADED,
    REQUEST_COMPLETE,
    RESPONDER,
    UNKNOWN_ROLE,
    LocalProtocolError,
    RemoteProtocolError,
)
from fcgipm.wire.fastcgi.webserver import End, Stderr, Stdout, UnknownType, Values, WebServer

__all__ = [
    "CANT_MPX_CONN",
    "OVERLOADED",
    "REQUEST_COMPLETE",
    "RESPONDER",
    "UNKNOWN_ROLE",
    "Abort",
    "Application",
    "Body",
    "BodyEnd",
    "End",
    "Event",
    "HeadTooLarge",
    "LocalProtocolError",
    "ParamsDecoder",
    "Refused",
    "RemoteProtocolError",
    "Request",
    "Stderr",
    "Stdout",
    "UnknownType",
    "Values",
    "WebServer",
    "decode_pairs",
    "encode_end",
    "encode_last",
    "encode_pair",
    "encode_pairs",
    "encode_stdout",
]
