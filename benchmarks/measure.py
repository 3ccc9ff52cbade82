"""One peer at one problem, in a process of its own: `python measure.py '{"problem": ..., "peer": ...}'`.

Every finished stage is a line of JSON on standard output, so that whoever watches knows how far it came.
"""

from __future__ import annotations

import json
import os
import sys

import numpy as np
from gauge import peak_memory, per_call, report, start_memory, timed
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


if __name__ == "__main__":
    main()
