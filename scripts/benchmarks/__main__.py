"""`scripts/bench COMMAND …`: each command is a module of this package with a `main(arguments) -> exit code`."""

from __future__ import annotations

import signal
import sys
from importlib import import_module

from benchmarks.processes import BenchError

COMMANDS = {
    "hello": "hello world through nginx, beside uWSGI, flup and php-fpm",
    "memory": "8 workers with a Django admin: memory of the whole tree, beside uWSGI",
    "loop": "CPU of one running FastCGI backend per request, without nginx",
    "parts": "what single parts of the request path cost: scoreboard, time-outs, access log",
    "cgi": "CGI requests to a shell script, beside fcgiwrap and the bare program",
    "doors": "many clients at the embedded web server, beside nginx",
    "crowd": "40 clients at pools that rest, beside php-fpm and uWSGI",
    "steady": "what growing costs those who are being served",
    "rest": "wake-ups at rest, and the master's CPU under load",
    "deploy": "16 clients while code is replaced, beside gunicorn, uWSGI and php-fpm",
    "interfaces": "three applications as CGI and as FastCGI, by fcgipm bench",
    "stop": "what a graceful stop under load answers, resets and refuses",
    "status": "what it costs to ask what goes on: 200 workers, computing, reloading",
    "floor": "serve the bare loop without features on a socket",
}


def main() -> int:
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in COMMANDS:
        return run(name, sys.argv[2:])
    print(
        "Usage: scripts/bench COMMAND [--help]\n\n"
        + "\n".join(f"  {command:10} {text}" for command, text in COMMANDS.items())
    )
    return 0 if name in ("-h", "--help") else 64


def run(name: str, arguments: list[str]) -> int:
    """The exit code of one command. TERM unwinds it like ^C, so that nothing it started stays behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        code: int = import_module(f"benchmarks.{name}").main(arguments)
    except BenchError as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
