"""The template: imports the application once, then forks workers that share what the import made (`preload: false`: each imports for itself).

Orders come down the channel (`fcgipm.orders`). One intermediate process forks all workers of an order and ends, so they become children of the master; it is
made by libc's fork, behind Python's back, so that an application's `os.register_at_fork` hooks run once for each worker and not twice.
"""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import resource
import signal
import socket
import sys
import threading
from typing import List, NoReturn, Optional, Tuple

from fcgipm import orders
from fcgipm.gateways.errors import say
from fcgipm.worker import prctl, rights
from fcgipm.worker.accesslog import take_log
from fcgipm.worker.importing import Imported, Unimportable, import_all
from fcgipm.worker.keeper import keep
from fcgipm.worker.process import Inherited, run_worker
from fcgipm.worker.recording import wanted
from fcgipm.worker.settings import Settings, decode_start


def main(channel_number: int) -> NoReturn:
    """Obey the master until its channel ends."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, channel_number)
    channel.set_inheritable(False)
    settings, inherited = _receive_start(channel)
    _prepare(settings)
    _limit(settings, channel)
    if settings.command:
        keep(settings, inherited.board, inherited.listeners[0], channel)
    imported = _import_all(settings, channel) if settings.preload else None
    gc.collect()
    gc.freeze()  # What the import made is not looked at again by any worker's collections, so its pages stay shared.
    channel.send(orders.encode(orders.READY, platform.python_version(), _extra_threads()))
    libc = ctypes.PyDLL(None, use_errno=True)
    while True:
        slots, descriptors = _receive_fork(channel, inherited.access)
        _fork_all(libc, settings, inherited, imported, channel, slots, descriptors)


def _receive_start(channel: socket.socket) -> Tuple[Settings, Inherited]:
    message, descriptors = rights.receive(channel, 64)
    word, _, text = message.partition(b" ")
    if word != orders.START:
        sys.exit(0)  # The master left before it said anything.
    board, give, take, *others = descriptors
    settings = decode_start(text)._replace(records=wanted(os.environ))
    listeners, access = others[: len(settings.allow)], others[len(settings.allow) :]
    return settings, Inherited(board, give, take, listeners, access[0] if access else -1)


def _prepare(settings: Settings) -> None:
    prctl.set_death_signal(signal.SIGTERM)  # An import may take for ever, and only after it is the end of the channel seen.
    if os.getppid() != settings.master:
        sys.exit(0)
    if settings.no_new_privs:
        prctl.set_no_new_privs()
    prctl.set_name(f"fcgipm:{settings.pool}")
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.chdir(settings.directory)
    sys.path.insert(0, settings.directory)


def _limit(settings: Settings, channel: socket.socket) -> None:
    for key, number, value in (
        ("open_files", resource.RLIMIT_NOFILE, settings.open_files),
        ("core", resource.RLIMIT_CORE, settings.core),
    ):
        if value is None:
            continue
        try:
            resource.setrlimit(number, (value, value))
        except (OSError, ValueError) as error:
            _, hard = resource.getrlimit(number)
            say(f"cannot set limits.{key} to {value}: {error}; the most that this user may have is {hard}")
            channel.send(orders.FAILED)
            sys.exit(1)


def _import_all(settings: Settings, channel: socket.socket) -> Imported:
    try:
        return import_all(settings)
    except Unimportable as why:
        say(str(why))
        channel.send(orders.FAILED)
        sys.exit(1)


def _extra_threads() -> str:
    names = [thread.name.replace(" ", "_") for thread in threading.enumerate() if thread is not threading.main_thread()]
    return ",".join(names) or "-"


def _receive_fork(channel: socket.socket, access: int) -> Tuple[List[int], List[int]]:
    while True:
        message, descriptors = rights.receive(channel, 3 * orders.FORK_LIMIT)
        if not message:
            sys.exit(0)
        if not take_log(message, descriptors, access, channel):
            break
    _, slots = orders.decode(message)
    return [int(slot) for slot in slots], descriptors


def _fork_all(
    libc: ctypes.PyDLL,
    settings: Settings,
    inherited: Inherited,
    imported: Optional[Imported],
    channel: socket.socket,
    slots: List[int],
    descriptors: List[int],
) -> None:
    intermediate = libc.fork()
    if intermediate == 0:
        try:
            for index, slot in enumerate(slots):
                if os.fork() == 0:
                    mine = descriptors[3 * index : 3 * index + 3]
                    for number in [channel.fileno(), *(number for number in descriptors if number not in mine)]:
                        os.close(number)
                    run_worker(settings, inherited, imported, slot, *mine)
        except OSError as error:
            _say_unforked(channel, error.errno)
        finally:
            os._exit(0)
    failure = ctypes.get_errno()
    if intermediate < 0:  # Before the descriptors are closed, whose end would otherwise be all that is known.
        _say_unforked(channel, failure)
    for number in descriptors:
        os.close(number)
    if intermediate > 0:
        os.waitpid(intermediate, 0)


def _say_unforked(channel: socket.socket, number: Optional[int]) -> None:
    channel.send(orders.encode(orders.UNFORKED, number or 0))
