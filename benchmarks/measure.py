"""One peer at one problem, in a process of its own: `python measure.py '{"problem": ..., "peer": ...}'`.

Every finished stage is a line of JSON on standard output, so that whoever watches knows how far it came.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from neutral import program
from peers import PEERS
from problems import load

POINTS = 10_000
CHECKED = 3
"""Points whose results are handed over for comparison."""
BUFFER = 2**28
"""Largest batch result in bytes; who returns dense matrices may get fewer points."""


def main() -> None:
    """Run the stages that the JSON argument asks for."""
    task = json.loads(sys.argv[1])
    if task.get("cpu") is not None:
        os.sched_setaffinity(0, {task["cpu"]})
    problem = load(task["problem"])
    lines = program(problem)
    entry = PEERS[task["peer"]]
    entry.load()
    report("load")

    base = start_memory()
    peer, seconds = timed(lambda: entry.make(problem, lines))
    report("import", seconds)
    total = seconds if peer.import_counts else 0.0
    points = problem.points(POINTS)
    for stage, step in (("derive", peer.derive), ("compile", peer.compile)):
        _, seconds = timed(step)
        total += seconds
        report(stage, seconds)
        if stage == "derive" and peer.answers_at_once:
            _, seconds = timed(peer.one(points[0]))
            report("first", total + seconds)
    call = peer.one(points[0])
    result, seconds = timed(call)
    one = np.array(peer.values(result))  # a copy: the call may write to the same buffer again
    if not peer.answers_at_once:
        report("first", total + seconds)
    report("memory", peak_memory(base))

    report("one", per_call(call, task["budget"]))
    count = min(POINTS, max(CHECKED, BUFFER // (8 * peer.entries)))
    call = peer.batch(points[:count])
    few = peer.batch_values(call())[:CHECKED].copy()
    np.savez(task["result"], rows=peer.places[0], columns=peer.places[1], one=one, batch=few)
    report("batch", per_call(call, task["budget"]) / count)
    report("entries", peer.entries)
    report("ops", peer.count_ops())


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


if __name__ == "__main__":
    main()
