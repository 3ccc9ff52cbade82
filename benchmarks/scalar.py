"""symgrad and its peers side by side on derivatives of scalar programs.

    python benchmarks/scalar.py            # everything, about an hour
    python benchmarks/scalar.py --quick    # two to three minutes
    python benchmarks/scalar.py --problems gait2d pollu --peers symgrad casadi --json out.json --markdown

Each peer meets each problem in a fresh process, one after the other, on one core. Results are compared with
derivatives computed in extended precision. `pip install -e ".[bench]"` brings the peers.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import table
from children import Outcome, idle_cpu, measured, progress
from measure import CHECKED, POINTS
from neutral import program
from peers import PEERS
from problems import NAMES, QUICK, Absent, load
from reference import derivative

TOLERANCE = 1e-9
"""Largest error, relative to the largest entry of the same row, that counts as agreement."""


def main(argv: list[str] | None = None) -> int:
    """Measure, print the tables; returns 1 where a result was wrong."""
    args = parse(argv)
    cpu = idle_cpu()
    results: dict[str, dict[str, Outcome]] = {}
    tasks = len(args.problems) * len(args.peers)
    versions = {n: PEERS[n].version() for n in args.peers if PEERS[n].absent() is None}
    print(table.heading(versions, cpu, args.limit), flush=True)
    for i, name in enumerate(args.problems):
        try:
            problem = load(name)
        except Absent as reason:
            print(f"\n{name}: skipped, {reason}", flush=True)
            continue
        lines = program(problem)
        points = problem.points(POINTS)[:CHECKED]
        truth = np.array([derivative(problem, lines, p) for p in points])
        results[name] = {}
        for k, peer in enumerate(args.peers):
            progress(f"[{i * len(args.peers) + k + 1}/{tasks}] {name}: {peer}")
            outcome = Outcome(stopped="absent", reason=PEERS[peer].absent() or "")
            if not outcome.reason:
                outcome = run(name, peer, truth, cpu, args.limit, args.budget)
            results[name][peer] = outcome
        progress("")
        shape = "x".join(map(str, problem.shape))
        title = (
            f"{name}: {problem.kind} {shape}, {np.count_nonzero(truth[0])} nonzeros, of {lines.count_ops()} operations"
        )
        print("\n" + table.render(title, results[name], args.limit, args.markdown), flush=True)
    if len(results) > 1:
        print("\n" + table.summary(results, args.markdown))
    if args.json:
        plain = {n: {p: vars(o) for p, o in peers.items()} for n, peers in results.items()}
        Path(args.json).write_text(json.dumps({"versions": versions, "results": plain}, indent=1))
    return int(any(o.stopped == "wrong" for peers in results.values() for o in peers.values()))


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small problems, short limits")
    parser.add_argument("--problems", nargs="+", metavar="NAME", help=f"of {' '.join(NAMES)}; other sizes work too")
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(PEERS), metavar="NAME")
    parser.add_argument("--limit", type=float, help="seconds a stage may take (60; with --quick 10)")
    parser.add_argument("--json", metavar="FILE", help="write the numbers here as well")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    args = parser.parse_args(argv)
    args.problems = args.problems or list(QUICK if args.quick else NAMES)
    args.limit = args.limit or (10.0 if args.quick else 60.0)
    args.budget = 0.1 if args.quick else 0.5
    return args


def run(problem: str, peer: str, truth: np.ndarray, cpu: int | None, limit: float, budget: float) -> Outcome:
    """Measure in a child process; stop it where one stage takes longer than `limit` seconds."""

    def judge(result: Path, outcome: Outcome) -> None:
        outcome.values["error"] = compare(result, truth)
        if not outcome.values["error"] <= TOLERANCE:
            outcome.stopped, outcome.reason = "wrong", "differs from the reference"

    return measured("measure.py", {"problem": problem, "peer": peer, "cpu": cpu, "budget": budget}, limit, judge)


def compare(result: Path, truth: np.ndarray) -> float:
    """Largest difference from the reference, relative to the largest entry of the same row."""
    with np.load(result) as data:
        rows, columns, one, batch = (data[k] for k in ("rows", "columns", "one", "batch"))
    got = np.zeros((CHECKED + 1, *truth.shape[1:]))
    got[0, rows, columns] = one
    got[1:, rows, columns] = batch
    expected = np.concatenate([truth[:1], truth])
    scale = np.abs(expected).max(axis=2, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(got - expected) / np.where(scale > 0, scale, 1)
    return float(error.max())  # a NaN stays one, and is no agreement


if __name__ == "__main__":
    sys.exit(main())
