"""An application whose first worker has another process greet in its name, and then drops its channel. IMPOSTOR is a folder: `victim` there holds that pid."""

import os
import socket
import sys
import time

from fcgipm.worker import template

FOLDER = os.environ["IMPOSTOR"]
greeted = os.path.join(FOLDER, "victim")
run_worker = template.run_worker


def run_impostor(*arguments):
    if os.path.exists(greeted):
        run_worker(*arguments)
    channel = socket.socket(fileno=arguments[-3])
    if os.fork() == 0:
        become_a_stranger(channel)
    while not os.path.exists(greeted):
        time.sleep(0.01)
    channel.close()
    os.wait()  # For ever, unless the master kills what is none of its own.
    write("killed", "the stranger was")
    time.sleep(60)


def become_a_stranger(channel):
    os.setsid()
    channel.send(b"HELLO")
    channel.recv(100)
    write("victim", str(os.getpid()))
    channel.close()
    os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)"])


def write(name, text):
    path = os.path.join(FOLDER, name)
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


template.run_worker = run_impostor


def application(environ, start_response):
    start_response("200 OK", [])
    return [b""]
