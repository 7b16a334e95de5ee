"""Who the worker is, and what it can reach: /proc/self/status as JSON; /open?PATH tries to open a file, and answers with the error's name or "open"."""

import json
import os
import sys
from urllib.parse import unquote


def status_fields():
    with open("/proc/self/status") as status:
        return dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)


def who():
    umask = os.umask(0)
    os.umask(umask)
    return {
        "status": status_fields(),
        "umask": umask,
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "cwd": os.getcwd(),
        "environ": dict(os.environ),
        "sid": os.getsid(0),
        "pgid": os.getpgid(0),
        "pid": os.getpid(),
        "python": sys.executable,
    }


def attempt(path):
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError as error:
        return type(error).__name__
    return "open"


def truncate_scoreboards():
    """Every scoreboard among our descriptors, truncated; the errors' names."""
    outcomes = []
    for number in os.listdir("/proc/self/fd"):
        try:
            is_board = "memfd:fcgipm" in os.readlink("/proc/self/fd/" + number)
        except OSError:
            continue
        if is_board:
            try:
                os.ftruncate(int(number), 0)
                outcomes.append("truncated")
            except OSError as error:
                outcomes.append(type(error).__name__)
    return outcomes


def application(environ, start_response):
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    if path == "/open":
        answer = attempt(unquote(query))
    elif path == "/truncate":
        answer = truncate_scoreboards()
    elif path == "/reopen-stderr":
        with open("/dev/stderr", "w") as stream:
            stream.write("by a name of its own\n")
        answer = "written"
    elif path == "/print":
        print(unquote(query), end="", flush=True)
        answer = "printed"
    elif path == "/flood":
        sys.stderr.write(("f" * 1000 + "\n") * int(query))
        answer = "flooded"
    elif path == "/exit":
        os._exit(int(query))
    else:
        answer = who()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
