"""Our server beside uvicorn's: it sleeps until it is told to end."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest
import uvicorn

from fcgipm.web import process


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Never called."""


def server(date_header: bool) -> tuple[process.Server, list[int]]:
    """One, and a list that grows with each of its ticks."""
    made = process.Server(uvicorn.Config(application, date_header=date_header, **process.OPTIONS))
    made.config.load()
    made._captured_signals = []
    ticks: list[int] = []
    on_tick = made.on_tick

    async def counted(counter: int) -> bool:
        ticks.append(counter)
        return await on_tick(counter)

    made.on_tick = counted  # type: ignore[method-assign]
    return made, ticks


def test_it_ends_when_told_and_wakes_for_nothing_else() -> None:
    made, ticks = server(date_header=False)

    async def run() -> None:
        task = asyncio.create_task(made.main_loop())
        await asyncio.sleep(0.25)
        assert len(ticks) == 1
        made.handle_exit(signal.SIGTERM, None)
        await asyncio.wait_for(task, 5)

    asyncio.run(run())
    assert len(ticks) == 2 and made._captured_signals == []


def test_the_date_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "DATE_INTERVAL", 0.01)
    made, ticks = server(date_header=True)

    async def run() -> None:
        task = asyncio.create_task(made.main_loop())
        while len(ticks) < 3:
            await asyncio.sleep(0.01)
        made.handle_exit(signal.SIGTERM, None)
        await asyncio.wait_for(task, 5)

    asyncio.run(run())
    assert made.server_state.default_headers[0][0] == b"date"


def test_told_before_it_waits() -> None:
    """A signal between the start and the wait."""
    made, ticks = server(date_header=False)
    made.handle_exit(signal.SIGTERM, None)
    asyncio.run(asyncio.wait_for(made.main_loop(), 5))
    assert len(ticks) == 1
