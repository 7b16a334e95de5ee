"""Tracebacks as the log has them: the application's, without what is ours around them."""

from __future__ import annotations

import os
import signal
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fcgipm.gateways import errors
from fcgipm.gateways.errors import format_failure, say_warning
from fcgipm.gateways.loading import load
from fcgipm.gateways.watch import RequestTimeout
from fcgipm.worker.deadlines import INTERRUPT, RequestWatch

OURS = os.path.dirname(os.path.dirname(errors.__file__))


def ours(call: Callable[[], object], module: str = "gateways/wsgi.py") -> types.FunctionType:
    """A function that calls `call`, and lives in a file of ours as far as a traceback tells."""
    namespace: dict[str, Any] = {"call": call}
    exec(compile("def between():\n    call()\n", f"{OURS}/{module}", "exec"), namespace)
    between: types.FunctionType = namespace["between"]
    return between


def failing() -> None:
    raise KeyError("price")


def failure(call: Callable[[], object]) -> list[str]:
    """The frames of the traceback and its other lines, without code. The first frame of each is this function's own."""
    try:
        call()
    except BaseException as error:
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        return [line.rpartition(" in ")[2] for line in format_failure(error).splitlines() if not line.startswith("    ")]
    raise AssertionError("it did not fail")


TITLE = "Traceback (most recent call last):"


def test_it_begins_at_the_application() -> None:
    assert failure(ours(ours(failing))) == [TITLE, "failing", "KeyError: 'price'"]


def test_what_the_application_called_of_ours_is_shown() -> None:
    def reading() -> None:
        ours(failing)()

    assert failure(ours(reading)) == [TITLE, "reading", "between", "failing", "KeyError: 'price'"]


def test_a_fault_of_ours_is_shown_whole() -> None:
    namespace: dict[str, Any] = {}
    exec(compile("def fault():\n    {}['ours']\n", f"{OURS}/worker/loop.py", "exec"), namespace)
    assert failure(ours(namespace["fault"])) == [TITLE, "between", "fault", "KeyError: 'ours'"]


def test_each_of_two_exceptions() -> None:
    def handling() -> None:
        try:
            ours(failing)()
        except KeyError:
            raise ValueError("no price") from None

    def both() -> None:
        try:
            failing()
        except KeyError as error:
            raise ValueError("no price") from error

    assert failure(ours(handling)) == [TITLE, "handling", "ValueError: no price"]
    between = "The above exception was the direct cause of the following exception:"
    assert failure(ours(both)) == [TITLE, "both", "failing", "KeyError: 'price'", "", between, "", TITLE, "both", "ValueError: no price"]


def test_the_interrupt_is_not() -> None:
    """The handler's frame lies above all others when a request is interrupted."""
    watch, before = RequestWatch(), signal.getsignal(INTERRUPT)
    watch.attach()

    def running() -> None:
        watch._aimed = True
        signal.raise_signal(INTERRUPT)

    try:
        with pytest.raises(RequestTimeout):
            running()
        assert failure(ours(running)) == [TITLE, "running", f"{RequestTimeout.__module__}.RequestTimeout: the request has run longer than timeouts.request"]
    finally:
        signal.signal(INTERRUPT, before)


def test_the_import_system_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "failing_site.py").write_text("import nothing_of_that_name\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert failure(partial(load, "failing_site:app", ())) == [TITLE, "<module>", "ModuleNotFoundError: No module named 'nothing_of_that_name'"]


def test_each_line_of_a_warning_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(errors.ErrorStream, "write", lambda _, text: said.append(text))
    say_warning("two\nlines")
    assert said == ["\x1ftwo\n\x1flines\n"]
