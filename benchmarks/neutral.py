"""A problem as a straight-line program that belongs to no peer: each rebuilds it with its own operations.

Every distinct operation stands once, so that a peer which does not look for common sub-expressions gets
them for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp
from problems import Problem
from sympy.core.function import AppliedUndef

_FUNCTIONS = {sp.Abs: "abs", sp.exp: "exp", sp.log: "log", sp.sin: "sin", sp.cos: "cos", sp.tan: "tan"}


@dataclass
class Program:
    """lines[i] = (operation, operands): places of earlier lines, or the number of "input" and "constant"."""

    lines: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    _places: dict[Any, int] = field(default_factory=dict)

    def add(self, operation: str, *operands: Any) -> int:
        """The line that holds this operation; "power" takes a place and a Python int or float."""
        line = (operation, operands)
        place = self._places.setdefault(line, len(self.lines))
        if place == len(self.lines):
            self.lines.append(line)
        return place

    def count_ops(self) -> int:
        """Operations of one evaluation."""
        return sum(1 for operation, _ in self.lines if operation not in ("input", "constant"))

    def run(self, inputs: Sequence[Any], table: Mapping[str, Callable[..., Any]]) -> list[Any]:
        """The outputs, computed with the functions of `table`, one per operation and "constant"."""
        values: list[Any] = []
        for operation, operands in self.lines:
            if operation == "input":
                values.append(inputs[operands[0]])
            elif operation == "constant":
                values.append(table["constant"](operands[0]))
            elif operation == "power":
                values.append(table["power"](values[operands[0]], operands[1]))
            else:
                values.append(table[operation](*[values[i] for i in operands]))
        return [values[i] for i in self.outputs]


def program(problem: Problem) -> Program:
    """The problem's expressions as a program of its inputs; linear in their distinct nodes."""
    out = Program()
    places: dict[Any, int] = {s: out.add("input", k) for k, s in enumerate(problem.inputs)}
    by_id: dict[int, int] = {}  # much cheaper than comparing expressions; they stay alive with the problem
    for root in problem.expressions:
        stack = [root]
        while stack:
            e = stack[-1]
            if id(e) in by_id:
                stack.pop()
                continue
            if (e.is_Symbol or isinstance(e, AppliedUndef)) and e in places:
                by_id[id(e)] = places[e]
                continue
            missing = [a for a in e.args if id(a) not in by_id]
            if missing:
                stack.extend(missing)
                continue
            by_id[id(e)] = _line(out, e, [by_id[id(a)] for a in e.args])
        out.outputs.append(by_id[id(root)])
    return _needed(out)


def _needed(full: Program) -> Program:
    """The lines that outputs depend on (and every input)."""
    live = [operation == "input" for operation, _ in full.lines]
    for o in full.outputs:
        live[o] = True
    for i in range(len(full.lines) - 1, -1, -1):
        if live[i]:
            for a in _places(*full.lines[i]):
                live[a] = True
    out = Program()
    moved: dict[int, int] = {}
    for i, (operation, operands) in enumerate(full.lines):
        if live[i]:
            count = len(_places(operation, operands))
            moved[i] = out.add(operation, *(moved[a] for a in operands[:count]), *operands[count:])
    out.outputs = [moved[o] for o in full.outputs]
    return out


def _places(operation: str, operands: tuple[Any, ...]) -> tuple[int, ...]:
    """The operands that are places of earlier lines."""
    if operation in ("input", "constant"):
        return ()
    return operands[:1] if operation == "power" else operands


def _line(out: Program, e: Any, args: list[int]) -> int:
    if e.is_Number or e.is_NumberSymbol:
        return out.add("constant", int(e) if e.is_Integer else float(e))
    if e.is_Add:
        return _sum(out, args)
    if e.is_Mul:
        return _product(out, args)
    if e.is_Pow:
        return _power(out, e, args)
    name = _FUNCTIONS.get(type(e))
    if name is None:
        raise ValueError(f"{type(e).__name__} has no neutral form")
    return out.add(name, *args)


def _sum(out: Program, args: list[int]) -> int:
    plus = [a for a in args if out.lines[a][0] != "negative"]
    minus = [out.lines[a][1][0] for a in args if out.lines[a][0] == "negative"]
    if not plus:
        return out.add("negative", _fold(out, "add", minus))
    total = _fold(out, "add", plus)
    for a in minus:
        total = out.add("subtract", total, a)
    return total


def _product(out: Program, args: list[int]) -> int:
    sign = 1
    above: list[int] = []
    below: list[int] = []
    for a in args:
        operation, operands = out.lines[a]
        if operation == "constant" and operands[0] == -1:
            sign = -sign
        elif operation == "divide" and out.lines[operands[0]] == ("constant", (1,)):
            below.append(operands[1])
        else:
            above.append(a)
    value = _fold(out, "multiply", above) if above else out.add("constant", 1)
    if below:
        value = out.add("divide", value, _fold(out, "multiply", below))
    return value if sign > 0 else out.add("negative", value)


def _power(out: Program, e: Any, args: list[int]) -> int:
    exponent = e.exp
    if not exponent.is_Rational:
        raise ValueError(f"the power {exponent} has no neutral form")
    if exponent < 0:
        return out.add("divide", out.add("constant", 1), _raised(out, args[0], -exponent))
    return _raised(out, args[0], exponent)


def _raised(out: Program, base: int, exponent: Any) -> int:
    if exponent == 1:
        return base
    if exponent == sp.Rational(1, 2):
        return out.add("sqrt", base)
    return out.add("power", base, int(exponent) if exponent.is_Integer else float(exponent))


def _fold(out: Program, operation: str, args: list[int]) -> int:
    total = args[0]
    for a in args[1:]:
        total = out.add(operation, total, a)
    return total
