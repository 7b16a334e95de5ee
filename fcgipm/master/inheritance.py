"""The other end of a bequest: a new program in an old process goes on where the last one stopped."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import Any

from fcgipm.control.server import ControlServer, allow_peers
from fcgipm.master.account import Account
from fcgipm.master.belongings import Belongings
from fcgipm.master.bequest import VERSION
from fcgipm.master.channel import Channel, pair
from fcgipm.master.log import Log
from fcgipm.master.master import Master
from fcgipm.master.parking import Parking
from fcgipm.master.processes import TemplateProcess, WorkerProcess
from fcgipm.master.runner import PoolRunner
from fcgipm.master.stacks import StackReader
from fcgipm.pool import memoir
from fcgipm.pool.happenings import StopRequested, Superseded
from fcgipm.system.board import Board
from fcgipm.system.errors import SystemProblem
from fcgipm.system.listeners import known_again
from fcgipm.system.lock import Lock
from fcgipm.system.notify import Manager
from fcgipm.system.spawn import CHANNEL
from fcgipm.system.unix_sockets import Inode


def read_state(descriptor: int) -> dict[str, Any]:
    """The data of a bequest. Raises SystemProblem: it is of another version than this program knows."""
    state: dict[str, Any] = json.loads(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
    if state.get("version") != VERSION:
        raise SystemProblem(f"fcgipm {state.get('program')} left its state in version {state.get('version')}, this program knows {VERSION}: restart instead")
    return state


def inherit(state: dict[str, Any]) -> Master:
    """The master of that state, ready to run. Raises SystemProblem, OSError, and KeyError for what an older program did not write."""
    settings = state["settings"]
    for descriptor in _descriptors(state):
        os.set_inheritable(descriptor, False)
    log = Log(settings["log"]["file"], settings["log"]["level"], settings["log"]["format"])
    control = state["control"]
    listening = socket.socket(fileno=control["descriptor"])
    belongings = Belongings(Lock(state["lock"]["path"], state["lock"]["descriptor"]), (control["path"], listening, Inode(*control["inode"])))
    belongings.pid_file = state["pid_file"]
    belongings.listeners = {one["address"]: known_again(one["descriptor"], one) for one in state["listeners"]}
    master = Master(settings, belongings, ControlServer(listening, allow_peers(settings["control"]["gid"])), log, Manager(**state["manager"]))
    master.started, master.started_at = state["started"], state["started_at"]
    parkings = [_parking(one, master) for one in state["parkings"]]
    accounts: dict[int, Account] = {}
    for one in state["pools"]:
        _pool(one, state["accounts"][one["account"]], master, parkings, accounts)
    for one in state["webs"]:
        listener = belongings.listeners[one["address"]]
        master.webs.inherit(one["settings"], one["told"], listener, one["backend"], one["pid"], one["outputs"])
    return master


def _descriptors(state: dict[str, Any]) -> list[int]:
    found: list[int] = state["descriptors"]
    return found


def _parking(one: dict[str, Any], master: Master) -> Parking:
    ends = (socket.socket(*CHANNEL, 0, one["give"]), socket.socket(*CHANNEL, 0, one["take"]))
    parking = Parking(one["patience"], master.loop, ends)
    for descriptor in one["parked"]:
        parking.park(socket.socket(fileno=descriptor), time.monotonic())
    return parking


def _pool(one: dict[str, Any], account: dict[str, Any], master: Master, parkings: list[Parking], accounts: dict[int, Account]) -> None:
    now, settings = time.monotonic(), one["settings"]
    listeners = [found for listen in settings["listen"] if (found := master.belongings.listeners.get(listen["address"])) is not None]
    board, parking, access = Board(one["board"]), parkings[one["parking"]], next(iter(one["access"]), None)
    runner = master.fleet.inherit(settings, listeners, one["stop_timeout"], board, parking, access, one["serves"])
    if one["account"] in accounts:
        runner.share(accounts[one["account"]])
    accounts[one["account"]] = runner.account
    runner.account.counters, runner.account.gone, runner.account.draining = account["counters"], account["gone"], account["draining"]
    runner.capacity = one["capacity"]
    runner.needed = one["capacity"] or 0
    memoir.restore(runner.pool, one["memoir"], now)
    _processes(runner, one)
    if "overseer" in one:  # An older program told nothing of it.
        runner.overseer.restore(one["overseer"])
    if one["capacity"] is not None:
        runner.happened(Superseded(runner.needed))
    elif not one["serves"]:
        runner.happened(StopRequested())
    runner.beat.wake(now)


def _processes(runner: PoolRunner, one: dict[str, Any]) -> None:
    for known in one["templates"]:
        output = runner.reopened(known["output"], None, known["pid"])
        runner.adopt_template(TemplateProcess(known["generation"], known["pid"], _channel(known["channel"]), output))
    for known in one.get("staying", ()):  # An older program told nothing of them.
        output = runner.reopened(known["output"], None, known["pid"])
        runner.staying.add(TemplateProcess(known["generation"], known["pid"], _channel(None), output))
    handles = runner.pool.workers
    for known in one["workers"]:
        handle = handles[known["number"]]
        worker = WorkerProcess(handle.number, handle.slot, _channel(known["channel"]))
        worker.pid = handle.pid
        worker.output = runner.reopened(known["output"], worker, None)
        worker.stacks = None if known["stacks"] is None else StackReader(known["stacks"], runner.loop)
        runner.adopt_worker(worker)


def _channel(descriptor: int | None) -> Channel:
    """One that had been closed comes to its end at once."""
    if descriptor is not None:
        return Channel(socket.socket(*CHANNEL, 0, descriptor))
    ours, theirs = pair()
    theirs.close()
    return ours
