"""Protocols without input or output: bytes to events and back. Nothing here knows a socket, a clock or a file."""
