"""Planned programs give what the NumPy reference gives: on formulas, on random graphs, on awkward arrays."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.compile.numpy import Reference
from symgrad.compile.plan.planner import plan
from symgrad.graph import REGISTER, Graph, Node, Type
from symgrad.graph.node import spread
from symgrad.ops.einsum import contract
from symgrad.ops.literal import constant_array
from symgrad.run.program import Program

RNG = np.random.default_rng(5)
X, Y = RNG.standard_normal((23, 7)), np.sign(RNG.standard_normal(23))
W, V = RNG.standard_normal(7), RNG.standard_normal((9, 4))
LARGE = RNG.standard_normal((210, 205))


def _regression(w: Any, x: Any, y: Any) -> Any:
    return np.mean(np.logaddexp(0, -y * (x @ w)))


def _factorisation(u: Any, v: Any, t: Any) -> Any:
    return np.sum((t - u @ v.T) ** 2)


def _classes(w: Any, x: Any, y: Any) -> Any:
    z = x @ w
    return np.sum(np.log(np.sum(np.exp(z), axis=1))) - np.sum(y * z)


def _distances(x: Any) -> Any:
    d = x[:, None, :] - x[None, :, :]
    return np.sum(np.sqrt(np.sum(d * d, axis=-1) + 0.1))


FORMULAS = {
    "logistic regression": (_regression, (W, X, Y)),
    "wide logistic regression": (_regression, (LARGE[0], LARGE, np.sign(LARGE[:, 1]))),
    "factorisation": (_factorisation, (V, V[:6] + 0.5, RNG.standard_normal((9, 6)))),
    "softmax": (_classes, (RNG.standard_normal((7, 4)), X, np.eye(4)[RNG.integers(0, 4, 23)])),
    "distances": (_distances, (V,)),
    "quadratic": (lambda x, a: x @ a @ x, (LARGE[0], LARGE.T @ LARGE)),
    "gram": (lambda a: np.sum(np.tanh(a.T @ a)), (LARGE / 30,)),
    "chain": (
        lambda a, b, c: np.sum(np.sin(a @ b @ c)),
        (X, RNG.standard_normal((7, 30)), RNG.standard_normal((30, 3))),
    ),
}


def both(f: sg.Function, args: Any, native: bool = True) -> None:
    """The program of `f` against the reference."""
    graph, inputs, outputs = f.program
    same(graph, inputs, outputs, args, native)


def same(graph: Graph, inputs: Any, outputs: Any, args: Any, native: bool = True, tolerance: float = 1e-10) -> Any:
    arrays = [np.asarray(a, graph.types[i].dtype) for a, i in zip(args, inputs, strict=True)]
    before = [a.copy() for a in arrays]
    want = Reference(graph, inputs, outputs)(arrays)
    got = Program(plan(graph, inputs, outputs), native)(arrays)
    for x, y, o in zip(got, want, outputs, strict=True):
        assert x.dtype == graph.types[o].dtype
        assert x.shape == graph.types[o].shape
        scale = float(np.max(np.abs(y), initial=1.0, where=np.isfinite(y))) if x.dtype.kind == "f" else 1.0
        np.testing.assert_allclose(x, np.broadcast_to(y, x.shape), rtol=tolerance, atol=tolerance * scale)
        assert not any(np.may_share_memory(x, a) for a in arrays)
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, b)
    return got


@pytest.mark.parametrize("native", [False, True], ids=["interpreted", "native"])
@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_and_their_derivatives(name: str, native: bool) -> None:
    f, args = FORMULAS[name]
    transforms = (
        (sg.function, sg.value_and_grad, sg.hessian) if args[0].size < 100 else (sg.function, sg.value_and_grad)
    )
    for transform in transforms:
        both(transform(sg.function(f)).specialise(*args), args, native)


def test_hessians_of_larger_arrays() -> None:
    f, args = FORMULAS["wide logistic regression"]
    both(sg.hessian(sg.function(f)).specialise(*args), args)
    f, args = FORMULAS["quadratic"]
    both(sg.hessian(sg.function(f)).specialise(*args), args)


# Random graphs

UNARY = ("sin", "exp", "tanh", "negative", "abs", "sqrt", "sigmoid")
BINARY = ("add", "subtract", "multiply", "maximum", "divide")


def _grow(g: Graph, pool: list[int], choose: Any, dtype: str) -> None:
    """One more node over those of the pool."""
    i = pool[choose(len(pool))]
    shape = g.types[i].lengths
    way = choose(10)
    if way == 0:
        new = REGISTER[UNARY[choose(len(UNARY))]](Node(g, i)).id
    elif way == 1:
        partners = [j for j in pool if g.types[j].shape == shape]
        j = partners[choose(len(partners))]
        new = REGISTER[BINARY[choose(len(BINARY))]](Node(g, i), Node(g, j)).id
    elif way == 2 and shape:
        labels = tuple(range(len(shape)))
        kept = tuple(x for x in labels if choose(2))
        new = contract(g, [(i, labels)], kept[::-1] if choose(2) else kept)
    elif way == 3:
        new = spread(g, i, (choose(4), *shape))
    elif way == 4:
        j = pool[choose(len(pool))]
        sizes: dict[int, int] = {}
        parts = []
        for k in (i, j):  # axes of one length may meet
            own: list[int] = []
            for n in g.types[k].lengths:
                free = [x for x, m in sizes.items() if m == n and x not in own]
                own.append(free[choose(len(free))] if free and choose(3) else len(sizes))
                sizes[own[-1]] = n
            parts.append((k, tuple(own)))
        out = [x for x in sizes if choose(3)][:4]
        new = contract(g, parts, tuple(out[::-1] if choose(2) else out))
    elif way == 5 and shape:
        n = shape[-1]
        eye = g.add(REGISTER["delta"], (), (n, dtype))
        labels = tuple(range(len(shape)))
        new = contract(g, [(i, labels), (eye, (len(shape) - 1, 9))], (*labels, 9))
    elif way == 6 and shape:
        flat = (int(np.prod(shape)),)
        new = REGISTER["reshape"](Node(g, i), shape=flat).id
    elif way == 9 and len(shape) == 2 and shape[0] == shape[1]:
        eye = g.add(REGISTER["delta"], (), (shape[0], dtype))
        new = REGISTER["inv"](Node(g, i) + 9 * Node(g, eye)).id
    elif way == 7 and len(shape) == 2:
        new = contract(g, [(i, (0, 1))], (1, 0))
    else:
        zero = Node(g, spread(g, g.const(0.25, dtype), shape))
        new = REGISTER["where"](Node(g, i) > zero, Node(g, i), zero).id
    if len(g.types[new].shape) <= 4 and np.prod(g.types[new].lengths) < 3000:
        pool.append(new)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_graphs(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(["float64", "float64", "float32"]))
    lengths = data.draw(st.lists(st.sampled_from([0, 1, 2, 3, 3, 5, 12]), min_size=2, max_size=3))
    g = Graph()
    shapes = [(), (lengths[0],), tuple(lengths[:2]), tuple(lengths[:2]), tuple(lengths)]
    inputs = [g.input(f"x{k}", Type(dtype, s)) for k, s in enumerate(shapes)]
    pool = [*inputs, spread(g, g.const(2, dtype), (lengths[0], lengths[0]))]

    def choose(n: int) -> int:
        return data.draw(st.integers(0, n - 1))

    for _ in range(data.draw(st.integers(1, 10))):
        _grow(g, pool, choose, dtype)
    outputs = [pool[choose(len(pool))] for _ in range(data.draw(st.integers(1, 3)))]
    args = [RNG.uniform(0.3, 1.2, s) for s in shapes]
    with np.errstate(all="ignore"):
        same(
            g,
            inputs,
            outputs,
            args,
            native=data.draw(st.integers(0, 3)) == 0,
            tolerance=1e-9 if dtype == "float64" else 1e-2,
        )


# Calls


def _function() -> tuple[sg.Function, tuple[Any, ...]]:
    f = sg.value_and_grad(sg.function(_regression)).specialise(W, X, Y)
    f.compile()
    assert f.executor.program is not None
    return f, (W, X, Y)


def test_arrays_of_any_layout() -> None:
    f, (w, x, y) = _function()
    want = f(w, x, y)
    other = np.asfortranarray(x)
    spaced = np.zeros((46, 14))
    spaced[::2, ::2] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    odd = np.frombuffer(b"\0" + x.tobytes(), np.float64, offset=1).reshape(x.shape)
    for form in (other, spaced[::2, ::2], frozen, odd, x[::-1][::-1]):
        got = f(w, form, y)
        np.testing.assert_array_equal(got[1], want[1])
        assert got[0] == want[0]


def test_results_are_the_callers_own() -> None:
    f, args = _function()
    first = f(*args)[1]
    kept = first.copy()
    second = f(*args)[1]
    second[:] = 0
    np.testing.assert_array_equal(first, kept)
    assert first.flags.writeable


@pytest.mark.parametrize("size", ["small", "large"])
def test_threads_do_not_share_memory(size: str) -> None:
    f, (w, x, y) = _function()
    if size == "large":
        w, x, y = FORMULAS["wide logistic regression"][1]
        f = sg.hessian(sg.function(_regression)).specialise(w, x, y).compile()

        def second(*args: Any) -> Any:
            return None, f(*args)

        call: Any = second
    else:
        call = f
    points = [w + k for k in range(8)]
    want = [call(p, x, y)[1] for p in points]
    wrong: list[int] = []

    def work(k: int) -> None:
        wrong.extend(k for _ in range(20) if not np.array_equal(call(points[k], x, y)[1], want[k]))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_explain_says_what_runs_and_how_much_memory_it_takes() -> None:
    f, _ = _function()
    assert "runs as a program of" in f.explain()
    assert "64 bytes for results" in f.explain()
    assert "loops 23:" in f.explain(steps=True)
    assert "loops" not in f.explain()


def test_a_result_given_twice_and_an_argument_as_result() -> None:
    g = Graph()
    x = g.input("x", Type("float64", (3,)))
    y = REGISTER["sin"](Node(g, x)).id
    a, b, c = same(g, [x], [y, y, x], [np.arange(3.0)])
    assert not np.may_share_memory(a, b)
    assert c.flags.writeable


PLACES = np.array([[2, 0, 2], [1, 1, 3]])
STRUCTURE = {
    "slice": lambda x: _op("slice", x, start=(1, 2), stop=(6, 9), step=(2, 3)),
    "pad": lambda x: _op("pad", x, low=(1, 0), high=(0, 2), interior=(2, 1)),
    "pads added": lambda x: (
        _op("pad", x, low=(1, 0), high=(0, 2), interior=(0, 0))
        - _op("pad", _op("sin", x), low=(0, 1), high=(1, 1), interior=(0, 0))
    ),
    "flip": lambda x: _op("flip", x, axes=(-1, -2)),
    "concatenate": lambda x: _op("concatenate", x, _op("cos", x), x, axis=-1),
    "reductions": lambda x: _op("amax", x) + _op("amin", x) * _op("prod", x),
    "logsumexp": lambda x: _op("logsumexp", 300 * x),
    "cumsum": lambda x: _op("cumsum", _op("sin", x)),
    "take": lambda x: _op("take", _op("sin", x), _places(x, PLACES), axis=-2),
    "scatter": lambda x: _op("scatter_add", x, _places(x, np.array([1, 0, 1, 2, 4, 1, 1])), axis=-2, n=5),
    "scatter added": lambda x: (
        _op("sin", x) - _op("scatter_add", x, _places(x, np.array([1, 0, 1, 2, 4, 1, 1])), axis=-2, n=7)
    ),
    "take along": lambda x: _op("take_along", _op("cos", x), _places(x, np.tile([3, 3, 9, 0], (7, 1)))),
    "put along": lambda x: _op("put_along", x, _places(x, np.tile(np.arange(10) % 4, (7, 1))), n=4),
    "sorted": lambda x: _op("take_along", x, _op("argsort", x)),
    "decomposition": lambda x: _op("svd", x, take=1) + _op("sin", _op("svd", x, take=1)),
    "both vectors": lambda x: Node(
        x.graph, contract(x.graph, [(_op("svd", x, take=0).id, (0, 1)), (_op("svd", x, take=2).id, (1, 2))], (2, 0))
    ),
}


def _op(name: str, *args: Any, **attrs: Any) -> Node:
    return REGISTER[name](*args, **attrs)


def _places(x: Node, places: Any) -> Node:
    return Node(x.graph, constant_array(x.graph, places))


@pytest.mark.parametrize("native", [False, True], ids=["interpreted", "native"])
@pytest.mark.parametrize("name", STRUCTURE)
def test_operations_on_arrays(name: str, native: bool) -> None:
    g = Graph()
    x = Node(g, g.input("x", Type("float64", (7, 10))))
    own = STRUCTURE[name](x).id
    root = REGISTER["tanh"](Node(g, own)).id
    same(g, [x.id], [own, root], [RNG.uniform(-1, 1, (7, 10))], native)


def test_special_values_in_reductions() -> None:
    g = Graph()
    x = Node(g, g.input("x", Type("float64", (4, 3))))
    outputs = [_op(name, x).id for name in ("amax", "amin", "prod", "logsumexp")]
    values = np.array([[1, np.nan, 2], [np.inf, 1, 0], [-np.inf, 0, 1], [-np.inf, -np.inf, -np.inf]])
    same(g, [x.id], outputs, [values])


def test_a_place_outside_its_array_is_an_error() -> None:
    x = np.arange(5.0)
    f = sg.function(lambda x, i: np.sin(np.take(x, i)), name="f").specialise(x, np.array([1, 2])).compile()
    np.testing.assert_allclose(f(x, np.array([4, 0])), np.sin(x[[4, 0]]))
    with pytest.raises(sg.ArgumentError, match="outside"):
        f(x, np.array([5, 0]))


def test_an_array_and_its_reshape_are_two_results() -> None:
    g = Graph()
    x = g.input("x", Type("float64", (3, 4)))
    y = contract(g, [(REGISTER["sin"](Node(g, x)).id, (0, 1))], (1, 0))
    z = REGISTER["reshape"](Node(g, y), shape=(12,)).id
    for outputs in ([z, y], [y, z], [z, z, y, x]):
        same(g, [x], outputs, [RNG.standard_normal((3, 4))])


def test_a_library_call_between_nests() -> None:
    g = Graph()
    a = g.input("a", Type("float64", (5, 5)))
    inner = REGISTER["inv"](REGISTER["sin"](Node(g, a)))
    out = contract(g, [(REGISTER["tanh"](inner).id, (0, 1))], (1, 0))
    same(g, [a], [out, inner.id], [RNG.standard_normal((5, 5)) + 5 * np.eye(5)])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_small_programs_are_built_in_functions(dtype: str) -> None:
    a, x = RNG.standard_normal((3, 3)).astype(dtype), RNG.standard_normal(3).astype(dtype)
    f = sg.value_and_grad(sg.function(lambda x, a, c: c * (x @ a @ x) + np.sum(np.sin(x)), name="f"))
    made = f.specialise(x, a, np.asarray(2.0, dtype)[()])
    want = made(x, a, 2.0)
    made.compile()
    assert made.executor.program is not None
    assert made.executor.program.callable(lambda args, named: None, "f") is not None
    got = made(x, a, 2.0)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-5)
    np.testing.assert_allclose(got[1], want[1], rtol=1e-5)
    assert got[1].dtype == dtype
    np.testing.assert_array_equal(made(x, np.asfortranarray(a), 2.0)[1], got[1])
    batch = made(np.stack([x, 2 * x]), a, 2.0)
    np.testing.assert_allclose(batch[1][0], want[1], rtol=1e-5)
    with pytest.raises(sg.ArgumentError, match="must have shape"):
        made(x[:2], a, 2.0)


def test_results_beyond_the_memory_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    f = sg.hessian(sg.function(lambda x: np.sum(np.sin(x)) ** 2, name="f")).specialise(np.ones(200_000))
    with pytest.raises(sg.ArgumentError, match=r"f needs 320 GB for its results"):
        f(np.ones(200_000))
    monkeypatch.setenv("SYMGRAD_MEMORY", "20 MB")
    g = sg.hessian(sg.function(lambda x: np.sum(np.sin(x)) ** 2, name="g")).specialise(np.ones(2000))
    with pytest.raises(sg.ArgumentError, match=r"g needs 32 MB for its results, and may take 20 MB"):
        g(np.ones(2000))
    with pytest.raises(sg.ArgumentError, match="g needs 32"):
        g.compile()
    monkeypatch.setenv("SYMGRAD_MEMORY", "40 MB")
    assert g(np.ones(2000)).shape == (2000, 2000)
    monkeypatch.setenv("SYMGRAD_MEMORY", "much")
    with pytest.raises(sg.ArgumentError, match="'much' is no amount of memory"):
        g(np.ones(2000))


def test_a_buffer_that_is_optimised_away() -> None:
    """The sum goes where the result is; nothing is left of the buffer between them."""
    f = sg.function(lambda x: np.sum(np.sin(x) ** 2) + 1)
    x = np.arange(4.0)
    own = f.specialise(x).compile()
    assert isinstance(own, sg.Function)
    assert own(x) == pytest.approx(np.sum(np.sin(x) ** 2) + 1, rel=1e-15)
