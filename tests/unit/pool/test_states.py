"""The transition tables are total, end where they must, and never come back from the dead."""

from __future__ import annotations

from itertools import product

import pytest

from fcgipm.pool.states import (
    STAYING,
    TEMPLATE_TABLE,
    WORKER_TABLE,
    TemplateEvent,
    TemplateState,
    WorkerEvent,
    WorkerState,
)


@pytest.mark.parametrize(("state", "event"), list(product(TemplateState, TemplateEvent)))
def test_every_template_transition(state: TemplateState, event: TemplateEvent) -> None:
    after = TEMPLATE_TABLE[state][event]
    if state is TemplateState.GONE or event is TemplateEvent.GONE:
        assert after is TemplateState.GONE
    elif state is TemplateState.FAILED or event is TemplateEvent.FAILED:
        assert after is TemplateState.FAILED
    else:
        assert after is TemplateState.READY


@pytest.mark.parametrize(("state", "event"), list(product(WorkerState, WorkerEvent)))
def test_every_worker_transition(state: WorkerState, event: WorkerEvent) -> None:
    after = WORKER_TABLE[state][event]
    if state is WorkerState.GONE or event is WorkerEvent.EXITED:
        assert after is WorkerState.GONE
    elif event is WorkerEvent.LEAVE or state not in STAYING:
        assert after not in STAYING
    elif after is WorkerState.READY:
        assert state is WorkerState.READY or (state, event) == (WorkerState.STARTING, WorkerEvent.READY)


@pytest.mark.parametrize("state", [WorkerState.ORDERED, WorkerState.UNWANTED])
def test_a_channel_that_ends_before_hello_is_all_we_learn(state: WorkerState) -> None:
    assert WORKER_TABLE[state][WorkerEvent.LOST] is WorkerState.GONE


@pytest.mark.parametrize("state", [WorkerState.STARTING, WorkerState.READY, WorkerState.LEAVING])
def test_a_channel_that_ends_later_is_followed_by_an_exit(state: WorkerState) -> None:
    assert WORKER_TABLE[state][WorkerEvent.LOST] is not WorkerState.GONE
