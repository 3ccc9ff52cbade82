"""What a legal graph is. Passes are tested with it, and what comes from outside is checked by it.

Every node: a registered operation, as many arguments and attributes as it declares, arguments before their
user, attributes of the right kind, the type that its operation infers; equal nodes are one node. Inputs are
distinct input nodes of distinct names, and nothing else is needed by the outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from symgrad.errors import FormulaError
from symgrad.graph.body import Body
from symgrad.graph.graph import CONST, INPUT, NAMED, Graph, infer
from symgrad.graph.literal import Literal
from symgrad.graph.op import REGISTER, Op
from symgrad.graph.type import DTYPES, Type

DEEPEST = 50
"""Loops inside loops."""


def verify(graph: Graph, inputs: Sequence[int], outputs: Sequence[int]) -> None:
    """Raises FormulaError, naming the node, where the graph is not legal."""
    bodies: list[tuple[Graph, Sequence[int], Sequence[int], int]] = [(graph, inputs, outputs, 0)]
    while bodies:
        g, ins, outs, deep = bodies.pop()
        if deep > DEEPEST:
            raise FormulaError(f"not a graph: loops are nested more than {DEEPEST} deep")
        _shape_of(g)
        seen: dict[Any, int] = {}
        for i in range(len(g.ops)):
            try:
                _node(g, i)
                key = (g.ops[i], g.args[i], _bits(g.attrs[i]))
                if key in seen:
                    raise FormulaError(f"the same as node {seen[key]}")
                seen[key] = i
            except FormulaError as e:
                name = getattr(g.ops[i], "name", "?")
                raise FormulaError(f"not a graph: node {i} ({name!s:.40}): {e}") from None
            bodies += [(b.graph, b.inputs, b.outputs, deep + 1) for b in g.attrs[i] if isinstance(b, Body)]
        _ends(g, ins, outs)


def _shape_of(g: Graph) -> None:
    n = len(g.ops)
    for name in ("args", "attrs", "types"):
        if len(getattr(g, name)) != n:
            raise FormulaError(f"not a graph: {n} operations, but {len(getattr(g, name))} entries in {name}")


def _node(g: Graph, i: int) -> None:
    op, args, attrs, type = g.ops[i], g.args[i], g.attrs[i], g.types[i]
    if not isinstance(op, Op) or REGISTER.get(op.name) is not op:
        raise FormulaError("no registered operation")
    if not isinstance(args, tuple) or not isinstance(attrs, tuple):
        raise FormulaError("arguments and attributes are tuples")
    for a in args:
        if a.__class__ is not int or not 0 <= a < i:
            raise FormulaError(f"argument {a!r:.40} does not come before its user")
    if op.arity is not None and len(args) != op.arity:
        raise FormulaError(f"{len(args)} arguments, it takes {op.arity}")
    if len(attrs) != len(op.attrs):
        raise FormulaError(f"{len(attrs)} attributes, it takes {len(op.attrs)} {op.attrs}")
    for name, value in zip(op.attrs, attrs, strict=True):
        if not _KINDS[name](value):
            raise FormulaError(f"attribute {name} = {value!r:.40} is not of its kind")
    check_type(type)
    if op is CONST:
        value, dtype = attrs
        if (dtype == "bool") != isinstance(value, bool) or (dtype == "int64" and not isinstance(value, int)):
            raise FormulaError(f"{value!r:.40} is no constant of {dtype}")
        wanted = Type(dtype)
    else:
        wanted = _inferred(g, op, args, attrs)
    if type != wanted:
        raise FormulaError(f"its type is given as {type}, it is {wanted}")


def _inferred(g: Graph, op: Op, args: tuple[int, ...], attrs: tuple[Any, ...]) -> Type:
    types = [g.types[a] for a in args]
    if op.kind in ("elementwise", "constant"):
        if len({t.shape for t in types}) > 1:
            raise FormulaError(
                f"shapes {', '.join(str(t.shape) for t in types)} differ; broadcast is a node of its own"
            )
        if op.name in ("where", "mask") and types[0].dtype != "bool":
            raise FormulaError(f"its condition is {types[0].dtype}, not bool")
    if op.kind == "control":
        body, take = attrs
        if take >= body.carries or len(body.inputs) <= body.carries:
            raise FormulaError(f"carry {take} of {body.carries}")
        wanted = [Type("int64"), Type("int64"), *(body.graph.types[k] for k in body.inputs[1:])]
        if len(types) != len(wanted) or types[0] != wanted[0] or types[1] != wanted[1]:
            raise FormulaError(f"arguments of types {', '.join(map(str, types))}, it takes {len(wanted)}")
        for t, w in zip(types, wanted, strict=True):
            if t.dtype != w.dtype or len(t.shape) != len(w.shape):
                raise FormulaError(f"an argument is {t} where its body wants {w}")
    try:
        return infer(op, types, attrs)
    except (TypeError, ValueError, LookupError) as e:
        raise FormulaError(str(e)) from None


def check_type(type: Any) -> None:
    """Raises FormulaError where this is no type of a node."""
    if not isinstance(type, Type) or type.dtype not in DTYPES or not isinstance(type.shape, tuple):
        raise FormulaError(f"{type!r:.60} is no type")
    if not all(n is None or (n.__class__ is int and n >= 0) for n in type.shape):
        raise FormulaError(f"{type.shape!r:.60} is no shape")


def _ends(g: Graph, inputs: Sequence[int], outputs: Sequence[int]) -> None:
    n = len(g.ops)
    for i in (*inputs, *outputs):
        if i.__class__ is not int or not 0 <= i < n:
            raise FormulaError(f"not a graph: no node {i!r:.40} for an input or output")
    if any(g.ops[i] is not INPUT for i in inputs):
        raise FormulaError("not a graph: an input is no input node")
    names = [g.attrs[i][0] for i in inputs]
    if len(set(names)) != len(names):
        raise FormulaError(f"not a graph: two inputs of one name among {', '.join(names)}")
    given = set(inputs)
    for i, needed in enumerate(g.reach(outputs)):
        if needed and g.ops[i] is INPUT and i not in given:
            raise FormulaError(f"not a graph: {g.attrs[i][0]!r:.40} is needed, but not among the inputs")


def _bits(attrs: tuple[Any, ...]) -> Any:
    """Attributes as a key that tells 1 from 1.0 and 0.0 from -0.0."""
    return tuple([(a.__class__, repr(a) if isinstance(a, float) else a) for a in attrs])


def _integer(v: Any) -> bool:
    return v.__class__ is int


def _naturals(v: Any) -> bool:
    return isinstance(v, tuple) and all(n.__class__ is int and n >= 0 for n in v)


def _value(v: Any) -> bool:
    return v in NAMED if isinstance(v, str) else isinstance(v, (bool, int, float, Fraction))


def _natural(v: Any) -> bool:
    return v.__class__ is int and v >= 0


def _body(v: Any) -> bool:
    return isinstance(v, Body) and v.carries > 0


_KINDS: dict[str, Callable[[Any], bool]] = {
    "data": lambda v: isinstance(v, Literal) and v.value.dtype.name in DTYPES,
    "axes": lambda v: isinstance(v, tuple) and all(k.__class__ is int and k < 0 for k in v),
    "axis": lambda v: v.__class__ is int and v < 0,
    "body": _body,
    "carries": _natural,
    "condition": _body,
    "dtype": lambda v: v in DTYPES,
    "high": _naturals,
    "index": _naturals,
    "interior": _naturals,
    "k": _integer,
    "length": _natural,
    "limit": _natural,
    "low": _naturals,
    "lower": lambda v: v.__class__ is bool,
    "memory": _natural,
    "n": _integer,
    "name": lambda v: isinstance(v, str),
    "no": _body,
    "p": _integer,
    "q": _integer,
    "reverse": lambda v: v.__class__ is bool,
    "rcond": lambda v: v.__class__ is float and v >= 0,
    "shape": _naturals,
    "side": lambda v: v in ("left", "right"),
    "sign": lambda v: v.__class__ is int and v in (-1, 1),
    "start": _naturals,
    "step": _naturals,
    "stop": _naturals,
    "subscripts": lambda v: isinstance(v, str),
    "sliced": _natural,
    "take": _natural,
    "type": lambda v: isinstance(v, Type),
    "yes": _body,
    "value": _value,
}
"""What the attribute of each name must be."""
