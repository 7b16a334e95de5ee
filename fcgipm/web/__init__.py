"""The embedded web server: HTTP/1.1 by uvicorn in front, the web server's role of FastCGI behind.

A process of its own, started by the master, under a user of its own; it can command nobody.
"""
