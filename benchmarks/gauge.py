"""What measurements are made of: seconds per call, megabytes, a line for whoever watches."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def report(stage: str, value: float | None = None) -> None:
    """Tell the watcher."""
    print(json.dumps({"stage": stage, "value": value}), flush=True)


def timed(step: Callable[[], Any]) -> tuple[Any, float]:
    """The result of one call, and its seconds."""
    gc.collect()
    start = time.perf_counter()
    result = step()
    return result, time.perf_counter() - start


def per_call(call: Callable[[], Any], budget: float) -> float:
    """Seconds per call: the median of samples that take `budget` seconds together (three at least)."""
    _, once = timed(call)
    inner = max(1, int(budget / 20 / max(once, 1e-8)))
    samples: list[float] = []
    end = time.perf_counter() + budget
    while len(samples) < 3 or (time.perf_counter() < end and len(samples) < 50):
        start = time.perf_counter()
        for _ in range(inner):
            call()
        samples.append((time.perf_counter() - start) / inner)
        if once > 10 * budget:
            break
    return float(np.median(samples))


def start_memory() -> float | None:
    """Set the system's record of the peak back; the memory in use now, in MB. None where it can't be told."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _status("VmRSS")


def peak_memory(base: float | None) -> float | None:
    """MB used above `base` at the worst moment, and the most that a compiler took beside it."""
    if base is None:
        return None
    import resource

    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return _status("VmHWM") - base + children


def _status(key: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return float(line.split()[1]) / 1024
    raise OSError(f"no {key} in /proc/self/status")
