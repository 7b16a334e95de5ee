"""The kernel tells how many connections wait at a listener, of any family, and asking wakes nobody."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fcgipm.system.queues import Depth, Queues

LIMIT = 5


@pytest.fixture
def queues() -> Iterator[Queues]:
    found = Queues()
    yield found
    found.close()


@pytest.fixture(params=["unix", "abstract", "IPv4", "IPv6"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    family, address = {
        "unix": (socket.AF_UNIX, str(tmp_path / "sock")),
        "abstract": (socket.AF_UNIX, f"\0fcgipm-{os.getpid()}"),
        "IPv4": (socket.AF_INET, ("127.0.0.1", 0)),
        "IPv6": (socket.AF_INET6, ("::1", 0)),
    }[request.param]
    with socket.socket(family) as listener:
        listener.bind(address)
        listener.listen(LIMIT)
        listener.setblocking(False)
        yield listener


def connect(listening: socket.socket, stack: ExitStack) -> None:
    client = stack.enter_context(socket.socket(listening.family))
    client.connect(listening.getsockname())


def test_what_waits_is_counted_until_somebody_accepts_it(queues: Queues, listening: socket.socket) -> None:
    with ExitStack() as stack:
        assert queues.depth(listening) == Depth(0, LIMIT)
        for number in (1, 2, 3):
            connect(listening, stack)
            assert queues.depth(listening) == Depth(number, LIMIT)
        stack.enter_context(listening.accept()[0])
        assert queues.depth(listening) == Depth(2, LIMIT)
        assert queues.refused is None


def test_a_client_that_has_gone_counts_until_it_is_accepted(queues: Queues, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
        listener.listen(LIMIT)
        with ExitStack() as stack:
            connect(listener, stack)
        assert queues.depth(listener) == Depth(1, LIMIT)


def test_each_listener_has_its_own(queues: Queues, tmp_path: Path) -> None:
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(3)]
        for number, listener in enumerate(listeners):
            listener.bind(str(tmp_path / f"{number}"))
            listener.listen(LIMIT)
            for _ in range(number):
                connect(listener, stack)
        assert [queues.depth(listener) for listener in listeners] == [Depth(0, LIMIT), Depth(1, LIMIT), Depth(2, LIMIT)]


def test_a_closed_listener_has_no_queue(queues: Queues, listening: socket.socket) -> None:
    listening.close()
    assert queues.depth(listening) is None
    assert queues.refused is None


def refusing(error: int) -> Callable[[], socket.socket]:
    def refuse() -> socket.socket:
        raise OSError(error, os.strerror(error))

    return refuse


def test_a_kernel_without_netlink_refuses_once_and_is_not_asked_again(tmp_path: Path) -> None:
    asked = []

    def open_netlink() -> socket.socket:
        asked.append(True)
        return refusing(errno.EPROTONOSUPPORT)()

    queues = Queues(open_netlink)
    with socket.socket(socket.AF_UNIX) as listener, socket.socket() as tcp:
        for one, address in ((listener, str(tmp_path / "sock")), (tcp, ("127.0.0.1", 0))):
            one.bind(address)
            one.listen(LIMIT)
        assert queues.depth(listener) is None
        assert queues.refused == "Protocol not supported"
        assert queues.depth(listener) is None
        assert queues.depth(tcp) == Depth(0, LIMIT), "TCP tells by the socket itself"
    assert len(asked) == 1


def reply(sequence: int, error: int) -> bytes:
    """NLMSG_ERROR of netlink(7): the header, and a negative error number."""
    return struct.pack("=IHHIIi", 20, 2, 0, sequence, 0, -error)


def test_an_error_from_the_kernel_is_a_refusal_with_its_word_and_an_answer_to_another_question_is_none(tmp_path: Path) -> None:
    ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    queues = Queues(lambda: ours)
    with kernel, socket.socket(socket.AF_UNIX) as listener:
        kernel.send(reply(0, errno.ENOENT))
        kernel.send(reply(1, errno.EPERM))
        assert queues.depth(listener) is None
        assert queues.refused == "Operation not permitted"
    queues.close()


def test_a_kernel_that_does_not_answer_is_a_refusal(tmp_path: Path) -> None:
    ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)  # As after the second that the real one has.
    queues = Queues(lambda: ours)
    with kernel, socket.socket(socket.AF_UNIX) as listener:
        assert queues.depth(listener) is None
        assert queues.refused == "Resource temporarily unavailable"
    queues.close()


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENOBUFS])
def test_what_may_pass_is_no_refusal(tmp_path: Path, error: int) -> None:
    opens: list[Callable[[], socket.socket]] = [refusing(error), Queues()._open]
    queues = Queues(lambda: opens.pop(0)())
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
        listener.listen(LIMIT)
        assert queues.depth(listener) is None and queues.refused is None
        assert queues.depth(listener) == Depth(0, LIMIT)
    queues.close()


def test_asking_again_after_close_opens_anew(queues: Queues, listening: socket.socket) -> None:
    assert queues.depth(listening) == Depth(0, LIMIT)
    queues.close()
    assert queues.depth(listening) == Depth(0, LIMIT)
