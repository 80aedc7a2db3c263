"""A limit of time for what a test runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class HangError(BaseException):
    """It takes too long; no `Exception`, so that code that is run under the limit does not catch it."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises HangError after so many seconds; in the main thread only, where signals are.

    And again every ten seconds: where it is raised in a callback of the garbage collector, nobody hears of it.
    """

    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise HangError(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 10)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
