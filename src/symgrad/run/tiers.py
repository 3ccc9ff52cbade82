"""One thread that compiles in the background, so that nobody waits for code that is only wanted faster."""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from collections.abc import Callable

_PATIENCE = 30.0  # seconds to wait at exit for the job at work

_jobs: deque[Callable[[], None]] = deque()
_wake = threading.Condition()
_thread: threading.Thread | None = None
_busy = False
_closing = False


def later(job: Callable[[], None]) -> None:
    """Do `job` soon, in the background; it handles its own errors."""
    global _thread
    with _wake:
        if _closing:
            return
        _jobs.append(job)
        if _thread is None:
            _thread = threading.Thread(target=_work, name="symgrad compiler", daemon=True)
            _thread.start()
        _wake.notify_all()


def wait() -> None:
    """Until nothing is left to do."""
    with _wake:
        _wake.wait_for(lambda: not _jobs and not _busy)


def _work() -> None:
    global _busy
    while True:
        with _wake:
            _busy = False
            _wake.notify_all()
            _wake.wait_for(lambda: bool(_jobs))
            job = _jobs.popleft()
            _busy = True
        job()
        del job


@atexit.register
def _close() -> None:
    """Nothing new; LLVM is not left in the middle of its work."""
    global _closing
    with _wake:
        _closing = True
        _jobs.clear()
        _wake.wait_for(lambda: not _busy, timeout=_PATIENCE)


def _after_fork() -> None:
    """The child has no worker: its jobs begin anew."""
    global _wake, _thread, _busy
    _wake = threading.Condition()
    _thread = None
    _busy = False
    _jobs.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
