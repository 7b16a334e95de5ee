"""Fixtures for every test. (pyproject.toml sets the time limit of each: a test that hangs is a failure, not a wait.)"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.support.alone import turn
from tests.support.daemon import Daemon
from tests.support.embedded import Embedded
from tests.support.nginx import Nginx
from tests.support.shared import SharedDaemons

HERE = Path(__file__).parent
FOLDERS = ("process", "nginx", "browser", "fuzz", "unit")

TURNS = pytest.StashKey[str]()

hypothesis.settings.register_profile("shared", deadline=None)  # one slow example on a busy machine is no failure
hypothesis.settings.load_profile("shared")


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell's background job, whose children would not hear ^C
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "alone: measures time, so that no other test may run meanwhile")
    config.addinivalue_line("markers", "root: needs root, because it needs other users; runs in the root run of scripts/test")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What takes longest first: at the end of `pytest -n` the short ones fill what is left of each process's time.
    items.sort(key=lambda item: FOLDERS.index(item.path.relative_to(HERE).parts[0]))
    for item in items:
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs other users: it runs when scripts/test is run as root"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Root can have all that is needed (scripts/test fetches it), so that a test skipped there has not been run by anybody: a failure."""
    report = yield
    if report.skipped and os.geteuid() == 0 and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Called in the first process of `pytest -n`, for each of the others: tell it where the lock files are."""
    if TURNS not in node.config.stash:
        node.config.stash[TURNS] = tempfile.mkdtemp(prefix="fcgipm-turns-")
    node.workerinput["turns"] = node.config.stash[TURNS]


def pytest_unconfigure(config: pytest.Config) -> None:
    if TURNS in config.stash:
        shutil.rmtree(config.stash[TURNS])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Outside of the time limit: waiting for one's turn is no hang."""
    with turn(getattr(item.config, "workerinput", {}).get("turns"), item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture
def daemon_factory() -> Iterator[Callable[..., Daemon]]:
    """Starts daemons, `daemon_factory({"web": {...}}, **options of Daemon)`; stops and checks each at the test's end."""
    started: list[Daemon] = []

    def start(pools: Mapping[str, Mapping[str, Any]] | None = None, **options: Any) -> Daemon:
        daemon = Daemon(pools, **options)
        started.append(daemon)
        return daemon.start()

    yield start
    _end_all([daemon.stop for daemon in reversed(started) if daemon.folder.exists()])


@pytest.fixture(scope="module")
def daemons_of_module() -> Iterator[SharedDaemons]:
    shared = SharedDaemons()
    yield shared
    shared.end()


@pytest.fixture
def shared_daemon(daemons_of_module: SharedDaemons) -> Iterator[Callable[..., Daemon]]:
    """As daemon_factory, but a daemon that another test of the module may have had before, or will have."""
    yield daemons_of_module.lend
    daemons_of_module.give_back()


@pytest.fixture
def shared_embedded(daemons_of_module: SharedDaemons) -> Iterator[Callable[..., Embedded]]:
    """The same with an embedded web server."""
    yield daemons_of_module.lend_embedded
    daemons_of_module.give_back()


@pytest.fixture
def nginx_factory() -> Iterator[Callable[..., Nginx]]:
    """Starts private nginx servers, `nginx_factory(address, **options of Nginx)`; stops and checks each at the test's end."""
    started: list[Nginx] = []

    def start(*arguments: Any, **options: Any) -> Nginx:
        nginx = Nginx(*arguments, **options)
        started.append(nginx)
        return nginx.start()

    yield start
    _end_all([nginx.stop for nginx in reversed(started) if nginx.folder.exists()])


def _end_all(ends: list[Callable[[], None]]) -> None:
    """Call each, also after one failed; then raise the first failure."""
    failures: list[BaseException] = []
    for end in ends:
        try:
            end()
        except BaseException as failure:  # a failed assertion must not keep the others from ending
            failures.append(failure)
    if failures:
        raise failures[0]
