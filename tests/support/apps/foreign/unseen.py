"""Takes connections, says nothing and closes them, in a process that forbids a look at its descriptors (prctl(2), PR_SET_DUMPABLE)."""

import ctypes
import socket

PR_SET_DUMPABLE = 4

if __name__ == "__main__":
    assert ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
    listener = socket.socket(fileno=0)
    while True:
        with listener.accept()[0] as connection:
            connection.recv(4096)
