"""What the back ends for PyTorch and JAX share: a graph evaluated step by step on a framework's own values.

The framework may differentiate what comes out. Two things are done for that:

- A branch that is not taken may be infinite or NaN; its cotangent is zero, and zero times infinity is NaN. So
  what enters such a branch passes a *gate*: the value as it is, whose derivative is dropped where the branch
  is not taken. `guards` finds where gates are needed.
- Operations that are a quotient with a hole, or that the framework can't differentiate, bring the declared
  rule along (`slopes`), again as graphs: right at any order.

Numbers that are the same everywhere stay Python numbers as long as they can, so that constants have the dtype
and the device of what they meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from symgrad.compile.lower import expand
from symgrad.dialects import numpy as numpy_dialect
from symgrad.graph import CONST, INPUT, NAMED, REGISTER, Graph, Node, Op, Type
from symgrad.graph.body import Body
from symgrad.graph.tree import Csr, Tree
from symgrad.ops.control import accumulates, terms
from symgrad.ops.flow import siblings

Number = (bool, int, float)
"""What a value is that is the same everywhere: a Python number instead of an array."""

WHERE, MASK, FOLD, CAST = REGISTER["where"], REGISTER["mask"], REGISTER["fold"], REGISTER["cast"]
AND, OR, NOT = REGISTER["logical_and"], REGISTER["logical_or"], REGISTER["logical_not"]

LINEAR = frozenset(["add", "subtract", "negative", "where", "mask", "cast"])
"""Elementwise operations whose partial derivatives are finite whatever the arguments are."""
TAME = LINEAR | frozenset(
    [
        "multiply",
        "integer_power",
        "sin",
        "cos",
        "tanh",
        "sigmoid",
        "abs",
        "maximum",
        "minimum",
        "sign",
        "heaviside",
        "arctan",
        "erf",
        "erfc",
        "sech",
        "softplus",
        "floor",
        "ceil",
        "trunc",
        "sinc",
        "arcsinh",
        "einsum",
        "element",
        "broadcast",
        "reshape",
        "stack",
        "literal",
        "delta",
        "basis",
    ]
)
"""Operations whose values and partial derivatives are finite for finite arguments."""

READS = ("gather", "take", "take_along")
INSIDE = ("literal", "argmax", "argmin", "argsort", "argcummax", "argcummin")
"""Places that are known to be within the array that they are of (the tracer checks constants)."""


class Target(Protocol):
    """How a framework makes values; `Type`s are those of the graph."""

    def full(self, value: Any, type: Type) -> Any:
        """An array of one number."""
        ...

    def call(self, op: Op, args: list[Any], attrs: dict[str, Any], types: list[Type], result: Type) -> Any:
        """The operation on values, some of which may be Python numbers."""
        ...

    def gate(self, condition: Any, x: Any) -> Any:
        """x, whose derivative is dropped where the condition does not hold."""
        ...

    def loop(self, body: Body, lo: Any, hi: Any, firsts: list[Any], captured: list[Any]) -> Sequence[Any]:
        """The last values of the carries."""
        ...

    def flow(self, g: Graph, i: int, args: list[Any]) -> Sequence[Any]:
        """All results of the loop or branch (kind "flow") at node `i`."""
        ...


class Plan(NamedTuple):
    """A graph ready to be evaluated. `gates`: per (node, position of the argument), the condition's node."""

    graph: Graph
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    gates: dict[tuple[int, int], int]
    order: tuple[int, ...]
    """Nodes in the order of evaluation: those of the gates' conditions come first, and may come again as -1 - i."""
    counter: int | None = None
    """Of a loop's body, the index; reading an array there needs no check."""


class Loop(NamedTuple):
    """The body of a fold, ready to be evaluated.

    `gathers`: "sum" or "prod" where each pass only adds to its carries (with `signs`) or multiplies them; the
    plan then gives the terms, else the next carries. `extents`: (captured value, axis) for each axis that is
    read at the index itself, so that no pass lies outside it.
    """

    plan: Plan
    carries: int
    gathers: str | None
    signs: tuple[int, ...]
    extents: tuple[tuple[int, int], ...]
    types: tuple[Type, ...]
    """Of the carries."""
    captured: tuple[Type, ...]
    pointwise: bool
    """Whether the body has numbers only, so that it takes many indices at once as it is."""


def prepare(
    graph: Graph, inputs: Sequence[int], outputs: Sequence[int], has: Callable[[Op], bool], back_end: str
) -> Plan:
    """The outputs in operations that the back end has, with the gates that its derivatives need."""
    names = [graph.attrs[i] for i in inputs]
    own, roots = expand(graph, outputs, has, back_end)
    own = own.copy()
    found = [own.input(*a) for a in names]
    gates = guards(own, roots)
    return Plan(own, tuple(found), tuple(roots), gates, _order(own, roots, gates))


def _order(g: Graph, roots: Sequence[int], gates: dict[tuple[int, int], int]) -> tuple[int, ...]:
    live = g.reach(roots)
    if not gates:
        return tuple(i for i, needed in enumerate(live) if needed)
    gated = {i for i, _ in gates}
    early = g.reach(gates.values())
    changed = [False] * len(g)
    for i in range(len(g)):
        changed[i] = i in gated or any(changed[a] for a in g.args[i])
    first = [i for i, needed in enumerate(early) if needed]
    return (*first, *(-1 - i for i, needed in enumerate(live) if needed and (changed[i] or not early[i])))


@lru_cache(maxsize=256)
def plan_of(body: Body, has: Callable[[Op], bool], back_end: str) -> Plan:
    """A body of a loop or branch, ready to be evaluated."""
    return prepare(body.graph, body.inputs, body.outputs, has, back_end)


@lru_cache(maxsize=256)
def loop_of(body: Body, has: Callable[[Op], bool], back_end: str) -> Loop:
    """How the back end runs this body."""
    own, m = body.graph, body.carries
    gathered, kind = terms(body), "sum"
    one = accumulates(body, 0)
    if gathered is None and one is not None and one[0] == "multiply":
        gathered, kind = [one[1]], "prod"
    plan = prepare(own, body.inputs, gathered or body.outputs, has, back_end)
    plan = plan._replace(counter=plan.inputs[0])
    live = own.reach(body.outputs)
    extents = set()
    for i, op in enumerate(own.ops):
        if op.name == "gather" and live[i]:
            array, *places = own.args[i]
            if array in body.inputs:
                extents |= {(body.inputs.index(array) - 1 - m, k) for k, p in enumerate(places) if p == body.inputs[0]}
    signs = tuple(-1 if kind == "sum" and own.ops[o].name == "subtract" else 1 for o in body.outputs)
    types = tuple(own.types[o] for o in body.outputs)
    held = tuple(own.types[i] for i in body.inputs[1 + m :])
    return Loop(plan, m, kind if gathered else None, signs, tuple(sorted(extents)), types, held, pointwise(plan))


def pointwise(plan: Plan) -> bool:
    """Whether arrays may stand for the plan's numbers: nothing but its inputs and packed results is an array.

    Arrays among the inputs are only read from, element by element.
    """
    g = plan.graph
    used = {-1 - i if i < 0 else i for i in plan.order}
    packed = {i for i in used if g.ops[i].name == "stack"}
    for i in used:
        if g.ops[i].kind in ("control", "flow") or (g.types[i].shape and g.ops[i] is not INPUT and i not in packed):
            return False
        if g.ops[i].name not in ("gather", "element") and any(g.types[a].shape for a in g.args[i]):
            return False
    return True


def nest(tree: Tree, leaves: Sequence[Any], sparse: Callable[[Csr, Any], Any]) -> Any:
    """The outputs as the function's tree nests them; `sparse` makes a matrix of its places and values."""
    if isinstance(tree, Csr):
        return sparse(tree, leaves[tree.position])
    return tuple([nest(t, leaves, sparse) for t in tree]) if isinstance(tree, tuple) else leaves[tree]


def slopes(op: Op, attrs: dict[str, Any], dtype: str, k: int) -> tuple[Graph, list[int], int] | None:
    """The declared partial derivative of an elementwise operation by argument `k`, as a graph.

    (graph, inputs, output), the inputs being the arguments and the result; None where it is structurally zero.
    UnsupportedError where it has no closed form.
    """
    g = Graph()
    assert op.arity is not None
    inputs = [g.input(f"x{j}", Type(dtype)) for j in range(op.arity)] + [g.input("y", Type(dtype))]
    rule = op.rule[k]
    slope = None if rule is None else rule(*(Node(g, i) for i in inputs), **attrs)
    if slope is None:
        return None
    return g, inputs, slope.id if isinstance(slope, Node) else g.const(slope, dtype)


def guards(g: Graph, roots: Sequence[int]) -> dict[tuple[int, int], int]:
    """Where gates are needed, and their conditions, as nodes added to g.

    The guard of a node is the condition without which it does not matter: that of the branches that it is in,
    any of them. Only elementwise operations pass it on, whose shapes are those of the condition.
    """
    size = len(g)
    if WHERE not in g.ops and MASK not in g.ops:
        return {}
    live, varies = g.reach(roots), _varies(g)
    wild = [False] * size
    for i in range(size):
        wild[i] = g.ops[i].kind != "leaf" and (g.ops[i].name not in TAME or any(wild[a] for a in g.args[i]))
    everywhere = -1
    guard: dict[int, int] = dict.fromkeys(roots, everywhere)
    risk = [False] * size
    edges: list[tuple[int, int, int, int]] = []
    for i in range(size - 1, -1, -1):
        op, own = g.ops[i], guard.get(i, everywhere)
        if not live[i] or op.kind == "constant":
            continue
        if own != everywhere:
            name = op.name
            risk[i] |= name not in TAME or (name not in LINEAR and any(wild[a] for a in g.args[i]))
        for k, a in enumerate(g.args[i]):
            if (op is WHERE or op is MASK) and k == 0:
                continue
            inside = own if op.kind == "elementwise" else everywhere
            if op is WHERE or op is MASK:
                condition = g.args[i][0]
                condition = g.build(NOT, (condition,)) if k == 2 else condition
                inside = condition if own == everywhere else g.build(AND, (own, condition))
            if g.ops[a].kind == "elementwise" and (inside == everywhere or g.types[inside].shape == g.types[a].shape):
                known = guard.get(a)
                joined = inside if known is None else everywhere
                if known is not None and everywhere not in (known, inside):
                    joined = g.build(OR, (known, inside))
                guard[a] = joined
                if inside != everywhere:
                    risk[a] |= risk[i]
            elif g.ops[a].kind == "elementwise":
                guard[a] = everywhere
            if own != everywhere and varies[a]:
                edges.append((i, k, a, inside))
    found = {}
    for i, k, a, inside in edges:
        same = g.ops[a].kind == "elementwise" and guard.get(a) == inside
        if risk[i] and not same and g.types[a].shape == g.types[guard[i]].shape and g.types[a].dtype[0] == "f":
            found[i, k] = guard[i]
    return found


def _varies(g: Graph) -> list[bool]:
    """Per node, whether it depends on an input."""
    found: list[bool] = []
    for i in range(len(g)):
        found.append(g.ops[i] is INPUT or any(found[a] for a in g.args[i]))
    return found


def evaluate(plan: Plan, values: Sequence[Any], target: Target) -> list[Any]:
    """The outputs at these inputs, numbers where they depend on none."""
    g = plan.graph
    v: dict[int, Any] = dict(zip(plan.inputs, values, strict=True))
    loops: dict[Any, Sequence[Any]] = {}
    for step in plan.order:
        late = step < 0
        i = -1 - step if late else step
        op = g.ops[i]
        if op is INPUT:
            continue
        if op is CONST:
            v[i] = constant(*g.attrs[i])
            continue
        args = [v[a] for a in g.args[i]]
        if plan.gates and late:
            for k, a in enumerate(args):
                condition = plan.gates.get((i, k))
                if condition is not None and not isinstance(a, Number):
                    args[k] = target.gate(v[condition], a)
        if op is FOLD:
            body, take = g.attrs[i]
            key = g.args[i], body, late and bool(plan.gates)
            if key not in loops:
                m = body.carries
                loops[key] = target.loop(body, args[0], args[1], args[2 : 2 + m], args[2 + m :])
            v[i] = loops[key][take]
            continue
        if op.attrs[-1:] == ("take",):  # a loop, branch or decomposition gives all its parts
            key = siblings(g, i), late and bool(plan.gates)
            if key not in loops and op.kind == "flow":
                loops[key] = target.flow(g, i, args)
            elif key not in loops:
                loops[key] = target.call(op, args, {}, [g.types[a] for a in g.args[i]], g.types[i])
            v[i] = loops[key][g.attrs[i][-1]]
            continue
        attrs = dict(zip(op.attrs, g.attrs[i], strict=True))
        if args and all(isinstance(a, Number) for a in args) and same_everywhere(op):
            v[i] = on_numbers(op, args, attrs, g.types[i])
            continue
        if op.name == "einsum":
            attrs["zeros"] = tuple(k for k, a in enumerate(g.args[i]) if g.ops[a].name in ("delta", "basis"))
        if op.name in READS:
            attrs["inside"] = all(p == plan.counter or g.ops[p].name in INSIDE for p in g.args[i][1:])
        v[i] = target.call(op, args, attrs, [g.types[a] for a in g.args[i]], g.types[i])
    return [v[o] for o in plan.outputs]


def constant(value: Any, dtype: str) -> bool | int | float:
    """A constant of the graph as a Python number."""
    if isinstance(value, str):
        value = NAMED[value]
    return value if isinstance(value, bool) else int(value) if dtype == "int64" else float(value)


def same_everywhere(op: Op) -> bool:
    return op.kind in ("elementwise", "constant") or op.name in ("broadcast", "reshape")


def on_numbers(op: Op, args: Sequence[Any], attrs: dict[str, Any], type: Type) -> bool | int | float:
    """An elementwise operation on numbers, by NumPy."""
    if op.name in ("broadcast", "reshape"):
        return args[0]
    fn = numpy_dialect.lowering(op)
    if fn is None:
        from symgrad.compile.numpy import Reference

        assert op.fallback is not None
        g = Graph()
        nodes = [Node(g, g.const(a)) for a in args]
        return Reference(g, (), [op.fallback(*nodes, **attrs).id])(())[0].item()
    with np.errstate(all="ignore"):
        value = np.asarray(fn(*[np.asarray(a) for a in args], **attrs)).item()
    return bool(value) if type.dtype == "bool" else int(value) if type.dtype == "int64" else float(value)


def scalars_apart(
    args: list[Any], attrs: dict[str, Any], types: list[Type]
) -> tuple[list[Any], list[Any], dict[str, Any], list[Type]]:
    """The numbers among an einsum's operands, and the einsum of the others."""
    left, _, right = attrs["subscripts"].partition("->")
    parts = left.split(",")
    alone = [k for k, p in enumerate(parts) if not p]
    keep = [k for k, p in enumerate(parts) if p]
    text = ",".join(parts[k] for k in keep) + "->" + right
    return [args[k] for k in alone], [args[k] for k in keep], attrs | {"subscripts": text}, [types[k] for k in keep]
