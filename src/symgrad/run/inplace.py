"""Functions that change some of their arguments: a training step is one, from a loss to parameters in their place.

    step = InPlace(graph, inputs, outputs, changed, name)
    work = step.workspace()
    value = step(*arrays, work)            # the first output; arrays of the other outputs' positions are changed

Code is made at once, and by every call the same code is run, so a call repeated with the same bits gives the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from symgrad.compile.numpy import Reference
from symgrad.compile.plan.planner import plan
from symgrad.errors import UnsupportedError
from symgrad.graph import Graph
from symgrad.run.arguments import as_array, bind
from symgrad.run.program import Program

LINE = 8
"""float64 numbers of a cache line, at which memory to work in begins."""


class InPlace:
    """A number and new values of arguments, from a graph of arrays of known shapes.

    Attributes:
        call: takes the arguments in order, then `workspace()`; the arguments that are changed are C-contiguous arrays
            of the very dtypes, also where they hold one number. Returns the number as Python's.
        changed: positions of arguments, for positions of outputs: all but the first.
    """

    def __init__(
        self, graph: Graph, inputs: Sequence[int], outputs: Sequence[int], changed: Mapping[int, int], name: str
    ) -> None:
        self.name = name
        self.graph, self.inputs, self.outputs = graph, list(inputs), list(outputs)
        self.names = [graph.attrs[i][0] for i in inputs]
        self.types = [graph.types[i] for i in inputs]
        self.changed = dict(changed)
        self.program: Program | None = None
        self.refusal = ""
        try:
            self.program = Program(plan(graph, inputs, outputs, changed), tree=0, given=True)
        except UnsupportedError as e:
            self.refusal = str(e)
        except ImportError as e:
            self.refusal = f"there is no machine code without llvmlite, which can't be imported ({e})"
        own = self.program.callable(self._slow, name) if self.program is not None else None
        self.call: Callable[..., Any] = own or self._plain

    @cached_property
    def reference(self) -> Reference:
        return Reference(self.graph, self.inputs, self.outputs)

    def workspace(self) -> Any:
        """Memory for calls, one at a time."""
        room = self.program.room if self.program is not None else 0
        raw = np.empty(room + LINE)
        start = -(raw.__array_interface__["data"][0] // raw.itemsize) % LINE
        return raw[start : start + room]

    def _plain(self, *args: Any) -> Any:
        return self._slow(args, {})

    def _slow(self, args: Sequence[Any], named: dict[str, Any]) -> Any:
        """Arguments in other forms than machine code takes: checked, brought to them. ArgumentError, DtypeError."""
        values = bind(self.name, self.names, args[: len(self.names)], named)
        arrays = [
            x if k in self.changed.values() else as_array(self.name, n, x, t)
            for k, (n, x, t) in enumerate(zip(self.names, values, self.types, strict=True))
        ]
        if self.program is not None:
            return self.program(arrays)[0].item()
        value, *new = self.reference(arrays)
        for position, x in zip(range(1, len(self.outputs)), new, strict=True):
            arrays[self.changed[position]][...] = x
        return np.asarray(value).item()

    def explain(self, steps: bool = False) -> str:
        """What runs."""
        if self.program is None:
            return f"runs on NumPy: {self.refusal}"
        return f"runs in place as a program of {self.program.explain(steps)}"
