"""Hooks of every kind, and what they saw: the application answers with the counters of its worker, as JSON. With LATER in its environment a
process prints "later" at its end."""

import atexit
import json
import os
import threading
import time

imports = 0
forks = 0
started = []


def count_fork():
    global forks
    forks += 1


imports += 1
os.register_at_fork(after_in_child=count_fork)
if "LATER" in os.environ:
    atexit.register(print, "later", flush=True)


def warm():
    started.append({"pid": os.getpid(), "main": threading.current_thread() is threading.main_thread(), "forks": forks})


def close():
    print("closed after", len(started), flush=True)


def fail():
    raise RuntimeError("no database here")


def leave():
    raise SystemExit(0)


def hang():
    print("hanging", flush=True)
    threading.Event().wait()


def fork():
    """What it forks must not hold anything of the worker's."""
    child = os.fork()
    if child == 0:
        sockets = [number for number in os.listdir("/proc/self/fd") if number not in "012" and is_socket(number)]
        print("the child has", len(sockets), "sockets", flush=True)
        os._exit(0)
    os.waitpid(child, 0)


def is_socket(number):
    try:
        return os.readlink("/proc/self/fd/" + number).startswith("socket:")
    except OSError:
        return False


not_callable = 5


def application(environ, start_response):
    time.sleep(0.1)  # So that requests that come together are served by different workers.
    start_response("200 OK", [("Content-Type", "application/json")])
    seen = {"pid": os.getpid(), "imports": imports, "forks": forks, "started": started}
    return [json.dumps(seen).encode()]
