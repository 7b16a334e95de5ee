"""Commands, and what becomes of one that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fcgipm.control import protocol
from fcgipm.master.commands import Commands
from fcgipm.master.log import Log


class BrokenMaster:
    """Cannot even say its state."""

    @property
    def pid(self) -> int:
        raise TypeError("unhashable\ntype")


class Answers:
    """Sessions that keep what they were answered."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []

    def answer(self, _session: object, line: bytes) -> None:
        self.answers.append(protocol.decode_answer(line))


def test_an_error_of_ours_is_answered_and_logged_in_one_line(tmp_path: Path) -> None:
    answers: Any = Answers()
    master: Any = BrokenMaster()
    session: Any = object()
    Commands(master, answers, Log(str(tmp_path / "log"))).carry_out(session, {"command": "ping"})
    assert answers.answers == [{"result": None, "error": "internal error: the daemon's log tells more"}]
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert line.split(" ", 1)[1].startswith("error internal error in the command ping, line test_commands.py:")
    assert line.endswith(r"TypeError: unhashable\x0atype")
