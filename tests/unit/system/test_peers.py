"""Who is at the other end."""

from __future__ import annotations

import os
import socket

from fcgipm.system.peers import groups_of, may_command, peer_of


def test_ourselves() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_of(ours) == (os.getpid(), os.getuid(), os.getgid())
        assert set(groups_of(ours)) == set(os.getgroups())


def test_our_own_user_may_command() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert may_command(ours, os.getuid(), None)
