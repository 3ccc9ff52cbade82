"""Memory of large results, used again when nobody has them any more.

The system gives new memory a page at a time, as it is first written: that takes as long as writing it a few times.
A result that is returned is a view, which keeps what it is a view of alive; so the number of references to that says
whether some array still shows it.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np

LARGE = 1 << 20
"""Bytes from which on memory is kept."""
MOST = 1 << 26
"""Bytes up to which it is, for one result."""
SPARE = 2
"""Arrays kept per result: `x = f(x)` lets go of the last one only when the next is there."""
_COUNTED = getattr(sys, "_is_gil_enabled", lambda: True)()
"""Whether references are counted exactly."""


class Results:
    """Flat arrays for the results of a program, each with a number: `empty` gives one that nobody else sees."""

    def __init__(self) -> None:
        self._kept: dict[int, list[Any]] = {}
        self._lock = threading.Lock()

    def empty(self, number: int, count: int, dtype: str) -> Any:
        """A flat array of anything; show views of it."""
        if not _COUNTED or not LARGE <= count * np.dtype(dtype).itemsize <= MOST:
            return np.empty(count, dtype)
        with self._lock:
            kept = self._kept.setdefault(number, [])
            for k in range(len(kept)):
                if sys.getrefcount(kept[k]) == 2:  # the list, and the argument
                    return kept[k]
            x = np.empty(count, dtype)
            kept.append(x)
            del kept[:-SPARE]
            return x
