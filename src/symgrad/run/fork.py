"""Locks that a fork waits for, so that a forked child finds free what other threads of its parent were using.

A child has a copy of every lock and none of the threads that hold them: what is locked at the fork stays so.
"""

from __future__ import annotations

import os
import threading

_PATIENCE = 30.0  # seconds

importing = threading.RLock()
"""Held while a thread of ours imports: Python locks every module that is being imported."""
llvm = threading.RLock()
"""Held while LLVM works."""
caught = False
"""In a child: LLVM was at work for too long to wait for it; it can't be used here."""

_held: list[bool] = []


def _before() -> None:
    _held[:] = [lock.acquire(timeout=_PATIENCE) for lock in (llvm, importing)]


def _after_in_parent() -> None:
    for lock, held in zip((llvm, importing), _held, strict=False):
        if held:
            lock.release()


def _after_in_child() -> None:
    global importing, llvm, caught
    caught = not all(_held[:1])
    importing, llvm = threading.RLock(), threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
