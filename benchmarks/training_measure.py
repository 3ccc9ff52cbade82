"""One peer at one training, in a process of its own: `python training_measure.py '{"case": ..., "peer": ...}'`.

Every finished stage is a line of JSON on standard output; the losses go into the file of the task's "result".
"""

from __future__ import annotations

import json
import os
import sys
import time

import numpy as np
from gauge import report, timed
from training_cases import CASES, CURVE
from training_peers import PEERS

SAMPLE = 0.01
"""Seconds of steps that are timed together: short, so that some samples are not interrupted by other processes."""


def main() -> None:
    """Run the stages that the JSON argument asks for."""
    task = json.loads(sys.argv[1])
    if task.get("cpu") is not None:
        os.sched_setaffinity(0, {task["cpu"]})
    case, peer = CASES[task["case"]], PEERS[task["peer"]]
    params, batches = case.params(), case.batches()
    module = peer.load()
    report("load")
    model = getattr(module, case.model)
    run, made = timed(lambda: module.prepare(model, case, params, batches, peer.variant))
    first, seconds = timed(lambda: run(1))
    report("first", made + seconds)
    _, seconds = timed(lambda: run(CURVE))
    again = module.prepare(model, case, params, batches, peer.variant)
    losses = [float(x) for x in again(CURVE)]
    assert losses[0] == float(first[0])
    np.savez(task["result"], losses=losses)
    count = max(1, int(SAMPLE * CURVE / seconds))
    samples: list[float] = []
    end = time.perf_counter() + task["budget"]
    while len(samples) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        run(count)
        samples.append((time.perf_counter() - start) / count)
    report("step", float(np.percentile(samples, 10)))


if __name__ == "__main__":
    main()
