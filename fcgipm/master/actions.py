"""What a pool decided, done. One function for each action; they decide nothing, and what fails comes back as a happening."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

from fcgipm import handover, orders, scoreboard
from fcgipm.master.channel import pair
from fcgipm.master.foreign import door_of
from fcgipm.master.probe import Probe
from fcgipm.master.probe_request import Verdict
from fcgipm.master.processes import signal_group
from fcgipm.master.runner import PoolRunner
from fcgipm.master.stacks import StackReader
from fcgipm.master.staying import let_stay
from fcgipm.pool import actions as do
from fcgipm.pool import happenings as event
from fcgipm.system.errors import SystemProblem
from fcgipm.system.spawn import CHANNEL, output_pipe, start_template

PROBE_PATIENCE = 30.0
"""Seconds for the whole of a probe."""


def carry_out(runner: PoolRunner, actions: Iterable[do.Action]) -> None:
    """Do it all, in order."""
    for action in actions:
        _DOERS[type(action)](runner, action)


def _start_template(runner: PoolRunner, action: do.StartTemplate) -> None:
    try:
        pid, ours, output = start_template(runner.settings, action.generation, runner.means())
    except (SystemProblem, OSError) as problem:
        runner.happened(event.TemplateGone(action.generation, str(problem)))
        return
    runner.add_template(action.generation, pid, ours, output)
    runner.log.info(f"generation {action.generation} starts, template {pid}", runner.name)


def _end_template(runner: PoolRunner, action: do.EndTemplate) -> None:
    template = runner.templates.get(action.generation)
    if template is not None:
        if runner.foreign and not action.force and not template.channel.ended:
            let_stay(runner, template, "was dismissed")
        runner.drop_channel(template.channel)
        signal_group(template.pid, action.force)


def _fork(runner: PoolRunner, action: do.Fork) -> None:
    for start in range(0, len(action.workers), orders.FORK_LIMIT):
        _fork_some(runner, action.generation, action.workers[start : start + orders.FORK_LIMIT])


def _fork_some(runner: PoolRunner, generation: int, workers: tuple[tuple[int, int], ...]) -> None:
    """Descriptors that the order does not reach are closed with it, and so every worker that does not come is noticed by its channel's end."""
    slots: list[int] = []
    gifts: list[int] = []
    for number, slot in workers:
        try:
            gifts += _provide(runner, number, slot)
            slots.append(slot)
        except OSError:
            runner.happened(event.WorkerLost(number))
    template = runner.templates.get(generation)
    if template is not None and slots:
        template.channel.send(orders.encode(orders.FORK, *slots), gifts)
    for descriptor in gifts:
        os.close(descriptor)


def _provide(runner: PoolRunner, number: int, slot: int) -> list[int]:
    """A channel and an output pipe for a new worker; the ends to give away."""
    ends = [*output_pipe(runner.settings["uid"], runner.settings["gid"])]
    try:
        ends += os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        channel, theirs = pair()
    except OSError:
        for end in ends:
            os.close(end)
        raise
    read_end, write_end, stacks_end, stacks_given = ends
    runner.add_worker(number, slot, channel, read_end)
    runner.workers[number].stacks = StackReader(stacks_end, runner.loop)
    return [theirs.detach(), write_end, stacks_given]


def _order(runner: PoolRunner, action: do.Order) -> None:
    worker = runner.workers.get(action.worker)
    if worker is None:  # There was nothing to make it with, and its loss is about to be told.
        return
    if worker.channel.send(action.word) or worker.channel.ended or worker.pid is None or worker.reaped:
        return
    runner.log.warning(f"worker {worker.pid} does not take its order {action.word.decode()}", runner.name)
    signal_group(worker.pid, force=False)


def _try(runner: PoolRunner, action: do.Try) -> None:
    """Its own handover tells it nothing but what `_probe` puts in."""
    try:
        runner.door, theirs = socket.socketpair(*CHANNEL)
    except OSError as error:
        runner.happened(event.Probed(f"a worker cannot be tried: {error.strerror}"))
        return
    with theirs:
        runner.workers[action.worker].channel.send(orders.TRY, [theirs.fileno()])


def _probe(runner: PoolRunner, _action: do.Probe) -> None:
    try:
        ours, theirs = (door_of(runner.listeners[0]), None) if runner.foreign else socket.socketpair()
    except OSError as error:
        _probed(runner, f"the probe cannot be sent: {error.strerror}")
        return

    def told(verdict: Verdict) -> None:
        _probed(runner, None if verdict.ok else verdict.text)

    runner.probe = Probe(runner.settings["probe"], ours, runner.loop, PROBE_PATIENCE, time.monotonic(), told)
    if theirs is not None:
        with theirs:
            if runner.door is None or not handover.give(runner.door, theirs.fileno()):
                _probed(runner, "the probe cannot be sent: the worker takes nothing")


def _probed(runner: PoolRunner, fault: str | None) -> None:
    runner.end_trial()
    runner.happened(event.Probed(fault))


def _kill(runner: PoolRunner, action: do.Kill) -> None:
    worker = runner.workers.get(action.worker)
    if worker is None:
        return
    if worker.pid is None:
        worker.kill_unknown()
    elif not worker.reaped and not signal_group(worker.pid, action.force):
        runner.disown(worker)


def _evict(runner: PoolRunner, action: do.Evict) -> None:
    worker = runner.workers.get(action.worker)
    if worker is None or worker.pid is None or worker.reaped:
        return
    if any(scoreboard.read(runner.board.memory, slot).state == scoreboard.BUSY for slot in runner.slots(worker.slot)):
        runner.happened(event.StillBusy(action.worker))
        return
    runner.log.warning(f"worker {worker.pid} was told to leave and did not, though it serves nothing: killing it", runner.name)
    if not signal_group(worker.pid, force=True):
        runner.disown(worker)


def _release(runner: PoolRunner, action: do.Release) -> None:
    worker = runner.workers.pop(action.worker, None)
    for slot in runner.slots(action.slot):
        runner.account.counters = scoreboard.add(runner.account.counters, runner.overseer.lost(action.worker, slot))
        runner.account.fold(runner.board.memory, slot)
    if worker is not None:
        runner.drop_channel(worker.channel)
        if worker.stacks is not None:
            worker.stacks.close()


def _log(runner: PoolRunner, action: do.Log) -> None:
    runner.log.write(action.level, action.text, runner.name)
    if action.kind is not None:
        runner.account.post(action.kind, action.text)


_DOERS: dict[type, Callable[[PoolRunner, Any], None]] = {
    do.StartTemplate: _start_template,
    do.EndTemplate: _end_template,
    do.Fork: _fork,
    do.Try: _try,
    do.Probe: _probe,
    do.Order: _order,
    do.Kill: _kill,
    do.Evict: _evict,
    do.Release: _release,
    do.Log: _log,
}
