"""sg.scan, sg.while_loop, sg.fori_loop, sg.cond: loops and branches of traced functions that stay what they are.

The signatures are JAX's. Within a function that is traced, the Python body is called once, with traced arrays, and
becomes a graph of its own: a loop of a million passes is as quickly derived as one of two. Called with plain arrays
they just run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from symgrad.compile.flow import endless
from symgrad.derive import lift
from symgrad.errors import ArgumentError, ConvergenceError
from symgrad.graph import CONST, FLOATS, REGISTER, Graph, Type, promote
from symgrad.graph.body import Body
from symgrad.ops.flow import Scan
from symgrad.run.limits import parsed
from symgrad.tree import flatten

LIMIT = 100_000
"""Passes of a loop with a condition, unless it says otherwise."""
MEMORY = "256MB"
"""What the derivative in reverse of one loop may keep of its passes."""


def scan(
    f: Callable[..., Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    memory: int | str = MEMORY,
) -> tuple[Any, Any]:
    """(the last carry, the stacked ys) of carry, y = f(carry, x) for each x in xs, in order.

    Args:
        f: takes the carry and one slice of xs, gives the next carry, of the same nesting, shapes and dtypes, and y:
            an array, a pytree of arrays, or None.
        init: the first carry: a number, an array or a pytree of them.
        xs: a pytree of arrays, whose first axes are gone through together; None: f gets None, `length` times.
        length: number of passes; needed where xs is None.
        reverse: from the last slice to the first. Each y stands where its x does.
        memory: bytes (a number, or a text such as "64MB") that the derivative in reverse may keep of all passes: the
            carries that they began with. Where more would be kept, only those of some passes are, and what lies
            between is worked out again (about twice, for as many passes as fit into the square of that).

    Raises:
        ArgumentError: the arrays of xs differ in length, or the carry changes its nesting or shape.

    Example:
        >>> import numpy as np, symgrad as sg
        >>> def running(x):
        ...     return sg.scan(lambda c, x: (c + x, c * x), 0.0, x)
        >>> total, products = running(np.array([1.0, 2.0, 3.0]))
        >>> float(total), products
        (6.0, array([0., 2., 9.]))
        >>> sg.grad(lambda x: running(x)[1].sum())(np.array([1.0, 2.0, 3.0]))
        array([5., 4., 3.])
    """
    name = "sg.scan"
    budget = _budget(memory)
    leaves, spec = flatten(xs)
    if length is not None and (not isinstance(length, (int, np.integer)) or length < 0):
        _refuse(f"{name}: length={length!r} is no number of passes")
    lengths = {np.shape(x)[:1] for x in leaves} | ({(int(length),)} if length is not None else set())
    if () in lengths:
        _refuse(f"{name}: xs has a number, which has no first axis to go along")
    if not lengths:
        _refuse(f"{name}: without xs, length= says how many passes there are")
    if len(lengths) > 1:
        told = ", ".join(str(n) for (n,) in sorted(lengths))
        _refuse(f"{name}: first axes of different lengths: {told}")
    ((n,),) = lengths
    g = _graph()
    if g is None:
        return _plain_scan(f, init, leaves, spec, n, reverse)
    return _traced_scan(g, f, init, leaves, spec, n, reverse, budget)


def fori_loop(
    lower: Any, upper: Any, body_fun: Callable[..., Any], init_val: Any, limit: int = LIMIT, memory: int | str = MEMORY
) -> Any:
    """The last value of value = body_fun(i, value) for i = lower, ..., upper - 1.

    Args:
        lower, upper: whole numbers. Where one is a traced array, the loop is a `while_loop`, of at most `limit` passes.
        body_fun: takes the index and the value, gives the next value, of the same nesting, shapes and dtypes.
        init_val, memory: as `scan`.

    Example:
        >>> import numpy as np, symgrad as sg
        >>> power = lambda x, n: sg.fori_loop(0, n, lambda i, y: y * x, 1.0)
        >>> float(power(2.0, 10)), float(sg.grad(lambda x: power(x, 10))(2.0))
        (1024.0, 5120.0)
    """
    for b in (lower, upper):
        if np.shape(b) or np.dtype(getattr(b, "dtype", type(b))).kind not in "iu":
            _refuse(f"sg.fori_loop: bounds are whole numbers, got {b!r:.40}")
    if any(_is_traced(b) for b in (lower, upper)):
        value = while_loop(
            lambda state: state[0] < upper,
            lambda state: (state[0] + 1, body_fun(*state)),
            (lower, init_val),
            limit,
            memory,
        )
        return value[1]
    index = np.arange(int(lower), int(upper), dtype=np.int64)
    return scan(lambda value, i: (body_fun(i, value), None), init_val, index, memory=memory)[0]


def while_loop(
    cond_fun: Callable[..., Any],
    body_fun: Callable[..., Any],
    init_val: Any,
    limit: int = LIMIT,
    memory: int | str = MEMORY,
) -> Any:
    """The last value of: while cond_fun(value): value = body_fun(value).

    Args:
        cond_fun: takes the value, gives a truth value of shape ().
        body_fun: takes the value, gives the next one, of the same nesting, shapes and dtypes.
        init_val: a number, an array or a pytree of them.
        limit: passes at most; a loop that would go on raises ConvergenceError when it runs.
        memory: as `scan`. Derivatives, of either mode and any order, go through the passes that there were.

    Example:
        >>> import numpy as np, symgrad as sg
        >>> def root(a):  # Newton's method
        ...     return sg.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a)
        >>> round(float(root(2.0)), 6), round(float(sg.grad(root)(2.0)), 6)
        (1.414214, 0.353553)
    """
    name = "sg.while_loop"
    budget = _budget(memory)
    if not isinstance(limit, (int, np.integer)) or limit < 0:
        _refuse(f"{name}: limit={limit!r} is no number of passes")
    leaves, spec = flatten(init_val)
    g = _graph()
    if g is None:
        value, trips = init_val, 0
        while _truth(name, cond_fun(value)):
            if trips == limit:
                raise ConvergenceError(endless(limit))
            value, trips = body_fun(value), trips + 1
        return value

    def call(values: list[Any]) -> list[Any]:
        new, own = flatten(body_fun(_nest(spec, values)))
        _same_nesting(name, "value", spec, own)
        return new

    firsts, made = _settled(g, name, leaves, [], call)
    inputs = made.inputs
    decision = _truth_node(g, name, cond_fun(_nest(spec, _arrays(g, inputs))))
    condition, body, captured = _bodies(g, inputs, [[decision], made.outputs])
    args = (*firsts, *captured)
    nodes = [g.add(REGISTER["while_loop"], args, (condition, body, int(limit), budget, k)) for k in range(len(firsts))]
    results = _arrays(g, nodes)
    for array, kind in zip(results, made.weak, strict=True):
        array.weak = kind
    return _nest(spec, results)


def cond(pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any) -> Any:
    """true_fun(*operands) where `pred` holds, else false_fun(*operands): only one of them runs.

    Args:
        pred: a truth value or number of shape ().
        true_fun, false_fun: give results of the same nesting and shapes.
        operands: pytrees of arrays.

    Under `sg.vmap` with predicates that differ from point to point, both run, and each point takes its own.

    Example:
        >>> import numpy as np, symgrad as sg
        >>> f = lambda x: sg.cond(x > 0, np.log1p, lambda x: x, x)
        >>> float(sg.grad(f)(1.0)), float(sg.grad(f)(-1.0))
        (0.5, 1.0)
    """
    name = "sg.cond"
    g = _graph()
    if g is None:
        return true_fun(*operands) if _truth(name, pred) else false_fun(*operands)
    predicate = _truth_node(g, name, pred)
    start = len(g)
    sides = [flatten(f(*operands)) for f in (true_fun, false_fun)]
    (yes, spec), (no, other) = sides
    if spec != other:
        _refuse(f"{name}: the branches give results of different nesting: {spec} and {other}")
    from symgrad.define.numpy.tracer import cast, lifted

    outputs: list[list[int]] = [[], []]
    for k, pair in enumerate(zip(yes, no, strict=True)):
        a, b = (lifted(g, x) for x in pair)
        if a.shape != b.shape:
            _refuse(f"{name}: result {k} of the branches has the shapes {a.shape} and {b.shape}")
        dtype = promote([a.dtype.name, b.dtype.name])
        for side, x in zip(outputs, (a, b), strict=True):
            side.append(cast(x, dtype).id)
    first, second, captured = _cut(g, [i >= start for i in range(len(g))], [], outputs)
    args = (predicate, *captured)
    nodes = [g.add(REGISTER["cond"], args, (first, second, k)) for k in range(len(yes))]
    return _nest(spec, _arrays(g, nodes))


# Numbers that are there


def _plain_scan(
    f: Callable[..., Any], init: Any, leaves: Sequence[Any], spec: Any, n: int, reverse: bool
) -> tuple[Any, Any]:
    carry, ys = init, [None] * n
    if not n:
        _refuse("sg.scan over no passes: the ys have no shape; call it within a traced function")
    arrays = [np.asarray(x) for x in leaves]
    for k in range(n - 1, -1, -1) if reverse else range(n):
        carry, ys[k] = _pair("sg.scan", f(carry, _nest(spec, [x[k] for x in arrays])))
    parts = [flatten(y) for y in ys]
    columns = [np.stack(column) for column in zip(*(p for p, _ in parts), strict=True)]
    return carry, _nest(parts[0][1], columns)


def _truth(name: str, value: Any) -> bool:
    array = np.asarray(value)
    if array.shape:
        _refuse(f"{name}: a decision by an array of shape {array.shape}; write np.all(...) or np.any(...)")
    return bool(array)


# Nodes


@dataclass
class _Made:
    """What a body was traced to: the inputs that stand for its arguments, and its outputs."""

    inputs: list[int]
    outputs: list[int]
    weak: list[type | None]
    """Per carry, whether it stands for a number of Python."""


def _traced_scan(
    g: Graph, f: Callable[..., Any], init: Any, leaves: Sequence[Any], spec: Any, n: int, reverse: bool, memory: int
) -> tuple[Any, Any]:
    from symgrad.define.numpy.tracer import node

    starts, carry_spec = flatten(init)
    m = len(starts)
    xs = [node(g, x) for x in leaves]
    slices = [g.types[x]._replace(shape=g.types[x].lengths[1:]) for x in xs]
    y_spec: Any = None

    def call(values: list[Any]) -> list[Any]:
        nonlocal y_spec
        carry, y = _pair("sg.scan", f(_nest(carry_spec, values[:m]), _nest(spec, values[m:])))
        new, own = flatten(carry)
        _same_nesting("sg.scan", "carry", carry_spec, own)
        parts, y_spec = flatten(y)
        return [*new, *parts]

    firsts, made = _settled(g, "sg.scan", starts, slices, call)
    body, captured = _bodies(g, made.inputs, [made.outputs])
    s = Scan(body, m, len(xs), n, bool(reverse), memory, False, None, tuple(firsts), tuple(xs), tuple(captured))
    results = _arrays(g, lift.results(g, s))
    for array, kind in zip(results, made.weak, strict=False):
        array.weak = kind
    return _nest(carry_spec, results[:m]), _nest(y_spec, results[m:])


def _settled(
    g: Graph, name: str, starts: Sequence[Any], others: Sequence[Type], call: Callable[[list[Any]], list[Any]]
) -> tuple[list[int], _Made]:
    """The first carries, and the body traced with carries of types that a pass keeps.

    A carry that begins as a whole number and becomes a float is a float from the start. One that begins as a number
    of Python has the dtype of what it meets, as in NumPy.
    """
    from symgrad.define.numpy.tracer import node

    firsts = [node(g, x) for x in starts]
    weak = [_weak(x) for x in starts]
    while True:
        types = [g.types[i] for i in firsts]
        inputs = [g.input(f"%loop {len(g)}.{k}", t) for k, t in enumerate([*types, *others])]
        arrays = _arrays(g, inputs)
        for array, kind in zip(arrays, weak, strict=False):
            array.weak = kind
        found = call(arrays)
        outputs = [node(g, x) for x in found]
        wanted, still = [], []
        for k, (t, o, kind) in enumerate(zip(types, outputs, weak, strict=False)):
            after = g.types[o]
            if t.shape != after.shape:
                _refuse(
                    f"{name}: leaf {k} of the carry has shape {t.lengths} before a pass and {after.lengths} after it"
                )
            met = kind is not None and _weak(found[k]) is None and (kind is int or after.dtype in FLOATS)
            wanted.append(after.dtype if met else promote([t.dtype, after.dtype]))
            still.append(None if met else kind)
        if wanted == [t.dtype for t in types] and still == weak:
            outputs[: len(firsts)] = [_cast(g, o, d) for o, d in zip(outputs, wanted, strict=False)]
            return firsts, _Made(inputs, outputs, weak)
        firsts = [_cast(g, i, d) for i, d in zip(firsts, wanted, strict=True)]
        weak = still


def _weak(value: Any) -> type | None:
    """int or float for a number of Python, and for what stands for one."""
    from symgrad.define.numpy.dtypes import python_number

    return getattr(value, "weak", None) if hasattr(value, "graph") else python_number(value)


def _cast(g: Graph, i: int, dtype: str) -> int:
    return i if g.types[i].dtype == dtype else g.build(REGISTER["cast"], (i,), (dtype,))


def _bodies(g: Graph, inputs: Sequence[int], groups: Sequence[Sequence[int]]) -> list[Any]:
    """A body per group of outputs, all of the same inputs and captured values; and the captured values.

    Captured is what does not depend on the inputs.
    """
    depends = [False] * len(g)
    for i in inputs:
        depends[i] = True
    for i, args in enumerate(g.args):
        depends[i] = depends[i] or any(depends[a] for a in args)
    return _cut(g, depends, inputs, groups)


def _cut(g: Graph, inside: Sequence[bool], inputs: Sequence[int], groups: Sequence[Sequence[int]]) -> list[Any]:
    """As `_bodies`; `inside` says which nodes are in the bodies, and the others that they need are captured."""
    roots = [o for group in groups for o in group]
    captured: dict[int, None] = {r: None for r in roots if not inside[r] and not _is_constant(g, r)}
    for i, needed in enumerate(g.reach(roots)):
        if needed and inside[i]:
            captured |= {a: None for a in g.args[i] if not inside[a] and not _is_constant(g, a)}
    return [*(Body(g, [*inputs, *captured], group) for group in groups), list(captured)]


def _is_constant(g: Graph, i: int) -> bool:
    return g.ops[i] is CONST or (not g.args[i] and g.ops[i].name != "input")


def _refuse(message: str) -> NoReturn:
    """ArgumentError with the user's line."""
    from symgrad.define.numpy.place import located

    raise ArgumentError(located(message))


def _budget(memory: int | str) -> int:
    found = parsed(memory) if isinstance(memory, str) else int(memory)
    if found < 0:
        _refuse(f"memory={memory!r} is no amount of memory")
    return found


def _graph() -> Graph | None:
    """The graph of the function that is being traced, if there is one."""
    from symgrad.define.numpy import current

    return current()


def _is_traced(value: Any) -> bool:
    from symgrad.define.numpy.tracer import is_traced

    return is_traced(value)


def _arrays(g: Graph, nodes: Sequence[int]) -> list[Any]:
    from symgrad.define.numpy.tracer import Array

    return [Array(g, i) for i in nodes]


def _nest(spec: Any, leaves: Sequence[Any]) -> Any:
    import optree

    return optree.tree_unflatten(spec, leaves)


def _pair(name: str, value: Any) -> tuple[Any, Any]:
    if not isinstance(value, tuple) or len(value) != 2:
        _refuse(f"{name}: the body gives (carry, y), got {value!r:.60}; where there is no y, (carry, None)")
    return value


def _same_nesting(name: str, what: str, before: Any, after: Any) -> None:
    if before != after:
        _refuse(f"{name}: the {what} begins as {_nesting(before)}, and is {_nesting(after)} after a pass")


def _nesting(spec: Any) -> str:
    """As in (*, [*, *]): an asterisk for each array."""
    return str(spec).partition("(")[2].rpartition(")")[0].partition(", namespace")[0]


def _truth_node(g: Graph, name: str, value: Any) -> int:
    from symgrad.define.numpy.tracer import cast, lifted

    x = lifted(g, value)
    if x.shape:
        _refuse(f"{name}: a decision by an array of shape {x.shape}; write np.all(...) or np.any(...)")
    return cast(x, "bool").id
