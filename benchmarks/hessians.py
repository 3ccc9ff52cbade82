"""Hessians of functions of arrays: symgrad and its peers against the form derived by hand.

    python benchmarks/hessians.py            # the sizes of the tables in the documentation, about half an hour
    python benchmarks/hessians.py --quick    # smaller, about four minutes
    python benchmarks/hessians.py --cases logistic softmax --peers symgrad JAX --json out.json --markdown

Each peer meets each function in a fresh process, one after the other, on one core, in float64. The time of a call is
divided by that of the Hessian derived by hand, written in NumPy and BLAS, called in turn with it; results are
compared with that form. `pip install -e ".[bench]"` brings the peers.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

import table
from children import Outcome, idle_cpu, measured, progress
from hessian_cases import CASES
from hessian_peers import PEERS

TOLERANCE = 1e-9
"""Largest error, by the largest entry, that counts as agreement."""
STOPPED = {"limit": "late", "error": "FAIL", "wrong": "WRONG", "absent": "-"}
Results = dict[str, dict[str, Outcome]]


def main(argv: list[str] | None = None) -> int:
    """Measure, print the tables; returns 1 where a result was wrong."""
    args = parse(argv)
    cpu = idle_cpu()
    versions = {PEERS[n].package: PEERS[n].version() for n in args.peers if PEERS[n].absent() is None}
    packages = ", ".join(f"{n} {v}" for n, v in versions.items())
    print(f"{table.processor()}{'' if cpu is None else f', core {cpu}'}; {packages}")
    print("\n".join(f"{n}: {PEERS[n].told}" for n in args.peers), flush=True)
    results: Results = {}
    for i, name in enumerate(args.cases):
        results[name] = {}
        for k, peer in enumerate(args.peers):
            progress(f"[{i * len(args.peers) + k + 1}/{len(args.cases) * len(args.peers)}] {name}: {peer}")
            results[name][peer] = run(name, peer, cpu, args)
    progress("")
    print("\n" + times(results, args))
    print("\n" + memory(results, args))
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
    parser.add_argument("--quick", action="store_true", help="small sizes, short limits")
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES), metavar="NAME")
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(PEERS), metavar="NAME")
    parser.add_argument("--limit", type=float, help="seconds a stage may take (120; with --quick 20)")
    parser.add_argument("--memory", type=float, default=18.0, metavar="GB", help="address space of a peer (18)")
    parser.add_argument("--json", metavar="FILE", help="write the numbers here as well")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    args = parser.parse_args(argv)
    args.limit = args.limit or (20.0 if args.quick else 120.0)
    args.budget = 0.4 if args.quick else 3.0
    return args


def run(case: str, peer: str, cpu: int | None, args: argparse.Namespace) -> Outcome:
    """Measure in a child process."""
    reason = PEERS[peer].absent()
    if reason:
        return Outcome(stopped="absent", reason=reason)
    task = {
        "case": case,
        "peer": peer,
        "cpu": cpu,
        "quick": args.quick,
        "budget": args.budget,
        "memory": args.memory * 2**30,
    }
    outcome = measured("hessian_measure.py", task, args.limit)
    error = outcome.values.get("error")
    if error is not None and not error <= TOLERANCE:
        outcome.stopped, outcome.reason = "wrong", f"differs from the form derived by hand by {error:.1e}"
    elif outcome.stopped == "limit":
        outcome.reason = f"a stage took more than {args.limit:g} s"
    return outcome


def times(results: Results, args: argparse.Namespace) -> str:
    """Times the form derived by hand, a row per function; the geometric mean last."""
    rows = [["", "by hand ms", *args.peers]]
    for name, row in results.items():
        hands = [o.values["hand"] for o in row.values() if "hand" in o.values]
        hand = table.short(1e3 * min(hands)) if hands else "-"
        ratios = {p: _times_hand(o) for p, o in row.items()}
        best = min((r for r in ratios.values() if r is not None), default=0.0)
        cells = [_cell(row[p], r, r == best, args.markdown) for p, r in ratios.items()]
        rows.append([_title(name, args.quick), hand, *cells])
    means = []
    for p in args.peers:
        found = [r for row in results.values() if (r := _times_hand(row[p])) is not None]
        complete = len(found) == len(results)
        means.append(_shown(math.exp(sum(map(math.log, found)) / len(found))) if found and complete else "-")
    rows.append(["geometric mean", "", *means])
    return table.lay_out("Time of one Hessian, times the form derived by hand", rows, args.markdown)


def memory(results: Results, args: argparse.Namespace) -> str:
    """Peak memory."""
    rows = [["", "result MB", *args.peers]]
    for name, row in results.items():
        sizes = [o.values["bytes"] for o in row.values() if "bytes" in o.values]
        peaks = {p: o.values.get("memory") for p, o in row.items()}
        best = min((v for v in peaks.values() if v is not None), default=0.0)
        cells = [
            _cell(row[p], v, v == best, args.markdown, f"{v:.0f}" if v is not None else "") for p, v in peaks.items()
        ]
        rows.append([_title(name, args.quick), f"{sizes[0]:.1f}" if sizes else "-", *cells])
    title = "Peak memory in MB above what the loaded package and the data take, deriving and compiling included"
    return table.lay_out(title, rows, args.markdown)


def first(results: Results, args: argparse.Namespace) -> str:
    """Seconds to the first result."""
    rows = [["", *args.peers]]
    for name, row in results.items():
        seconds = {p: o.values.get("first") for p, o in row.items()}
        best = min((v for v in seconds.values() if v is not None), default=0.0)
        cells = [
            _cell(row[p], v, v == best, args.markdown, table.short(v) if v is not None else "")
            for p, v in seconds.items()
        ]
        rows.append([_title(name, args.quick), *cells])
    title = "Seconds to the first result, from the function on: tracing, deriving, compiling"
    return table.lay_out(title, rows, args.markdown)


def _title(name: str, quick: bool) -> str:
    case = CASES[name]
    size = "x".join(map(str, case.quick if quick else case.size))
    return f"{case.title}, {size}"


def _times_hand(o: Outcome) -> float | None:
    return o.values["time"] / o.values["hand"] if "hand" in o.values and o.stopped is None else None


def _cell(o: Outcome, value: float | None, best: bool, markdown: bool, text: str = "") -> str:
    if o.stopped is not None and (value is None or o.stopped == "wrong"):
        return STOPPED[o.stopped]
    if value is None:
        return "-"
    shown = text or _shown(value)
    return f"**{shown}**" if best and markdown else shown


def _shown(ratio: float) -> str:
    digits = 0 if ratio >= 100 else 1 if ratio >= 10 else 2 if ratio >= 0.1 else 3
    return f"{ratio:.{digits}f}"


if __name__ == "__main__":
    sys.exit(main())
