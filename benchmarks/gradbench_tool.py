"""A tool of GradBench: answers the suite's messages, a line of JSON each, on standard input and output.

    python gradbench_tool.py                     # symgrad
    python gradbench_tool.py --tool JAX          # or one of its peers
    gradbench run --eval ... --tool "python gradbench_tool.py"      # with the suite's own runner

Of each evaluation, the timings are: `prepare`, once, from the function to what can be called (tracing, deriving,
compiling; it depends on shapes alone), and `evaluate` for every call. Turning JSON into arrays and back is in
neither, as with the suite's own tools.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from typing import Any

from gradbench_peers import TOOLS, answers, version


def main() -> None:
    """Answer until the messages end."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tool", choices=list(TOOLS), default="symgrad")
    parser.add_argument("--cpu", type=int, help="the core to run on")
    args = parser.parse_args()
    if args.cpu is not None:
        os.sched_setaffinity(0, {args.cpu})
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a package prints must not come between the responses
    for line in sys.stdin:
        message = json.loads(line)
        print(json.dumps({"id": message["id"]} | respond(args.tool, message)), file=out, flush=True)


def respond(tool: str, message: dict[str, Any]) -> dict[str, Any]:
    """All of the response but its number."""
    kind = message["kind"]
    if kind == "start":
        return {"tool": tool, "config": {"version": version(tool)}}
    if kind not in ("define", "evaluate"):
        return {}
    try:
        if kind == "evaluate":
            return evaluate(tool, message["module"], message["function"], message["input"])
        start = time.perf_counter_ns()
        found = answers(tool, message["module"])
        if found is None:
            return {"success": False, "error": f"{tool} has no {message['module']}"}
        return {"success": True, "timings": [timing("import", time.perf_counter_ns() - start)]}
    except Exception as e:
        return {"success": False, "error": "".join(traceback.format_exception(e))}


def evaluate(tool: str, module: str, function: str, given: Any) -> dict[str, Any]:
    """Prepare, then call at least `min_runs` times and until `min_seconds` have passed."""
    found = answers(tool, module) or {}
    if function not in found:
        return {"success": False, "error": f"{tool} has no {module}.{function}"}
    answer = found[function]
    arguments = answer.read(given)
    start = time.perf_counter_ns()
    call = answer.prepare(*arguments)
    timings = [timing("prepare", time.perf_counter_ns() - start)]
    wanted = given if isinstance(given, dict) else {}
    runs, least = wanted.get("min_runs", 1), wanted.get("min_seconds", 0) * 1e9
    count, elapsed, result = 0, 0, None
    while count < max(runs, 1) or elapsed < least:
        start = time.perf_counter_ns()
        result = call()
        took = time.perf_counter_ns() - start
        timings.append(timing("evaluate", took))
        count, elapsed = count + 1, elapsed + took
    return {"success": True, "output": answer.write(result), "timings": timings}


def timing(name: str, nanoseconds: int) -> dict[str, Any]:
    """An entry of a response's timings."""
    return {"name": name, "nanoseconds": nanoseconds}


if __name__ == "__main__":
    main()
