"""A progress bar for long fits. tqdm is loaded only when a bar is shown."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from symgrad.errors import UnsupportedError

PATIENCE = 1.0
"""Seconds of work before a bar appears."""


class Progress:
    """Counts evaluations, or what `unit` says.

    wanted: True shows a bar, False never, None where stderr is a terminal.
    total: how many there will be, where that is known.
    """

    def __init__(
        self, wanted: bool | None, what: str = "fit", unit: str = "evaluations", total: int | None = None
    ) -> None:
        self._about = {"desc": what, "unit": f" {unit}", "total": total}
        self._tqdm = _load(wanted)
        self._begin = time.perf_counter()
        self._count = 0
        self._bar: Any = None

    def tick(self, value: Callable[[], float]) -> None:
        """One evaluation, and how to get the number to show."""
        if self._tqdm is None:
            return
        self._count += 1
        if self._bar is None:
            if time.perf_counter() - self._begin < PATIENCE:
                return
            self._bar = self._tqdm(**self._about, initial=self._count)
        self._bar.set_postfix_str(f"{value():.6g}", refresh=False)
        self._bar.update(1)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


def _load(wanted: bool | None) -> Any:
    if wanted is False or (wanted is None and not sys.stderr.isatty()):
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        if wanted:
            raise UnsupportedError("progress=True needs tqdm: pip install 'symgrad[progress]'") from None
        return None
    return tqdm
