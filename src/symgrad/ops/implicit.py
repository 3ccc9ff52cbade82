"""Values that are defined by an equation: x with F(x, p) = 0, found by a solver when the function is called.

The derivative needs no solver: dF/dx dx + dF/dp dp = 0 (the implicit function theorem). So the solution's
derivatives are solutions of linear systems, of any order.
"""

from __future__ import annotations

from typing import Any

from symgrad.graph import Type
from symgrad.graph.body import Body
from symgrad.ops.declare import tangent

RESIDUAL, JACOBIAN, VALUE = 0, 1, 2
"""Outputs of the body: F of shape (n,), dF/dx of shape (n, n); of a minimum what is minimized, whose gradient F is."""
SOLVERS = ("root", "minimize", "fixed_point")


def _type(types: list[Type], body: Body, name: str) -> Type:
    if name not in SOLVERS:
        raise TypeError(f"implicit: no solver {name!r}")
    if len(types) != len(body.inputs):
        raise TypeError(f"implicit: {len(types)} arguments where its body wants {len(body.inputs)}")
    for t, i in zip(types, body.inputs, strict=True):
        own = body.graph.types[i]
        if t.dtype != own.dtype or t.shape[len(t.shape) - len(own.shape) :] != own.shape:
            raise TypeError(f"implicit: an argument is {t} where its body wants {own}")
    return types[0]


def _rule(tangents: list[Any], *nodes: Any, body: Body, name: str) -> Any:
    return tangent_of_solution(tangents, *nodes, body=body)


def _work(types: list[Type], body: Body, name: str) -> float:
    return 10.0 * body.graph.operations(body.outputs)  # about so many steps


def tangent_of_solution(*args: Any, **named: Any) -> Any:
    """Set by `derive.implicit`: the rule derives the body."""
    raise NotImplementedError


implicit = tangent(
    "implicit",
    None,
    _type,
    _rule,
    attrs=("body", "name"),
    work=_work,
    doc="x with F(x, p) = 0; its arguments are where to begin, and p",
)
