"""How a request is interrupted that runs too long, and how nothing else ever is.

Each stretch of time in which the application runs has a key, the instant at which it began, and the key lies in `_keys` as long as the stretch
lasts. The thread that ends a stretch takes its key out; so does the order thread before it interrupts. Taking out is one step of the interpreter: exactly
one of the two gets it. The order thread that has it owns the response, and the thread of the request, which finds at the end of the stretch that the
key is gone, waits until the shot has been fired and calls back what has not hit yet.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
import time
from typing import Any, Dict, Optional

from fcgipm import scoreboard
from fcgipm.gateways.watch import RequestTimeout, Watch
from fcgipm.scoreboard import RUNNING_SINCE

INTERRUPT = signal.SIGRTMAX - 2
"""To a worker's main thread: its request is to be interrupted."""


class RequestWatch(Watch):
    """Watches the requests of one thread. `expire` is called by the order thread, everything else by that thread itself."""

    def __init__(self) -> None:
        self.slot = memoryview(bytearray(scoreboard.SLOT_BYTES)).cast("Q")
        """The words of the slot that its loop writes to."""
        self.started = 0
        """When the request began that is about to run, by the nanosecond: the key of its first stretch."""
        self._keys: Dict[int, Any] = {}
        """With the response of each."""
        self._key = 0
        self._over = True
        self._fired = False
        self._aimed = False
        """The main thread is to raise when it gets the signal."""
        self._thread = 0
        self._response: Any = None

    def attach(self) -> None:
        """This is the thread of the requests."""
        self._thread = threading.get_ident()
        if threading.current_thread() is threading.main_thread():
            signal.signal(INTERRUPT, self._interrupted)

    def begin(self, response: Any) -> None:
        self._over = False
        self._key = key = self.slot[RUNNING_SINCE] = self.started
        self._keys[key] = response

    def enter(self) -> None:
        if not self._over:
            self._key = key = self.slot[RUNNING_SINCE] = time.monotonic_ns()
            self._keys[key] = self._response

    def leave(self) -> None:
        if self._over or not self._key:
            return
        self._response = self._keys.pop(self._key, None)
        if self._response is not None:
            self._key = self.slot[RUNNING_SINCE] = 0
            return
        self._over = True
        self._await_shot()
        raise RequestTimeout("the request has run longer than timeouts.request")

    def end(self) -> None:
        self._over = True
        if not self._key:
            return
        if self._keys.pop(self._key, None) is not None:
            self._key = self.slot[RUNNING_SINCE] = 0
            return
        self._await_shot()
        if not isinstance(sys.exc_info()[1], RequestTimeout):
            raise RequestTimeout("the request has run longer than timeouts.request")

    def closing(self) -> None:
        if not self._key:
            self.slot[RUNNING_SINCE] = time.monotonic_ns()

    def settle(self) -> None:
        self._over = True
        self._fired = False
        self._key = self.slot[RUNNING_SINCE] = 0
        self._response = None

    def expire(self, key: int) -> Optional[int]:
        """Interrupt the request if the stretch that began at `key` still lasts: the status that its client has, 0 without one. None: it does not last."""
        response = self._keys.pop(key, None)
        if response is None:
            return None
        try:
            status: int = response.expire()
        finally:
            self._fire()
            self._fired = True
        return status

    def _fire(self) -> None:
        if self._thread == threading.main_thread().ident:
            self._aimed = True
            signal.pthread_kill(self._thread, INTERRUPT)
        else:
            _raise_in(self._thread, ctypes.py_object(RequestTimeout))

    def _await_shot(self) -> None:
        """The shot may hit in here as well as anywhere before."""
        while not self._fired:
            time.sleep(0.0002)
        if self._thread == threading.main_thread().ident:
            self._aimed = False
        else:
            _raise_in(self._thread, None)

    def _interrupted(self, _number: int, _frame: object) -> None:
        if self._aimed:
            self._aimed = False
            raise RequestTimeout("the request has run longer than timeouts.request")


def _raise_in(thread: int, what: Any) -> None:
    """Raise an exception in another thread as soon as it runs Python code; None: call back one that has not been raised yet."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), what)
