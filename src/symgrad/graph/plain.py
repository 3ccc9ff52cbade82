"""A graph as plain data (tuples, numbers, strings) and back, every item checked: nothing in it is run."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from symgrad.errors import FormulaError
from symgrad.graph.body import Body
from symgrad.graph.graph import CONST, INPUT, NAMED, Graph
from symgrad.graph.literal import Literal
from symgrad.graph.op import REGISTER
from symgrad.graph.type import DTYPES, Type
from symgrad.graph.verify import DEEPEST, verify

Nodes = tuple[Graph, tuple[int, ...], tuple[int, ...]]


def to_plain(graph: Graph, inputs: Sequence[int], outputs: Sequence[int]) -> tuple[Any, ...]:
    """What `outputs` need, renumbered: (nodes, inputs, outputs), a node being (operation, arguments, attributes)."""
    live = graph.reach((*inputs, *outputs))
    at: dict[int, int] = {}
    nodes = []
    for i, needed in enumerate(live):
        if needed:
            at[i] = len(nodes)
            attrs = tuple(_flat(a) for a in graph.attrs[i])
            nodes.append((graph.ops[i].name, tuple(at[a] for a in graph.args[i]), attrs))
    return tuple(nodes), tuple(at[i] for i in inputs), tuple(at[o] for o in outputs)


def from_plain(data: Any, deep: int = 0) -> Nodes:
    """The graph, its inputs and outputs. Raises FormulaError for anything that is no graph."""
    if deep > DEEPEST:
        raise FormulaError(f"not a graph: loops are nested more than {DEEPEST} deep")
    try:
        nodes, inputs, outputs = data
        g = Graph()
        at: list[int] = []
        for name, args, attrs in nodes:
            at.append(_node(g, name, [at[_place(a, len(at))] for a in args], [_unflat(a, deep) for a in attrs]))
        ins, outs = (tuple([at[_place(i, len(at))] for i in part]) for part in (inputs, outputs))
    except FormulaError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError) as e:
        raise FormulaError(f"not a graph: {type(e).__name__}: {e}") from None
    if len(set(ins)) != len(ins) or any(g.ops[i] is not INPUT for i in ins):
        raise FormulaError("not a graph: an input is given twice, or is none")
    free = [g.attrs[i][0] for i, needed in enumerate(g.reach(outs)) if needed and g.ops[i] is INPUT and i not in ins]
    if free:
        raise FormulaError(f"not a graph: {free[0]!r} is used, but not among the inputs")
    if not deep:
        verify(g, ins, outs)
    return g, ins, outs


def _place(i: Any, below: int) -> int:
    if type(i) is not int or not 0 <= i < below:
        raise FormulaError(f"not a graph: node {i!r:.40} does not come before its use")
    return i


def _node(g: Graph, name: Any, args: list[int], attrs: list[Any]) -> int:
    op = REGISTER.get(name) if isinstance(name, str) else None
    if op is None:
        raise FormulaError(f"not a graph: no operation is called {name!r:.40}")
    if len(attrs) != len(op.attrs) or (op.arity is not None and len(args) != op.arity):
        raise FormulaError(f"not a graph: {name} with {len(args)} arguments and {len(attrs)} attributes")
    if op is CONST:
        value, dtype = attrs
        if dtype not in DTYPES or (isinstance(value, str) and value not in NAMED):
            raise FormulaError(f"not a graph: the constant {value!r:.40} of {dtype!r:.40}")
        if not isinstance(value, (bool, int, float, Fraction, str)):
            raise FormulaError(f"not a graph: a constant is no number but {type(value).__name__}")
        return g.const(value, dtype)
    if op is INPUT:
        if not isinstance(attrs[0], str) or not isinstance(attrs[1], Type):
            raise FormulaError("not a graph: an input without name or type")
        return g.input(*attrs)
    if op.kind == "control":
        body, take = attrs
        if not isinstance(body, Body) or type(take) is not int or not 0 <= take < body.carries:
            raise FormulaError("not a graph: a loop without a body")
        if len(args) != len(body.inputs) + 1:
            raise FormulaError("not a graph: a loop whose body wants other arguments")
        want = ["int64", "int64", *(body.graph.types[k].dtype for k in body.inputs[1:])]
        if [g.types[a].dtype for a in args] != want:
            raise FormulaError("not a graph: a loop whose body wants other dtypes")
    return g.add(op, tuple(args), tuple(attrs))


def _flat(value: Any) -> Any:
    """A static attribute as plain data; what is not a number or a text is tagged."""
    if isinstance(value, Fraction):
        return ("fraction", value.numerator, value.denominator)
    if isinstance(value, Type):
        return ("type", value.dtype, tuple(value.shape))
    if isinstance(value, Body):
        return ("body", to_plain(value.graph, value.inputs, value.outputs))
    if isinstance(value, Literal):
        return ("literal", value.value.dtype.name, value.value.shape, value.value.tobytes())
    if isinstance(value, tuple):
        return ("tuple", *(_flat(v) for v in value))
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise FormulaError(f"an attribute of {type(value).__name__} can't be written")


def _unflat(value: Any, deep: int) -> Any:
    if not isinstance(value, tuple):
        if value is None or type(value) in (bool, int, float, str):
            return value
        raise FormulaError(f"not a graph: an attribute of {type(value).__name__}")
    if deep > DEEPEST:
        raise FormulaError(f"not a graph: an attribute is nested more than {DEEPEST} deep")
    tag, *rest = value
    if tag == "fraction":
        n, d = rest
        if type(n) is not int or type(d) is not int:
            raise FormulaError("not a graph: a fraction of no integers")
        return Fraction(n, d)
    if tag == "type":
        dtype, shape = rest
        if dtype not in DTYPES or not all(n is None or (type(n) is int and n >= 0) for n in shape):
            raise FormulaError("not a graph: an unknown type")
        return Type(dtype, tuple(shape))
    if tag == "literal":
        dtype, shape, data = rest
        if dtype not in DTYPES or not isinstance(data, bytes):
            raise FormulaError("not a graph: an array of numbers without them")
        return Literal(np.frombuffer(data, dtype).reshape(shape))
    if tag == "body":
        return Body.of(*from_plain(rest[0], deep + 1))
    if tag == "tuple":
        return tuple([_unflat(v, deep + 1) for v in rest])
    raise FormulaError(f"not a graph: an attribute {tag!r:.40}")
