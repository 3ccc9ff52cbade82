"""Evaluation to many digits, row by row. mpmath comes with SymPy and is loaded at the first use."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from symgrad.dialects.mpmath import lowering
from symgrad.errors import UnsupportedError
from symgrad.graph import CONST, INPUT, REGISTER, Graph, Node, Op

STACK = REGISTER["stack"]


class Digits:
    """`outputs` of a scalar `graph` (or stacks of scalars) as a program on mpmath numbers.

    Attributes:
        context: an mpmath context of its own; the global one is left alone.

    Raises UnsupportedError for an operation that mpmath has not got.
    """

    def __init__(self, graph: Graph, inputs: Sequence[int], outputs: Sequence[int], digits: int) -> None:
        from mpmath.ctx_mp import MPContext

        self.context = MPContext()
        self.context.dps = digits
        spread: list[int] = []
        for o in outputs:
            spread += graph.args[o] if graph.ops[o] is STACK else (o,)
        leaves = [(graph.attrs[i][0], graph.types[i]) for i in inputs]
        graph, self._roots = expanded(graph, spread)
        roots = self._roots
        self._inputs = [graph.input(name, type) for name, type in leaves]
        self._steps = [
            (i, lowering(op.name), graph.args[i], graph.attrs[i], op)
            for i, (op, needed) in enumerate(zip(graph.ops, graph.reach(roots), strict=True))
            if needed
        ]
        self.size = len(self._steps)

    def exact(self, value: float) -> Any:
        """A float as the shortest decimal that reads as it: 0.1 is one tenth, as it was in the table of data."""
        return self.context.mpf(repr(float(value)))

    def __call__(self, values: Sequence[Any]) -> list[list[Any] | Any]:
        """The scalars of the outputs, each a number or a list by row. An input is a number or a list by row.

        Raises ArithmeticError where a value is not real or not finite.
        """
        c = self.context
        v: dict[int, Any] = dict(zip(self._inputs, values, strict=True))
        for i, call, args, attrs, op in self._steps:
            if op is INPUT:
                continue
            if op is CONST:
                v[i] = _constant(c, attrs[0])
                continue
            assert call is not None
            parts = [v[a] for a in args]
            rows = next((len(p) for p in parts if isinstance(p, list)), None)
            if rows is None:
                v[i] = call(c, *parts, *attrs)
            else:
                columns = [p if isinstance(p, list) else [p] * rows for p in parts]
                v[i] = [call(c, *row, *attrs) for row in zip(*columns, strict=True)]
        out = [v[r] for r in self._roots]
        for values_ in out:
            for x in values_ if isinstance(values_, list) else [values_]:
                if not isinstance(x, c.mpf) or not c.isfinite(x):
                    raise ArithmeticError(f"not a finite real number: {x}")
        return out


def expanded(graph: Graph, roots: Sequence[int]) -> tuple[Graph, list[int]]:
    """`roots` in a new graph of what mpmath has; the rest replaced by its definition."""
    roots = list(roots)
    while True:
        live = graph.reach(roots)
        if all(_has(op) for op, needed in zip(graph.ops, live, strict=True) if needed):
            return graph, roots
        out = Graph()
        new: dict[int, int] = {}
        for i, needed in enumerate(live):
            if not needed:
                continue
            op, args = graph.ops[i], tuple([new[a] for a in graph.args[i]])
            if op is CONST:
                new[i] = out.const(*graph.attrs[i])
            elif _has(op):
                new[i] = out.add(op, args, graph.attrs[i], graph.types[i])
            else:
                meaning = op.means or op.fallback
                if meaning is None:
                    raise UnsupportedError(f"mpmath has no {op.name!r}, which has no simpler form")
                attrs = dict(zip(op.attrs, graph.attrs[i], strict=True))
                new[i] = meaning(*(Node(out, a) for a in args), **attrs).id
        graph, roots = out, [new[r] for r in roots]


def _has(op: Op) -> bool:
    return op is CONST or op is INPUT or lowering(op.name) is not None


def _constant(c: Any, value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        name = {"pi": "pi", "E": "e", "EulerGamma": "euler", "Catalan": "catalan", "GoldenRatio": "phi"}[value]
        return +getattr(c, name)
    if isinstance(value, Fraction):
        return c.mpf(value.numerator) / value.denominator
    return c.mpf(repr(value) if isinstance(value, float) else value)
