"""What the tests share: a daemon, a raw FastCGI client, an nginx, and WSGI applications. Nothing here is a test."""
