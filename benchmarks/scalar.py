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
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import table
from measure import CHECKED, POINTS
from neutral import program
from peers import PEERS
from problems import NAMES, QUICK, Absent, load
from reference import derivative

HERE = Path(__file__).resolve().parent
TOLERANCE = 1e-9
"""Largest error, relative to the largest entry of the same row, that counts as agreement."""


@dataclass
class Outcome:
    """What one peer did at one problem: a number per finished stage, and why it stopped, if it did."""

    values: dict[str, float] = field(default_factory=dict)
    stopped: str | None = None
    reason: str = ""


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
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="symgrad-benchmark-") as folder:
        result = Path(folder) / "values.npz"
        task = {"problem": problem, "peer": peer, "cpu": cpu, "budget": budget, "result": str(result)}
        # A fresh cache folder: what is measured is the first time.
        environment = os.environ | {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": folder, "SYMGRAD_CACHE_DIR": folder}
        with open(Path(folder) / "errors", "w+") as errors:
            child = subprocess.Popen(
                [sys.executable, str(HERE / "measure.py"), json.dumps(task)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )
            watch(child, outcome, limit)
            if child.returncode and outcome.stopped != "limit":
                errors.seek(0)
                last = errors.read().strip().splitlines()[-1:] or [f"exit status {child.returncode}"]
                outcome.stopped, outcome.reason = "error", last[0]
        if result.exists():
            outcome.values["error"] = compare(result, truth)
            if not outcome.values["error"] <= TOLERANCE:
                outcome.stopped, outcome.reason = "wrong", "differs from the reference"
    return outcome


def watch(child: subprocess.Popen[str], outcome: Outcome, limit: float) -> None:
    """Collect the child's lines until it ends; kill it, and what it started, when it is late."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert child.stdout is not None
        for line in child.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            # Loading packages and problems is not what is limited.
            line = lines.get(timeout=limit if "load" in outcome.values else limit + 120)
        except queue.Empty:
            outcome.stopped = "limit"
            kill(child)
            break
        if line is None:
            break
        try:
            event = json.loads(line)
        except ValueError:
            continue  # something the package printed
        outcome.values[event["stage"]] = event["value"]
    child.wait()


def kill(child: subprocess.Popen[str]) -> None:
    """End the child and its compilers."""
    if hasattr(os, "killpg"):
        os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()


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


def idle_cpu() -> int | None:
    """The processor with least to do: every measurement runs on that one. None where it can't be chosen."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    try:
        import psutil
    except ImportError:
        return allowed[-1]
    busy = psutil.cpu_percent(interval=0.3, percpu=True)
    return min(allowed, key=lambda c: busy[c] if c < len(busy) else 100.0)


def progress(text: str) -> None:
    """One line on the terminal that is overwritten; a plain line where there is none."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
