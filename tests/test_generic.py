"""Python functions of arrays: what arguments they take, when they are traced, what they give."""

from __future__ import annotations

import dataclasses
import functools
import pickle
import threading
from collections import OrderedDict, defaultdict, namedtuple
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
import torch

import symgrad as sg
from symgrad.generic import PythonFunction

X = np.array([1.0, 2.0, 3.0])
square = sg.function(lambda x: x * x)


class Params(NamedTuple):
    w: Any
    b: Any


Old = namedtuple("Old", "w b")


@dataclasses.dataclass
class Layer:
    w: Any
    b: Any = None
    name: str = "layer"


@dataclasses.dataclass(frozen=True)
class Checked:
    w: Any

    def __post_init__(self) -> None:
        if np.shape(self.w) != (3,):
            raise ValueError("w has three elements")


@sg.function
def decorated(x: Any, n: Any = 2.0) -> Any:
    return x * n


def plain(x: Any, power: int) -> Any:
    return x**power


# Pytrees -------------------------------------------------------------------------------------------------------------

NESTED: list[tuple[str, Callable[[Any, Any], Any], Callable[[Any], tuple[Any, Any]]]] = [
    ("dict", lambda w, b: {"w": w, "b": b}, lambda p: (p["w"], p["b"])),
    ("ordered", lambda w, b: OrderedDict(w=w, b=b), lambda p: (p["w"], p["b"])),
    ("default", lambda w, b: defaultdict(list, w=w, b=b), lambda p: (p["w"], p["b"])),
    ("numbered", lambda w, b: {0: w, 1: b}, lambda p: (p[0], p[1])),
    ("tuple", lambda w, b: (w, b), lambda p: p),
    ("list", lambda w, b: [w, b], lambda p: (p[0], p[1])),
    ("namedtuple", lambda w, b: Old(w, b), lambda p: (p.w, p.b)),
    ("typed", lambda w, b: Params(w, b), lambda p: (p.w, p.b)),
    ("dataclass", lambda w, b: Layer(w, b), lambda p: (p.w, p.b)),
    ("frozen", lambda w, b: (Checked(w), b), lambda p: (p[0].w, p[1])),
    (
        "deep",
        lambda w, b: {"a": [(w, None), {}], "z": Layer(None, Params([], b))},
        lambda p: (p["a"][0][0], p["z"].b.b),
    ),
]


@pytest.mark.parametrize(("build", "parts"), [n[1:] for n in NESTED], ids=[n[0] for n in NESTED])
def test_pytrees(build: Callable[[Any, Any], Any], parts: Callable[[Any], Any]) -> None:
    def loss(p: Any, y: Any) -> Any:
        w, b = parts(p)
        return np.sum((w * y + b) ** 2)

    p = build(X, 0.5)
    assert sg.function(loss)(p, X) == pytest.approx(np.sum((X * X + 0.5) ** 2))
    found = sg.grad(loss)(p, X)
    assert type(found) is type(p)
    gw, gb = parts(found)
    assert np.allclose(gw, 2 * (X * X + 0.5) * X)
    assert gb == pytest.approx(np.sum(2 * (X * X + 0.5)))
    again = sg.function(lambda p: p)(p)
    assert type(again) is type(p)
    assert np.array_equal(parts(again)[0], X)
    H = sg.hessian(loss)(p, X)
    assert np.allclose(parts(parts(H)[0])[0], np.diag(2 * X * X))
    assert np.allclose(parts(parts(H)[1])[0], 2 * X)
    assert parts(parts(H)[1])[1] == pytest.approx(6.0)


def test_what_is_no_number_is_none_in_a_gradient() -> None:
    found = sg.grad(lambda p: np.sum(p.w**2) if p.name == "layer" else 0.0)(Layer(X))
    assert found == Layer(w=found.w, b=None, name=None)  # type: ignore[arg-type]
    assert np.array_equal(found.w, 2 * X)


def test_results_nest_as_they_are_returned() -> None:
    assert sg.function(lambda x: (x[0], "text", np.sin))(X) == (1.0, "text", np.sin)
    f = sg.function(lambda x: {"a": x, "b": [x * 2, (x[0],)], "none": None, "p": Params(1.0, np.ones(2)), "n": 3})
    found = f(X)
    assert list(found) == ["a", "b", "none", "p", "n"]
    assert np.array_equal(found["b"][0], 2 * X)
    assert found["b"][1] == (1.0,)
    assert found["none"] is None
    assert np.array_equal(found["p"].b, [1.0, 1.0])
    assert found["n"] == 3
    assert sg.function(lambda x: ())(X) == ()
    assert sg.function(lambda: 2.0)() == 2.0


def test_jacobians_nest_by_results_then_variables() -> None:
    found = sg.jacobian(lambda p: {"s": p["a"] * p["b"], "t": p["a"][0]})({"a": X, "b": 2.0})
    assert np.array_equal(found["s"]["a"], np.diag([2.0] * 3))
    assert np.array_equal(found["s"]["b"], X)
    assert np.array_equal(found["t"]["a"], [1.0, 0.0, 0.0])
    assert found["t"]["b"] == 0.0


def test_structure_is_part_of_the_kind() -> None:
    f = sg.function(lambda p: sum(np.sum(v) for v in p.values()))
    assert f({"a": X}) == 6.0
    assert f({"a": X, "b": X}) == 12.0
    assert f({"c": X}) == 6.0


def test_nothing_to_differentiate_by() -> None:
    with pytest.raises(sg.ArgumentError, match="no number in q to differentiate by"):
        sg.grad(lambda p, q: np.sum(p), wrt="q")(X, {})
    with pytest.raises(sg.ArgumentError, match="no number in q to differentiate by"):
        sg.grad(lambda p, q: np.sum(p), wrt=1)(X, None)


# Signatures ----------------------------------------------------------------------------------------------------------


def many(a: Any, /, b: Any, *rest: Any, k: Any = 2.0, **more: Any) -> Any:
    return a * b * k + sum(rest) * 3 + sum(v * v for v in more.values())


def test_arguments_by_position_and_name() -> None:
    f = sg.function(many)
    assert f(2.0, 3.0) == 12.0
    assert f(2.0, b=3.0, k=4.0) == 24.0
    assert f(2.0, 3.0, 1.0, 2.0, k=1.0, z=5.0) == many(2.0, 3.0, 1.0, 2.0, k=1.0, z=5.0)
    found = sg.grad(many, wrt=("a", "b", "rest", "k", "more"))(2.0, 3.0, 1.0, 2.0, k=1.0, z=5.0, y=1.0)
    assert found == (3.0, 2.0, (3.0, 3.0), 6.0, {"z": 10.0, "y": 2.0})


def test_defaults() -> None:
    assert np.array_equal(decorated(X), 2 * X)
    assert np.array_equal(decorated(X, 3.0), 3 * X)
    assert np.array_equal(decorated(n=3.0, x=X), 3 * X)
    assert np.array_equal(sg.jacobian(decorated, wrt="n")(X), X)


def test_whole_numbers_that_are_left_out_are_part_of_the_definition() -> None:
    def f(x: Any, steps: int = 3, axis: int = -1) -> Any:
        for _ in range(steps):
            x = np.cumsum(x, axis)
        return x

    assert np.array_equal(sg.function(f)(X), f(X))
    assert sg.jacobian(f)(X).shape == (3, 3)
    assert sg.jacobian(lambda x, n=2: x**n, wrt="n")(X) == pytest.approx(X**2 * np.log(X))
    assert sg.function(lambda x, n=2: x[:n])(torch.tensor([1.0, 2.0, 3.0])).shape == (2,)
    found = sg.function(lambda x, n=2: x[:n] * n).torch(torch.tensor([1.0, 2.0, 3.0]))(torch.tensor([1.0, 2.0, 3.0]))
    assert found.tolist() == [2.0, 4.0]
    assert sg.function(lambda x, n=2: x[:n] * n).jax()(jnp.array([1.0, 2.0, 3.0])).tolist() == [2.0, 4.0]
    with pytest.raises(sg.TraceError, match="a traced value as an index of Python"):
        sg.function(f)(X, 3)
    assert np.array_equal(sg.function(f, static=("steps", "axis"))(X, 2), f(X, 2))


@pytest.mark.parametrize(
    ("args", "named", "wanted"),
    [
        ((1.0,), {}, "missing a required argument: 'b'"),
        ((1.0, 2.0, 3.0), {}, "too many positional arguments"),
        ((1.0, 2.0), {"c": 1.0}, "got an unexpected keyword argument 'c'"),
        ((1.0, 2.0), {"b": 1.0}, "multiple values for argument 'b'"),
    ],
)
def test_wrong_counts_and_names(args: Any, named: Any, wanted: str) -> None:
    for f in (sg.function(lambda a, b: a * b), sg.grad(lambda a, b: a * b)):
        with pytest.raises(sg.ArgumentError, match=wanted):
            f(*args, **named)


def test_wrt() -> None:
    f = sg.function(lambda a, b, c: a * b * c)
    assert sg.grad(f, wrt=-1)(2.0, 3.0, 4.0) == 6.0
    assert sg.grad(f, wrt=["c", 0])(2.0, 3.0, 4.0) == (6.0, 12.0)
    for wrong, message in ((3, "not an argument"), ("d", "not an argument"), (("a", 0), "twice")):
        with pytest.raises(sg.ArgumentError, match=message):
            sg.grad(f, wrt=wrong)(2.0, 3.0, 4.0)


def test_no_signature() -> None:
    with pytest.raises(sg.ArgumentError, match="has no signature that can be read; wrap it in a def"):
        sg.function(max)


def test_functions_of_numpy_themselves() -> None:
    assert np.allclose(sg.function(np.sin)(X), np.sin(X))
    assert sg.grad(np.hypot)(3.0, 4.0) == pytest.approx(0.6)
    assert np.array_equal(sg.grad(np.sum)(X), np.ones(3))
    assert np.allclose(sg.jacobian(np.cumsum)(X), np.tri(3))


# Static arguments and tracing ----------------------------------------------------------------------------------------


def counting(f: Callable[..., Any]) -> tuple[Callable[..., Any], list[int]]:
    """The function, and a list that grows whenever it is traced."""
    calls: list[int] = []

    @functools.wraps(f)
    def counted(*args: Any, **named: Any) -> Any:
        calls.append(1)
        return f(*args, **named)

    return counted, calls


def test_traced_once_per_kind() -> None:
    traced, calls = counting(lambda x: x * 2)
    f = sg.function(traced)
    for x in (X, X + 1, X[::-1], np.asfortranarray(X)):
        f(x)
    assert len(calls) == 1
    f(np.ones(2))
    assert len(calls) == 2
    f(np.ones((3, 1)))
    assert len(calls) == 3
    f(X.astype(np.float32))
    assert len(calls) == 4
    f(np.array([1, 2, 3]))
    assert len(calls) == 5
    f(2.0)
    f(3.5)
    assert len(calls) == 6
    f(2)
    assert len(calls) == 7
    f(X)
    f(np.ones(2))
    assert len(calls) == 7


def test_transforms_trace_once_per_kind() -> None:
    traced, calls = counting(lambda x: np.sum(x**3))
    g = sg.grad(traced)
    g(X)
    g(X * 2)
    assert len(calls) == 1
    g(np.ones(2))
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (2, X**2),
        (3.0, X**3),
        (np.float64(2.0), X**2),
        (np.array([1.0, 2.0, 3.0]), X**X),
        ([1, 2, 3], X ** np.array([1, 2, 3])),
        (Fraction(2), X**2.0),
    ],
    ids=repr,
)
def test_static(value: Any, wanted: Any) -> None:
    def f(x: Any, n: Any) -> Any:
        return x ** (np.array(n) if isinstance(n, list) else float(n) if isinstance(n, Fraction) else n)

    traced, calls = counting(f)
    for static in ("n", 1, ["n"], (1,)):
        g = sg.function(traced, static=static)
        assert np.allclose(g(X, value), wanted)
        before = len(calls)
        assert np.allclose(g(X + 0, value), wanted)
        assert len(calls) == before


def test_a_new_static_value_is_a_new_trace() -> None:
    f = sg.function(plain, static="power")
    assert np.array_equal(f(X, 2), X**2)
    assert np.array_equal(f(X, 3), X**3)
    assert np.array_equal(f(X, power=2), X**2)
    table = np.ones(3)
    g = sg.function(lambda x, t: x * t, static="t")
    assert np.array_equal(g(X, table), X)
    table[:] = 2
    assert np.array_equal(g(X, table), 2 * X)
    h = sg.function(lambda x, s: x / s, static="s")
    assert h(1.0, 0.0) == np.inf
    assert h(1.0, -0.0) == -np.inf


@pytest.mark.parametrize(
    "value",
    [np.sin, lambda t: np.sin(t), functools.partial(np.multiply, 2.0), decorated, sg.grad(lambda t: t**3), max],
    ids=["ufunc", "lambda", "partial", "decorated", "gradient", "builtin"],
)
def test_functions_are_static(value: Any) -> None:
    traced, calls = counting(lambda x, f: x * 1.0 if f is max else f(x))
    f = sg.function(traced)
    x = 1.5
    assert f(x, value) == pytest.approx(x if value is max else value(x))
    f(2.5, value)
    assert len(calls) == 1


def test_concrete_functions_are_static() -> None:
    inner = sg.function(lambda x: x * 3).specialise(1.0)
    assert sg.grad(lambda x, f: f(x) * 2)(1.5, inner) == 6.0


def test_options_are_static() -> None:
    def f(x: Any, how: Any, flag: Any = True, part: Any = None) -> Any:
        y = np.sum(x) if how == "sum" else np.max(x)
        y = y if flag else -y
        return y if part is None else y + np.sum(x[part])

    g = sg.function(f)
    assert g(X, "sum") == 6.0
    assert g(X, "max") == 3.0
    assert g(X, "sum", False) == -6.0
    assert g(X, "sum", part=slice(0, 2)) == 9.0


def test_static_refused() -> None:
    with pytest.raises(sg.ArgumentError, match=r"static=\['q'\]: not an argument"):
        sg.function(lambda x: x, static="q")
    with pytest.raises(sg.ArgumentError, match="wrt='n' is static"):
        sg.grad(sg.function(lambda x, n: x * n, static="n"), wrt="n")(1.0, 2)
    with pytest.raises(sg.ArgumentError, match="must be hashable"):
        sg.function(lambda x, s: x, static="s")(1.0, {1, 2})

    class Model:
        def __call__(self, x: Any) -> Any:
            return x * 2

    with pytest.raises(sg.ArgumentError, match=r"name the function .* as static"):
        sg.function(lambda x, m: m(x))(1.0, Model())
    assert sg.function(lambda x, m: m(x), static="m")(1.0, Model()) == 2.0


# Dtypes --------------------------------------------------------------------------------------------------------------


def test_float32_stays() -> None:
    x = np.array([1.0, 2.0], np.float32)
    f = sg.function(lambda x: np.sum(np.sin(x) * 2.5 + x**2 / 3))
    for found in (square(x), sg.grad(f)(x), sg.hessian(f)(x), sg.jacobian(square)(x), sg.vmap(square)(x)):
        assert found.dtype == np.float32
    scaled = sg.function(lambda x, s: x * s)
    assert scaled(x, 2.0).dtype == np.float32  # a Python float adapts
    assert scaled(x, np.float64(2.0)).dtype == np.float64
    assert scaled(x, np.array([2.0])).dtype == np.float64
    assert sg.grad(lambda x, s: np.sum(x * s))(x, np.ones(2)).dtype == np.float32


def test_integers() -> None:
    n = np.array([1, 2, 3])
    assert square(n).dtype == np.int64
    assert square(n.astype(np.int32)).dtype == np.int64
    assert (sg.function(lambda x, n: x * n)(X, n) == X * n).all()
    assert sg.grad(lambda x, n: np.sum(x * n))(X, n) == pytest.approx(n)
    with pytest.raises(sg.DtypeError, match=r"x is int64, and derivatives are by floating-point numbers; give x as"):
        sg.grad(lambda x: np.sum(x * x))(n)
    assert sg.grad(lambda x: x * x)(3) == 6.0  # Python's own numbers adapt
    assert type(square(3)) is int
    assert sg.function(lambda x: x & ~x)(np.array([True, False])).dtype == bool
    with pytest.raises(sg.DtypeError, match="int64"):
        square(np.array([2**63 + 1], np.uint64))


def test_other_floats() -> None:
    assert square(np.array([1.0, 2.0], np.float16)).dtype == np.float32
    assert np.array_equal(square(X.astype(">f8")), X * X)
    with pytest.raises(sg.DtypeError, match=r"longdouble|float128"):
        square(X.astype(np.longdouble))


@pytest.mark.parametrize(
    "value",
    [
        np.array([1j]),
        np.array(["a"]),
        np.array([1, None]),
        np.array(["2020-01-01"], "M8[D]"),
        {1.0},
        iter([1.0]),
        range(3),
        object(),
        Fraction(1, 2),
        Decimal("1.5"),
        scipy.sparse.eye_array(2),
    ],
    ids=lambda v: type(v).__name__ + (f" {v.dtype}" if isinstance(v, np.ndarray) else ""),
)
def test_no_real_numbers(value: Any) -> None:
    with pytest.raises(sg.DtypeError):
        square(value)
    square(X)  # also where there is a Function already
    with pytest.raises(sg.DtypeError):
        square(value)


def test_arrays_that_mean_more_than_their_numbers() -> None:
    with pytest.raises(sg.DtypeError, match="the mask of a masked array would be lost"):
        square(np.ma.masked_array(X, [False, True, False]))
    with pytest.raises(sg.DtypeError, match="the mask of x would be lost"):
        square.specialise(X)(np.ma.masked_array(X, [False, True, False]))
    with pytest.warns(PendingDeprecationWarning):
        m = np.matrix([[1.0, 2.0]])
    with pytest.raises(sg.DtypeError, match=r"np.matrix multiplies as matrices do; give np.asarray\(x\)"):
        square(m)


# Awkward arrays ------------------------------------------------------------------------------------------------------


def _awkward() -> list[tuple[str, Any]]:
    a = np.random.default_rng(0).standard_normal((4, 6))
    locked = a.copy()
    locked.flags.writeable = False
    shifted = np.frombuffer(b"\0" + a.tobytes(), dtype=np.uint8)[1:].view(np.float64).reshape(4, 6)
    return [
        ("C", a),
        ("Fortran", np.asfortranarray(a)),
        ("transposed", np.ascontiguousarray(a.T).T),
        ("strided", np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3]),
        ("negative", a[::-1, ::-1]),
        ("read-only", locked),
        ("stretched", np.broadcast_to(a[0], (4, 6))),
        ("unaligned", shifted),
        ("swapped", a.astype(">f8")),
    ]


AWKWARD = _awkward()


def _functions(x: Any) -> Any:
    return x * 2 + 1, np.sum(x, 0), x.T @ x, np.exp(x)[1:, ::2], x.T


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("a", [a for _, a in AWKWARD], ids=[n for n, _ in AWKWARD])
def test_awkward_arrays(a: Any, compiled: bool) -> None:
    before = a.copy()
    f, g = sg.function(_functions), sg.grad(lambda x: np.sum(np.sin(x) ** 2))
    if compiled:
        f.specialise(before).compile()
        g.specialise(before).compile()
    for own, wanted in zip(f(a), _functions(before.astype(float)), strict=True):
        assert np.allclose(own, wanted)
    assert np.allclose(g(a), np.sin(2 * before))
    assert np.array_equal(a, before)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (1,), (1, 1), ()])
@pytest.mark.parametrize("compiled", [False, True])
def test_empty_and_single(shape: tuple[int, ...], compiled: bool) -> None:
    x = np.full(shape, 1.5)
    f, g, h = square, sg.grad(lambda x: np.sum(x**3)), sg.hessian(lambda x: np.sum(x**3))
    if compiled:
        for t in (f, g, h):
            t.specialise(x).compile()
    assert np.shape(f(x)) == shape
    assert np.array_equal(f(x), x * x)
    assert np.allclose(g(x), 3 * x * x)
    assert np.shape(h(x)) == shape + shape


def test_numbers_and_arrays_without_axes() -> None:
    for x in (2.0, np.float64(2.0), np.array(2.0)):
        assert square(x) == 4.0
        assert type(square(x)) is float
        assert sg.grad(square)(x) == 4.0


def test_lists_are_containers() -> None:
    assert sg.grad(lambda x: x[0] * x[1])([2.0, 3.0]) == [3.0, 2.0]
    assert sg.function(lambda x: np.sum(x))([1.0, 2.0]) == 3.0
    assert np.array_equal(
        sg.function(lambda A, x: np.array(A) @ np.array(x))([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]), [3.0, 7.0]
    )
    with pytest.raises(sg.TraceError, match="A is a list of traced numbers, not an array"):
        sg.function(lambda A, x: A @ x)([[1.0, 2.0]], [1.0, 2.0])


def test_arrays_of_frameworks() -> None:
    """Taken by their numbers; a tensor that records its own derivative is refused."""
    assert np.array_equal(square(torch.tensor([1.0, 2.0], dtype=torch.float64)), [1.0, 4.0])
    assert square(jnp.array([1.0, 2.0])).dtype == np.float32
    with pytest.raises(sg.DtypeError, match=r"can't be read as numbers: .*detach"):
        square(torch.tensor([1.0], requires_grad=True))


# Results -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compiled", [False, True])
def test_results_own_their_memory(compiled: bool) -> None:
    def f(x: Any) -> Any:
        return x, x.T, x * 1.0, np.sum(x, 0), x[0], np.ones(3), x * 1.0

    g = sg.function(f)
    a = np.arange(9.0).reshape(3, 3)
    if compiled:
        g.specialise(a).compile()
    first = g(a)
    kept = [np.copy(v) for v in first]
    for k, v in enumerate(first):
        assert not np.shares_memory(v, a)
        assert all(not np.shares_memory(v, w) for w in first[:k])
        assert v.flags.writeable
    g(a + 100)
    a[:] = -1
    assert all(np.array_equal(v, w) for v, w in zip(first, kept, strict=True))
    for v in first:
        v[:] = 7
    assert np.array_equal(g(np.ones((3, 3)))[5], np.ones(3))


@pytest.mark.parametrize("compiled", [False, True])
def test_results_are_fresh_arrays(compiled: bool) -> None:
    constant = np.arange(3.0)

    def views(x: Any) -> Any:
        y = x * 2
        return y, y[0], y.T, y[1:], y[0]

    functions = [
        *(views, lambda x: constant, lambda x: (constant[1:], constant), lambda x: np.broadcast_to(x, (2, 3, 3))),
        *(lambda x: (x[::-1], x.T, x), lambda x: np.diagonal(x), lambda x: np.ones_like(x), lambda x: x.reshape(-1)),
        sg.grad(lambda x: np.sum(constant * x)),
        sg.jacobian(lambda x: x.T),
    ]
    x = np.arange(9.0).reshape(3, 3)
    for f in functions:
        g = sg.function(f).specialise(x)
        if compiled:
            g.compile()
        first = g(x)
        results = first if isinstance(first, tuple) else (first,)
        kept = [np.copy(v) for v in results]
        for k, v in enumerate(results):
            assert not any(np.shares_memory(v, w) for w in (x, constant, *results[:k]))
            v[...] = -1.0
        again = g(x)
        assert all(map(np.array_equal, again if isinstance(again, tuple) else (again,), kept))


@pytest.mark.parametrize("compiled", [False, True])
def test_wrong_shapes_of_a_concrete_function(compiled: bool) -> None:
    f = sg.function(lambda A, x: A @ x).specialise(np.ones((2, 3)), X)
    if compiled:
        f.compile()
    with pytest.raises(sg.ArgumentError, match=r"x must have shape \(3,\), got shape \(2,\)"):
        f(np.ones((2, 3)), np.ones(2))
    with pytest.raises(sg.ArgumentError, match="needs 2 arguments"):
        f(np.ones((2, 3)))
    with pytest.raises(sg.ArgumentError, match="no input 'y'"):
        f(np.ones((2, 3)), y=X)
    with pytest.raises(sg.DtypeError):
        f(np.ones((2, 3)), np.array(["a", "b", "c"]))


def test_scalar_result_is_needed() -> None:
    for transform in (sg.grad, sg.value_and_grad, sg.hessian, sg.hvp):
        more = (X,) if transform is sg.hvp else ()
        for f in (lambda x: x * x, lambda x: {"a": np.sum(x), "b": np.sum(x**2)}, lambda x: (x[0], x[0])):
            with pytest.raises(sg.ArgumentError, match="needs a scalar function"):
                transform(f)(X, *more)


# Threads, pickles, names ---------------------------------------------------------------------------------------------


def test_first_calls_from_several_threads() -> None:
    f = sg.function(lambda x, n: np.sum(np.array([x[0], x[1] * n]) ** 2) + np.linalg.norm(x))
    g = sg.value_and_grad(f)
    shapes = [2, 3, 4, 5]
    found: dict[int, Any] = {}
    errors: list[Exception] = []
    start = threading.Barrier(16)

    def run(k: int) -> None:
        x = np.arange(1.0, 1.0 + shapes[k % 4])
        start.wait()
        try:
            for _ in range(5):
                found[k] = g(x, 2.0), np.array([1.0, 2.0]), np.random.default_rng().normal()
        except Exception as e:  # collected for the assertion
            errors.append(e)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert errors == []
    for k in range(16):
        x = np.arange(1.0, 1.0 + shapes[k % 4])
        (value, slope), array, _ = found[k]
        assert value == pytest.approx(x[0] ** 2 + 4 * x[1] ** 2 + np.linalg.norm(x))
        assert slope[0] == pytest.approx(2 * x[0] + x[0] / np.linalg.norm(x))
        assert type(array) is np.ndarray


def test_pickles() -> None:
    again = pickle.loads(pickle.dumps(decorated))
    assert again is decorated
    other = pickle.loads(pickle.dumps(sg.function(plain, static="power")))
    assert isinstance(other, PythonFunction)
    assert np.array_equal(other(X, 2), X * X)
    concrete = sg.grad(lambda x: np.sum(x**3)).specialise(X)
    assert np.array_equal(pickle.loads(pickle.dumps(concrete))(X), 3 * X * X)
    with pytest.raises(TypeError, match=r"grad plain can't be pickled; pickle its .specialise"):
        pickle.dumps(sg.grad(plain))


def test_shows_itself() -> None:
    f = sg.function(lambda w, X: X @ w, name="predict")
    assert repr(f) == "Function(predict: w, X; traced at its first call)"
    with pytest.raises(sg.ArgumentError, match="predict has no shapes yet: call it first"):
        f.latex()
    assert f.latex(np.ones(3), np.ones((2, 3))) == "X w"
    f(np.ones(3), np.ones((2, 3)))
    assert repr(f).startswith("Function(predict: w[3], X[2,3] -> [2]; ")
    f(np.ones(2), np.ones((2, 2)))
    assert repr(f).endswith("; traced for 2 kinds of arguments)")


def test_what_is_no_function() -> None:
    for wrong in (3, "f", None, [square]):
        with pytest.raises(sg.ArgumentError):
            sg.grad(wrong)


def test_a_default_is_taken_at_every_call() -> None:
    f = sg.function(lambda x, a=2.0: np.sum(x * a))
    for _ in range(3):
        assert f(np.ones(4)) == 8.0
        np.testing.assert_array_equal(sg.grad(f)(np.ones(4)), np.full(4, 2.0))


def test_in_place_operators_are_seen_by_all_names_of_an_array() -> None:
    def f(x):
        y = x * 1
        z = y
        y += 1
        y[1:] *= x[1:]
        total = s = np.sum(x)
        s += 1  # of a number: a new one
        return z, total

    x = np.arange(1.0, 4.0)
    for got, want in zip(sg.function(f)(x), f(x), strict=True):
        np.testing.assert_array_equal(got, want)

    def g(x):
        x += 1  # of an argument: NumPy would change the caller's array
        return np.sum(x * x)

    with pytest.raises(sg.TraceError, match=r"write to x\.copy"):
        sg.grad(g)(x)
    assert sg.grad(g)(2.0) == 6.0  # a number is nobody else's
    with pytest.raises(sg.TraceError, match="can't become float64"):
        sg.function(lambda n: (2 * n).__itruediv__(2))(np.arange(3))


def test_shapes_that_are_left_out_are_part_of_the_definition() -> None:
    def f(x, shape=(2, 3), steps=2, scales=(1.0, 2)):
        assert type(shape[0]) is int
        assert type(steps) is int
        return scales[0] * np.sum(x.reshape(shape)[:, :steps] ** 2) + scales[1]

    x = np.arange(6.0)
    assert sg.function(f)(x) == sg.function(f)(x) == f(x)
    np.testing.assert_array_equal(sg.grad(f)(x), [0, 2, 0, 6, 8, 0])
