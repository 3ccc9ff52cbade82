"""One peer at one Hessian, in a process of its own: `python hessian_measure.py '{"case": ..., "peer": ...}'`.

Every finished stage is a line of JSON on standard output. The time of a call is compared with that of the form
derived by hand, called in turn with it in the same process.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from gauge import peak_memory, report, start_memory, timed
from hessian_cases import CASES
from hessian_peers import PEERS


def main() -> None:
    """Run the stages that the JSON argument asks for."""
    task = json.loads(sys.argv[1])
    if task.get("cpu") is not None:
        os.sched_setaffinity(0, {task["cpu"]})
    if task.get("memory"):  # so that who wants more than the machine has fails, and alone
        limit = int(task["memory"])
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    case = CASES[task["case"]]
    arguments = case.arguments(task["quick"])
    peer = PEERS[task["peer"]]
    module = peer.load()
    report("load")

    base = start_memory()
    function = getattr(module, case.function)
    call, made = timed(lambda: module.prepare(function, arguments, case.wrt, peer.variant))
    report("prepare", made)
    result, seconds = timed(call)
    report("first", made + seconds)
    del result
    result, _ = timed(call)
    report("memory", peak_memory(base))

    wanted = flat(case.hand(**arguments))
    report("bytes", sum(w.nbytes for w in wanted) / 2**20)
    report("error", difference(flat(module.dense(result)), wanted))
    del result, wanted
    one, other = paired(call, lambda: case.hand(**arguments), task["budget"])
    report("time", one)
    report("hand", other)


def flat(result: Any) -> list[np.ndarray]:
    """The blocks in order."""
    if isinstance(result, tuple):
        return [b for part in result for b in flat(part)]
    return [np.asarray(result)]


def difference(got: list[np.ndarray], wanted: list[np.ndarray]) -> float:
    """The largest, by the largest entry."""
    assert [g.shape for g in got] == [w.shape for w in wanted]
    scale = max(float(np.max(np.abs(w))) for w in wanted)
    return max(float(np.max(np.abs(g - w))) for g, w in zip(got, wanted, strict=True)) / scale


def paired(call: Callable[[], Any], hand: Callable[[], Any], budget: float) -> tuple[float, float]:
    """Seconds per call of both, called in turn: the medians of what fits into `budget` seconds (three at least)."""
    calls, samples = (call, hand), ([], [])
    inner = [max(1, int(budget / 40 / max(timed(c)[1], 1e-8))) for c in calls]
    end = time.perf_counter() + budget
    while len(samples[0]) < 3 or (time.perf_counter() < end and len(samples[0]) < 50):
        for k, c in enumerate(calls):
            start = time.perf_counter()
            for _ in range(inner[k]):
                c()
            samples[k].append((time.perf_counter() - start) / inner[k])
    return float(np.median(samples[0])), float(np.median(samples[1]))


if __name__ == "__main__":
    main()
