"""Measurements in child processes: started on one core, watched, stopped when a stage takes too long."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1") | {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
}


@dataclass
class Outcome:
    """What one peer did at one problem: a number per finished stage, and why it stopped, if it did."""

    values: dict[str, float] = field(default_factory=dict)
    stopped: str | None = None
    reason: str = ""


def measured(
    script: str, task: dict[str, Any], limit: float, compare: Callable[[Path, Outcome], None] | None = None
) -> Outcome:
    """Run a script of this folder with the task as JSON; its stages' numbers.

    A stage that takes longer than `limit` seconds ends it. `compare(file, outcome)` looks at results that it left
    in a file.
    """
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="symgrad-benchmark-") as folder:
        result = Path(folder) / "values.npz"
        # A fresh cache folder: what is measured is the first time.
        environment = os.environ | ONE_THREAD | {"XDG_CACHE_HOME": folder, "SYMGRAD_CACHE_DIR": folder}
        with open(Path(folder) / "errors", "w+") as errors:
            child = subprocess.Popen(
                [sys.executable, str(HERE / script), json.dumps(task | {"result": str(result)})],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )
            _watch(child, outcome, limit)
            if child.returncode and outcome.stopped != "limit":
                errors.seek(0)
                last = errors.read().strip().splitlines()[-1:] or [f"exit status {child.returncode}"]
                outcome.stopped, outcome.reason = "error", last[0]
        if compare is not None and result.exists():
            compare(result, outcome)
    return outcome


def _watch(child: subprocess.Popen[str], outcome: Outcome, limit: float) -> None:
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
            _kill(child)
            break
        if line is None:
            break
        try:
            event = json.loads(line)
        except ValueError:
            continue  # something the package printed
        outcome.values[event["stage"]] = event["value"]
    child.wait()


def _kill(child: subprocess.Popen[str]) -> None:
    """End the child and its compilers."""
    if hasattr(os, "killpg"):
        os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()


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
