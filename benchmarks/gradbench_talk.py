"""GradBench's messages: a tool in a process of its own that is asked; an eval and a tool that talk to each other."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from children import HERE, ONE_THREAD


class Tool:
    """`gradbench_tool.py` in a fresh process with a fresh cache; ended with the `with` block."""

    def __init__(self, name: str, cpu: int | None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="symgrad-benchmark-")
        environment = os.environ | ONE_THREAD | {"XDG_CACHE_HOME": self._folder.name}
        environment["SYMGRAD_CACHE_DIR"] = self._folder.name
        command = [sys.executable, str(HERE / "gradbench_tool.py"), "--tool", name]
        self._process = subprocess.Popen(
            command if cpu is None else [*command, "--cpu", str(cpu)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            cwd=self._folder.name,
            start_new_session=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._asked = 0
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Tool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._folder.cleanup()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def ask(self, message: dict[str, Any], limit: float) -> dict[str, Any]:
        """The response to a message, which gets its number here unless it has one."""
        assert self._process.stdin is not None
        message = {"id": self._asked} | message
        self._asked = message["id"] + 1
        failed = {"id": message["id"], "success": False}
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
            line = self._lines.get(timeout=limit)
        except queue.Empty:
            return failed | {"late": True, "error": f"no response within {limit:g} s"}
        except BrokenPipeError:
            line = None
        return json.loads(line) if line is not None else failed | {"error": "the tool ended"}


def evaluated(timings: list[dict[str, Any]]) -> dict[str, float]:
    """Seconds of preparing, and of a call: the tenth percentile."""
    seconds = {n: sorted(t["nanoseconds"] / 1e9 for t in timings if t["name"] == n) for n in ("prepare", "evaluate")}
    return {"prepare": sum(seconds["prepare"]), "time": seconds["evaluate"][len(seconds["evaluate"]) // 10]}


def relay(
    program: Path, folder: Path, tool: str, cpu: int | None, limit: float
) -> Iterator[tuple[str, str, float | None, bool]]:
    """Run an eval of the suite against a tool: per evaluation its function, label, seconds, and whether it was valid.

    What the eval says goes to the tool as it is, and the responses back: what the suite's runner does. RuntimeError
    where the eval itself fails (most compare with the suite's C++ programs, which must have been built).
    """
    path = [str(folder / "python" / "gradbench"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join(path)}
    with (
        Tool(tool, cpu) as talk,
        subprocess.Popen(
            [sys.executable, str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=environment,
        ) as said,
    ):
        assert said.stdin is not None
        assert said.stdout is not None
        asked: dict[int, tuple[str, str, float | None]] = {}
        for line in said.stdout:
            message = json.loads(line)
            response = talk.ask(message, limit)
            if message["kind"] == "evaluate":
                seconds = evaluated(response["timings"])["time"] if response["success"] else None
                asked[message["id"]] = (message["function"], message.get("description", ""), seconds)
                if not response["success"]:
                    yield *asked[message["id"]], False
            elif message["kind"] == "analysis":
                yield *asked[message["of"]], bool(message["valid"])
            said.stdin.write(json.dumps(response) + "\n")
            said.stdin.flush()
        if said.wait():
            raise RuntimeError(f"{program} ended with exit status {said.returncode}: does it have what it imports?")
