"""Rules between keys and between pools. They look at what is right by itself, also when other values are wrong."""

from __future__ import annotations

from collections.abc import Iterator

from fcgipm.config import kinds
from fcgipm.config.addresses import UNIX_LIMIT, unix_path
from fcgipm.config.effective import Machine, control_of, http_address, listen_address, status_address
from fcgipm.config.errors import Problem
from fcgipm.config.layers import Layers, PoolLayers
from fcgipm.config.model import Listen
from fcgipm.config.node import Node
from fcgipm.config.programs import listen_node, program_mistakes
from fcgipm.config.scaling import mistakes, values

LISTENERS_LIMIT = 32
"""Addresses of one pool: all of them travel to its template in one message, whose room for descriptors is bounded."""


def cross_checks(layers: Layers, machine: Machine) -> list[Problem]:
    """Every broken rule, in no particular order."""
    found = list(_some_pool(layers))
    found += _control(layers, machine)
    for pool in layers.pools:
        found += [*_required(pool), *program_mistakes(pool), *_workers(pool), *_group(pool), *_slow_log(pool), *_listeners(pool)]
    found += [*_max_workers(layers), *_http(layers), *_status(layers)]
    return found + list(_shared_addresses(layers, machine))


def _some_pool(layers: Layers) -> Iterator[Problem]:
    lost = {"pools", "include"} & layers.node.lost
    pools = layers.node.child("pools")
    if not layers.pools and not lost and not (pools and pools.lost) and not layers.problems:
        text = "there is no pool to serve: add one, with `app` and `listen`"
        yield layers.node.problem_of("pools", text=text)


def _control(layers: Layers, machine: Machine) -> Iterator[Problem]:
    path = control_of(layers.node, layers.file.control, machine)
    if too_long := _too_long(path):
        yield layers.node.problem_of("control", "path", text=too_long)


def _required(pool: PoolLayers) -> Iterator[Problem]:
    yield from kinds.mistakes(pool)
    if pool.keys.listen is None and "listen" not in pool.node.lost:
        yield pool.node.problem_of("listen", text="is missing: it gives the address that the web server connects to")


def _workers(pool: PoolLayers) -> Iterator[Problem]:
    if not _scaling_lost(pool):
        for key, text in mistakes(pool.keys.workers):
            yield pool.node.problem_of("workers", key, text=text)


def _scaling_lost(pool: PoolLayers) -> bool:
    """Whether a key was wrong that the others depend on: what they mean beside the one that was wanted is not known."""
    node = pool.node.child("workers")
    return "workers" in pool.node.lost or (node is not None and bool(node.lost - {"threads"}))


def _max_workers(layers: Layers) -> Iterator[Problem]:
    """A pool that rests without workers must be able to have one beside what the others have at rest."""
    least = {pool.name: max(values(pool.keys.workers)["min"], 1) for pool in layers.pools if not _scaling_lost(pool)}
    total, limit = sum(least.values()), layers.file.max_workers
    if limit is not None and total > limit:
        pools = ", ".join(f"{name} {count}" for name, count in least.items())
        text = f"must be at least {total}, not {limit}: so many workers the pools need at least ({pools})"
        yield layers.node.problem_of("max_workers", text=f"{text}; raise it, or give a pool fewer")


def _group(pool: PoolLayers) -> Iterator[Problem]:
    if pool.keys.group is not None and pool.keys.user is None and "user" not in pool.node.lost:
        yield pool.node.problem_of(
            "group", text="needs `user` beside it: a pool with a group of its own runs as a user of its own"
        )


def _slow_log(pool: PoolLayers) -> Iterator[Problem]:
    """What is interrupted before it is slow would never be logged."""
    slow, limit = pool.keys.slow_log, pool.keys.timeouts.request
    if slow is not None and slow.after >= limit and not {"slow_log", "timeouts"} & pool.node.lost and not _lost_below(pool, "timeouts", "slow_log"):
        text = f"must be less than timeouts.request, {limit:g} s, not {slow.after:g} s: a request is interrupted there, and never seen to be slow"
        yield pool.node.problem_of("slow_log", "after", text=text)


def _lost_below(pool: PoolLayers, *names: str) -> bool:
    """Whether a key of these mappings was wrong."""
    return any((node := pool.node.child(name)) is not None and bool(node.lost) for name in names)


def _listeners(pool: PoolLayers) -> Iterator[Problem]:
    if len(pool.keys.listen or []) > LISTENERS_LIMIT:
        text = f"has {len(pool.keys.listen or [])} addresses; a pool may have {LISTENERS_LIMIT}"
        yield pool.node.problem_of("listen", text=text)
    for index, listen in enumerate(pool.keys.listen or []):
        node = listen_node(pool.node, index)
        unix = unix_path(listen_address(pool.node, index, listen))
        if unix is not None and (too_long := _too_long(unix)):
            yield node.problem_of("address", text=too_long)
        yield from _misplaced(node, listen)


def _http(layers: Layers) -> Iterator[Problem]:
    names = [pool.name for pool in layers.pools]
    lost = {problem.path[1] for problem in layers.problems if problem.path[:1] == ("pools",) and len(problem.path) > 1}
    for index, http in enumerate(layers.file.http):
        node = http_node(layers.node, index)
        if http.pool not in names and http.pool not in lost:
            known = f"the pools are {', '.join(names)}" if names else "there are none"
            yield node.problem_of("pool", text=f"there is no pool {http.pool}: {known}")
        unix = unix_path(http_address(layers.node, index, http))
        if unix is not None and (too_long := _too_long(unix)):
            yield node.problem_of("listen", "address", text=too_long)
        listen = node.child("listen")
        assert listen is not None
        yield from _misplaced(listen, http.listen)


def _status(layers: Layers) -> Iterator[Problem]:
    if layers.file.status is None:
        return
    node = status_listen(layers.node)
    unix = unix_path(status_address(layers.node, layers.file.status))
    if unix is not None and (too_long := _too_long(unix)):
        yield node.problem_of("address", text=too_long)
    yield from _misplaced(node, layers.file.status.listen)


def status_listen(root: Node) -> Node:
    """The mapping `listen` of the status server."""
    status = root.child("status")
    listen = status.child("listen") if status else None
    assert listen is not None
    return listen


def http_node(root: Node, index: int) -> Node:
    """The mapping of one embedded server."""
    http = root.child("http")
    assert http is not None and isinstance(http.value, list)
    return http.value[index]


def _misplaced(node: Node, listen: Listen) -> Iterator[Problem]:
    if unix_path(listen.address) is None:
        for key in ("mode", "owner", "group"):
            if getattr(listen, key) is not None:
                yield node.problem_of(
                    key, text=f"is for unix sockets alone, and this address is {listen.address}: take the key away"
                )
    elif listen.allow is not None:
        yield node.problem_of(
            "allow", text="is for TCP alone: who may connect to a unix socket is told by mode, owner and group"
        )


def _shared_addresses(layers: Layers, machine: Machine) -> Iterator[Problem]:
    taken = {f"unix:{control_of(layers.node, layers.file.control, machine)}": "the control socket is there"}
    for pool in layers.pools:
        for index, listen in enumerate(pool.keys.listen or []):
            address, node = listen_address(pool.node, index, listen), listen_node(pool.node, index)
            if address in taken:
                yield node.problem_of("address", text=f"{address} is taken: {taken[address]}; choose another address")
            taken.setdefault(address, f"pool {pool.name} listens there ({node.place})")
    for index, http in enumerate(layers.file.http):
        address, node = http_address(layers.node, index, http), http_node(layers.node, index)
        if address in taken:
            yield node.problem_of(
                "listen", "address", text=f"{address} is taken: {taken[address]}; choose another address"
            )
        taken.setdefault(address, f"the web server for pool {http.pool} listens there ({node.place})")
    if layers.file.status is not None and (address := status_address(layers.node, layers.file.status)) in taken:
        yield status_listen(layers.node).problem_of("address", text=f"{address} is taken: {taken[address]}; choose another address")


def _too_long(path: str) -> str | None:
    size = len(path.encode("utf-8", "surrogateescape"))
    return (
        f"the path has {size} bytes, and a unix socket's may have {UNIX_LIMIT}: choose a shorter one"
        if size > UNIX_LIMIT
        else None
    )
