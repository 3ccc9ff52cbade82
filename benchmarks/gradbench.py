"""GradBench's evals: symgrad beside JAX and PyTorch, on one core, every result validated.

    python benchmarks/gradbench.py            # about four minutes
    python benchmarks/gradbench.py --quick    # smaller, about two
    python benchmarks/gradbench.py --modules gmm kmeans --tools symgrad JAX --markdown
    python benchmarks/gradbench.py --suite ~/gradbench --modules lse     # the suite's own programs, from a checkout

A tool is a process that speaks the suite's protocol (`gradbench_tool.py`); each module meets it in a fresh one. The
time of a derivative is the tenth percentile of its `evaluate` timings (what else the machine does only adds to one);
`prepare` (tracing, deriving, compiling) stands apart. Ends with status 1 unless every answer is validated.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import table
from children import Outcome, idle_cpu, progress
from gradbench_cases import CASES, Case
from gradbench_peers import TOOLS, absent, version
from gradbench_reference import REFERENCES, TOLERANCE, difference
from gradbench_talk import Tool, evaluated, relay

STOPPED = {"limit": "late", "error": "FAIL", "wrong": "WRONG", "absent": "-"}
Results = dict[str, dict[str, Outcome]]


def main(argv: list[str] | None = None) -> int:
    """Run the evals, print the tables; returns 1 where a result was wrong."""
    args = parse(argv)
    cpu = idle_cpu()
    versions = {n: version(n) for n in args.tools if absent(n) is None}
    packages = ", ".join(f"{n} {v}" for n, v in versions.items())
    print(f"{table.processor()}{'' if cpu is None else f', core {cpu}'}; {packages}", flush=True)
    if args.suite:
        return suite(args, cpu)
    results: Results = {}
    chosen = [c for c in CASES if c.module in args.modules and (c.quick or not args.quick)]
    for case in chosen:
        given = case.make()
        row = results[f"{case.module} {case.label}".strip()] = {}
        for tool in args.tools:
            progress(f"{case.module} {case.label}: {tool}")
            row[tool] = run(case, given, tool, cpu, args)
    progress("")
    for stage, title in (
        ("derivative", "Milliseconds of the derivative; in brackets times the fastest"),
        ("value", "Milliseconds of the function itself"),
    ):
        print("\n" + times(results, chosen, stage, title, args))
    print("\n" + prepared(results, args))
    print("\n" + verdicts(results, chosen, args))
    for name, row in results.items():
        for tool, o in row.items():
            if o.stopped not in (None, "absent"):
                print(f"{name}, {tool}: {STOPPED[o.stopped]}, {o.reason}")
    if args.json:
        plain = {n: {p: vars(o) for p, o in row.items()} for n, row in results.items()}
        Path(args.json).write_text(json.dumps({"versions": versions, "results": plain}, indent=1))
    return int(any(o.stopped not in (None, "absent") for row in results.values() for o in row.values()))


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    modules = list(dict.fromkeys(c.module for c in CASES))
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="without the largest sizes, fewer runs")
    parser.add_argument("--modules", nargs="+", choices=modules, default=modules, metavar="NAME")
    parser.add_argument("--tools", nargs="+", choices=list(TOOLS), default=list(TOOLS), metavar="NAME")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds that an evaluation may take (120)")
    parser.add_argument("--suite", metavar="FOLDER", help="a checkout of the suite, whose own evals are run")
    parser.add_argument("--json", metavar="FILE", help="write the numbers here as well")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    args = parser.parse_args(argv)
    args.seconds = 0.3 if args.quick else 1.0
    return args


def run(case: Case, given: object, tool: str, cpu: int | None, args: argparse.Namespace) -> Outcome:
    """Both functions of a case, by a tool in a fresh process."""
    outcome = Outcome()
    reason = absent(tool)
    if reason:
        return Outcome(stopped="absent", reason=reason)
    without = "error" if tool == "symgrad" else "absent"  # peers need not have everything
    with Tool(tool, cpu) as talk:
        talk.ask({"kind": "start", "eval": case.module}, args.limit)
        if not talk.ask({"kind": "define", "module": case.module}, args.limit)["success"]:
            return Outcome(stopped=without, reason=f"{tool} has no {case.module}")
        for stage, function in (("value", case.value), ("derivative", case.derivative)):
            if function is None:
                continue
            wanted = given | {"min_runs": 5, "min_seconds": args.seconds} if isinstance(given, dict) else given
            response = talk.ask(
                {"kind": "evaluate", "module": case.module, "function": function, "input": wanted}, args.limit
            )
            if not response["success"] and response["error"] == f"{tool} has no {case.module}.{function}":
                return Outcome(stopped=without, reason=response["error"])
            if not response["success"]:
                outcome.stopped = "limit" if response.get("late") else "error"
                lines = [x for x in response["error"].strip().splitlines() if x[:1].strip()]
                outcome.reason = lines[-1]
                return outcome
            outcome.values |= {f"{stage} {k}": v for k, v in evaluated(response["timings"]).items()}
            apart = difference(response["output"], REFERENCES[case.module](given, stage == "derivative"))
            outcome.values[f"{stage} error"] = apart
            valid = apart <= TOLERANCE
            talk.ask({"kind": "analysis", "of": response["id"], "valid": valid}, args.limit)
            if not valid:
                outcome.stopped, outcome.reason = "wrong", f"{function} differs from the reference by {apart:.1e}"
    return outcome


def suite(args: argparse.Namespace, cpu: int | None) -> int:
    """The suite's own eval programs, which validate what they hear; a line per evaluation."""
    folder, wrong = Path(args.suite).resolve(), 0
    for module in args.modules:
        program = folder / "python" / "gradbench" / "gradbench" / "evals" / module / "run.py"
        for tool in args.tools:
            if absent(tool) is None:
                for function, label, seconds, valid in relay(program, folder, tool, cpu, args.limit):
                    wrong += not valid
                    told = table.short(1e3 * seconds) if seconds is not None else "-"
                    print(
                        f"{module}.{function} {label}: {tool} {told} ms, {'valid' if valid else 'INVALID'}", flush=True
                    )
    return int(wrong > 0)


def times(results: Results, cases: list[Case], stage: str, title: str, args: argparse.Namespace) -> str:
    """A row per case."""
    rows = [["", "suite's fastest", *args.tools]] if stage == "derivative" else [["", "", *args.tools]]
    for case, (name, row) in zip(cases, results.items(), strict=True):
        if stage == "value" and case.value is None:
            continue
        found = {t: o.values[f"{stage} time"] for t, o in row.items() if f"{stage} time" in o.values}
        best = min(found.values(), default=0.0)
        cells = ["" if stage != "derivative" else "-" if case.bar is None else table.short(1e3 * case.bar)]
        for tool in args.tools:
            if row[tool].stopped == "wrong" or tool not in found:
                cells.append(STOPPED[row[tool].stopped or "absent"])
                continue
            shown = f"{table.short(1e3 * found[tool])} ({table.ratio(found[tool] / best)})"
            cells.append(f"**{shown}**" if args.markdown and found[tool] == best else shown)
        rows.append([name, *cells])
    return table.lay_out(title, rows, args.markdown)


def prepared(results: Results, args: argparse.Namespace) -> str:
    """Seconds of `prepare`, for the derivative; the largest difference from the references."""
    rows = [["", *(h for t in args.tools for h in (f"{t} s", "error"))]]
    for name, row in results.items():
        cells = []
        for tool in args.tools:
            seconds = row[tool].values.get("derivative prepare")
            error = max((v for k, v in row[tool].values.items() if k.endswith("error")), default=None)
            cells += ["-" if seconds is None else table.short(seconds), "-" if error is None else f"{error:.0e}"]
        rows.append([name, *cells])
    return table.lay_out("Preparing the derivative; the error of all results", rows, args.markdown)


def verdicts(results: Results, cases: list[Case], args: argparse.Namespace) -> str:
    """Of each module, whether all that a tool answered was found right."""
    rows = [["", *args.tools]]
    for module in dict.fromkeys(c.module for c in cases):
        own = [row for c, row in zip(cases, results.values(), strict=True) if c.module == module]
        cells = []
        for tool in args.tools:
            stops = {row[tool].stopped for row in own} - {"absent"}
            late = "late" if stops <= {None, "limit"} else "no"
            cells.append("-" if not stops else "yes" if stops == {None} else late)
        rows.append([module, *cells])
    return table.lay_out("Validated", rows, args.markdown)


if __name__ == "__main__":
    sys.exit(main())
