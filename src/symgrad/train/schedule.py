"""Learning rates that change from step to step: functions of how many steps were taken."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from symgrad.defining import take_as_function
from symgrad.errors import ArgumentError
from symgrad.function import Function
from symgrad.graph import FLOATS, Node
from symgrad.ops.index import cast

Rate = float | Callable[[Any], Any]
"""A number, or a function of the number of steps taken (0.0, 1.0, ...) in NumPy, or a Function of one number."""


def rate_at(rate: Rate, t: Node, dtype: str) -> Any:
    """The rate of step `t` (1, 2, ...), for parameters of this dtype. A function becomes part of the step."""
    if not callable(rate):
        return rate
    f = _traced(rate)
    count = cast(t - 1, dtype=f.graph.types[f.inputs[0]].dtype)
    seen = f.graph.into(t.graph, f.outputs, {f.inputs[0]: count.id})
    found = Node(t.graph, seen[f.outputs[0]])
    return found if found.type.dtype == dtype else cast(found, dtype=dtype)


def told(rate: Rate) -> str:
    """The rate as the optimizer's name has it: schedules of different formulas differ."""
    if not callable(rate):
        return str(rate)
    f = _traced(rate)
    return f"{f.name}-{hashlib.sha256(f.python().encode()).hexdigest()[:8]}"


def _traced(rate: Callable[[Any], Any]) -> Function:
    f = take_as_function(rate)
    if not isinstance(f, Function):
        f = f.specialise(0.0)
    if len(f.inputs) != 1 or len(f.outputs) != 1 or f.graph.types[f.outputs[0]].shape:
        raise ArgumentError(f"learning_rate: a number, or a function from the number of steps to a number; got {f!r}")
    if f.graph.types[f.outputs[0]].dtype not in FLOATS:
        raise ArgumentError(f"learning_rate: {f.name} gives {f.graph.types[f.outputs[0]].dtype}, no float")
    return f
