"""Training steps side by side: time per step on the same batches with the same optimiser, one core.

Every peer begins with the same parameters; its losses over the first steps have to be those of the others. Batches
are arrays of the peer's own before the clock starts. A sample is 10 ms of steps in a row; the tenth percentile of the
samples counts, as other processes of the machine only add.

Run: python benchmarks/training.py [--quick] [--markdown] [--peers ...] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np
import table
from children import Outcome, idle_cpu, measured, progress
from training_cases import CASES, TOLERANCE
from training_peers import PEERS

STOPPED = {"limit": "late", "error": "FAIL", "wrong": "WRONG", "absent": "-"}
Results = dict[str, dict[str, Outcome]]


def main(argv: list[str] | None = None) -> int:
    """Measure, print the tables; returns 1 where losses differ."""
    args = parse(argv)
    cpu = idle_cpu()
    versions = {PEERS[n].package: PEERS[n].version() for n in args.peers if PEERS[n].absent() is None}
    packages = ", ".join(f"{n} {v}" for n, v in versions.items())
    print(f"{table.processor()}{'' if cpu is None else f', core {cpu}'}; {packages}")
    print("\n".join(f"{n}: {PEERS[n].told}" for n in args.peers), flush=True)
    results: Results = {}
    for i, name in enumerate(args.cases):
        results[name] = {}
        curves: dict[str, np.ndarray] = {}
        for k, peer in enumerate(args.peers):
            progress(f"[{i * len(args.peers) + k + 1}/{len(args.cases) * len(args.peers)}] {name}: {peer}")
            results[name][peer] = run(name, peer, cpu, args, curves)
        compare(name, results[name], curves)
    progress("")
    print("\n" + times(results, args))
    print("\n" + first(results, args))
    for name, row in results.items():
        for peer, o in row.items():
            if o.stopped not in (None, "absent"):
                print(f"{name}, {peer}: {STOPPED[o.stopped]}, {o.reason}")
    if args.json:
        plain = {n: {p: vars(o) for p, o in row.items()} for n, row in results.items()}
        Path(args.json).write_text(json.dumps({"versions": versions, "results": plain}, indent=1))
    return int(any(o.stopped == "wrong" for row in results.values() for o in row.values()))


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few small cases, short limits")
    parser.add_argument("--cases", nargs="+", choices=list(CASES), metavar="TITLE")
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(PEERS), metavar="NAME")
    parser.add_argument("--limit", type=float, help="seconds a stage may take (240; with --quick 90)")
    parser.add_argument("--json", metavar="FILE", help="write the numbers here as well")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    args = parser.parse_args(argv)
    args.cases = args.cases or [n for n, c in CASES.items() if c.quick or not args.quick]
    args.limit = args.limit or (90.0 if args.quick else 240.0)
    args.budget = 0.5 if args.quick else 3.0
    return args


def run(case: str, peer: str, cpu: int | None, args: argparse.Namespace, curves: dict[str, np.ndarray]) -> Outcome:
    """Measure in a child process; its losses come into `curves`."""
    reason = PEERS[peer].absent()
    if reason:
        return Outcome(stopped="absent", reason=reason)

    def keep(path: Path, outcome: Outcome) -> None:
        with np.load(path) as found:
            curves[peer] = found["losses"]

    task = {"case": case, "peer": peer, "cpu": cpu, "budget": args.budget}
    outcome = measured("training_measure.py", task, args.limit, keep)
    if outcome.stopped == "limit":
        outcome.reason = f"a stage took more than {args.limit:g} s"
    return outcome


def compare(name: str, row: dict[str, Outcome], curves: dict[str, np.ndarray]) -> None:
    """Every curve with the middle one."""
    if not curves:
        return
    middle = np.median(list(curves.values()), axis=0)
    for peer, losses in curves.items():
        off = float(np.max(np.abs(losses - middle) / np.abs(middle)))
        row[peer].values["off"] = off
        if not off <= TOLERANCE[CASES[name].dtype]:
            row[peer].stopped, row[peer].reason = "wrong", f"a loss is off by {off:.1e} of it"


def times(results: Results, args: argparse.Namespace) -> str:
    """Microseconds per step, a row per case, and times the fastest; the geometric mean last."""
    rows = [["", *args.peers, f"{args.peers[0]}'s losses differ by"]]
    ratios: dict[str, list[float]] = {p: [] for p in args.peers}
    for name, row in results.items():
        steps = {p: o.values.get("step") for p, o in row.items()}
        best = min((v for v in steps.values() if v is not None), default=math.nan)
        cells = []
        for p, v in steps.items():
            if row[p].stopped is not None or v is None:
                cells.append(STOPPED[row[p].stopped or "error"])
                continue
            ratios[p].append(v / best)
            shown = f"{table.short(1e6 * v)} ({v / best:.2f})"
            cells.append(f"**{shown}**" if v == best and args.markdown else shown)
        off = next(iter(row.values())).values.get("off", math.nan)
        rows.append([name, *cells, f"{off:.0e}"])
    means = [
        f"{math.exp(sum(map(math.log, r)) / len(r)):.2f}" if len(r) == len(results) else "-" for r in ratios.values()
    ]
    rows.append(["geometric mean", *means, ""])
    return table.lay_out("Microseconds per step (times the fastest)", rows, args.markdown)


def first(results: Results, args: argparse.Namespace) -> str:
    """Seconds to the first loss."""
    rows = [["", *args.peers]]
    for name, row in results.items():
        seconds = [o.values.get("first") for o in row.values()]
        rows.append([name, *("-" if v is None else table.short(v) for v in seconds)])
    return table.lay_out("Seconds to the first loss, from the function on: deriving, compiling", rows, args.markdown)


if __name__ == "__main__":
    sys.exit(main())
