"""The numbers every peer is checked against: dual numbers in extended precision, on the neutral program."""

from __future__ import annotations

from typing import Any

import numpy as np
from neutral import Program
from problems import Problem

Wide = np.longdouble
CHUNK = 128
"""Tangent directions carried at once."""


class Dual:
    """A value and its derivatives in several directions."""

    __slots__ = ("tangent", "value")

    def __init__(self, value: Any, tangent: Any) -> None:
        self.value = value
        self.tangent = tangent

    def chain(self, value: Any, slope: Any) -> Dual:
        """f(self), of which the value and the derivative are given."""
        return Dual(value, slope * self.tangent)

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.tangent)

    def __add__(self, other: Dual) -> Dual:
        return Dual(self.value + other.value, self.tangent + other.tangent)

    def __sub__(self, other: Dual) -> Dual:
        return Dual(self.value - other.value, self.tangent - other.tangent)

    def __mul__(self, other: Dual) -> Dual:
        return Dual(self.value * other.value, self.value * other.tangent + other.value * self.tangent)

    def __truediv__(self, other: Dual) -> Dual:
        quotient = self.value / other.value
        return Dual(quotient, (self.tangent - quotient * other.tangent) / other.value)

    def power(self, n: int | float) -> Dual:
        return self.chain(self.value**n, n * self.value ** (n - 1))


def constant(c: int | float) -> Dual:
    return Dual(Wide(c), Wide(0))


def _sqrt(x: Dual) -> Dual:
    root = np.sqrt(x.value)
    return x.chain(root, 1 / (2 * root))


TABLE = {
    "constant": constant,
    "add": Dual.__add__,
    "subtract": Dual.__sub__,
    "multiply": Dual.__mul__,
    "divide": Dual.__truediv__,
    "negative": Dual.__neg__,
    "power": Dual.power,
    "sqrt": _sqrt,
    "abs": lambda x: x.chain(np.abs(x.value), np.sign(x.value)),
    "exp": lambda x: x.chain(np.exp(x.value), np.exp(x.value)),
    "log": lambda x: x.chain(np.log(x.value), 1 / x.value),
    "sin": lambda x: x.chain(np.sin(x.value), np.cos(x.value)),
    "cos": lambda x: x.chain(np.cos(x.value), -np.sin(x.value)),
    "tan": lambda x: x.chain(np.tan(x.value), 1 + np.tan(x.value) ** 2),
}


def derivative(problem: Problem, program: Program, point: np.ndarray) -> np.ndarray:
    """The dense Jacobian or Hessian at one point, shape `problem.shape`, to about 18 digits."""
    n = len(problem.symbols)
    blocks = []
    for start in range(0, n, CHUNK):
        directions = np.eye(n, dtype=Wide)[:, start : start + CHUNK]
        blank = np.zeros(directions.shape[1], Wide)
        inputs = [Dual(Wide(x), directions[k] if k < n else blank) for k, x in enumerate(point)]
        results = gradient(program, inputs, n) if problem.kind == "hessian" else program.run(inputs, TABLE)
        blocks.append([r.tangent + blank for r in results])
    return np.concatenate([np.array(b) for b in blocks], axis=1).astype(float)


def gradient(program: Program, inputs: list[Dual], n: int) -> list[Dual]:
    """The derivative of the only output by the first n inputs, by a reverse sweep in dual numbers."""
    trace = Program(program.lines, list(range(len(program.lines))))
    values = trace.run(inputs, TABLE)
    adjoints: list[Dual | None] = [None] * len(values)
    (output,) = program.outputs
    adjoints[output] = constant(1)
    found = [constant(0)] * n
    for i in range(output, -1, -1):
        bar = adjoints[i]
        if bar is None:
            continue
        operation, operands = program.lines[i]
        if operation == "input":
            if operands[0] < n:
                found[operands[0]] = bar
            continue
        for place, share in _shares(operation, operands, values, i, bar):
            before = adjoints[place]
            adjoints[place] = share if before is None else before + share
    return found


def _shares(operation: str, operands: Any, values: list[Dual], i: int, bar: Dual) -> list[tuple[int, Dual]]:
    """What the adjoint of line i adds to the adjoints of its operands (the polynomial operations only)."""
    if operation == "constant":
        return []
    a = operands[0]
    if operation == "add":
        return [(a, bar), (operands[1], bar)]
    if operation == "subtract":
        return [(a, bar), (operands[1], -bar)]
    if operation == "negative":
        return [(a, -bar)]
    if operation == "multiply":
        return [(a, bar * values[operands[1]]), (operands[1], bar * values[a])]
    if operation == "power":
        return [(a, bar * constant(operands[1]) * values[a].power(operands[1] - 1))]
    raise ValueError(f"no reverse rule for {operation} in the reference")
