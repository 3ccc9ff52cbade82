"""What can't be traced is refused at the user's own line, and the message says what to write instead."""

from __future__ import annotations

import linecache
import math
import re
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.optimize
import scipy.special
import scipy.stats

import symgrad as sg

X = np.array([1.0, 2.0, 3.0])
TABLE = np.arange(10.0)
RNG = np.random.default_rng(0)
REFUSALS: list[tuple[Callable[[Any], Any], str]] = []


def refused(wanted: str) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """The function is refused with a message that has this text; the line to be shown ends in `# here`."""

    def enter(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        REFUSALS.append((f, wanted))
        return f

    return enter


@refused("math.sin takes a number, not a traced array: write np.sin")
def math_sin(x: Any) -> Any:
    return math.sin(x[0])  # here


@refused("write np.arctan2")
def math_atan2(x: Any) -> Any:
    return math.atan2(x[0], x[1])  # here


@refused("write scipy.special.gammaln")
def math_lgamma(x: Any) -> Any:
    return math.lgamma(x[0])  # here


@refused("write np.floor")
def math_floor(x: Any) -> Any:
    return math.floor(x[0])  # here


@refused("write np.sum")
def math_fsum(x: Any) -> Any:
    return math.fsum(x)  # here


@refused("math.nextafter takes a number, not a traced array: write np.nextafter")
def math_nextafter(x: Any) -> Any:
    return math.nextafter(x[0], 0.0)  # here


@refused("np.add.at can't be traced: write np.bincount(i, weights=v, minlength=n)")
def add_at(x: Any) -> Any:
    out = np.zeros(3)
    np.add.at(out, [0, 0, 1], x)  # here
    return out


@refused("np.add.reduceat can't be traced: write sums over slices")
def reduceat(x: Any) -> Any:
    return np.add.reduceat(x, [0, 1])  # here


@refused("a NumPy array can't hold a traced value: build the result with np.array, np.concatenate or np.where")
def fill_one(x: Any) -> Any:
    out = np.zeros(3)
    out[0] = x[0]  # here
    return out


@refused("or start from a traced array, as in out = np.zeros_like(x)")
def fill_row(x: Any) -> Any:
    out = np.zeros((3, 3))
    for i in range(3):
        out[i, :] = x * i  # here
    return out


@refused("a NumPy array can't hold a traced value")
def fill_added(x: Any) -> Any:
    out = np.zeros(3)
    out[1] += x[0]  # here
    return out


@refused("np.add into an existing array (out=, or += on a NumPy array): write x = x + y")
def in_place_sum(x: Any) -> Any:
    y = np.ones(3)
    y += x  # here
    return y


@refused("np.sin into an existing array")
def out_of_ufunc(x: Any) -> Any:
    return np.sin(x, out=np.zeros(3))  # here


@refused("np.sum with out=")
def out_of_function(x: Any) -> Any:
    return np.sum(x, out=np.zeros(()))  # here


@refused("np.sum with out=")
def out_by_position(x: Any) -> Any:
    return np.sum(x, 0, None, np.zeros(()))  # here


@refused("np.add with where=: write np.where(condition, np.add(...), otherwise)")
def where_of_ufunc(x: Any) -> Any:
    return np.add(x, 1, where=x > 1)  # here


@refused("writing to an argument would change the caller's array: write to x.copy()")
def write_to_argument(x: Any) -> Any:
    x[0] = 1.0  # here
    return x


@refused("writing to an argument would change the caller's array")
def write_to_argument_by_another_name(x: Any) -> Any:
    y = np.asarray(x)
    y[0] = 1.0  # here
    return y


@refused("writing at an array of traced places: write np.where")
def write_at_traced_places(x: Any) -> Any:
    y = x.copy()
    y[np.argsort(x)] = 0.0  # here
    return y


@refused("if decides on a traced value: write np.where(condition, a, b)")
def branch(x: Any) -> Any:
    if x[0] > 0:  # here
        return x
    return -x


@refused("if decides on a traced value")
def branch_in_a_line(x: Any) -> Any:
    return x if x.sum() > 0 else -x  # here


@refused("while decides on a traced value: write sg.while_loop(condition, body, value)")
def loop(x: Any) -> Any:
    s = x[0]
    while s < 10:  # here
        s = s * 2
    return s


@refused("assert decides on a traced value: leave it out")
def assertion(x: Any) -> Any:
    assert x[0] > 0  # here
    return x


@refused("and decides on a traced value: write & | ~ with parentheses")
def logical_and(x: Any) -> Any:
    return np.where((x > 0) and (x < 2), x, 0)  # here


@refused("or decides on a traced value")
def logical_or(x: Any) -> Any:
    return np.where((x > 0) or (x < 2), x, 0)  # here


@refused("not decides on a traced value")
def logical_not(x: Any) -> Any:
    return np.where(not (x > 0), x, 0)  # here


@refused("write (a < x) & (x < b) for a < x < b")
def chain(x: Any) -> Any:
    return np.where(0 < x < 2, x, 0)  # here


@refused("in decides on a traced value: write np.any(x == value)")
def membership(x: Any) -> Any:
    return 1.0 in x  # here


@refused("min decides on a traced value: write np.minimum(a, b), or np.min(x) of one array")
def smaller(x: Any) -> Any:
    return min(x[0], x[1])  # here


@refused("write np.maximum(a, b)")
def larger(x: Any) -> Any:
    return max(x)  # here


@refused("write np.sort(x)")
def in_order(x: Any) -> Any:
    return sorted(x)  # here


@refused("any decides on a traced value: write np.any(x)")
def any_of(x: Any) -> Any:
    return any(x > 0)  # here


@refused(
    "a Python float of a traced array, whose numbers are not known while the function is traced: leave float() out"
)
def to_float(x: Any) -> Any:
    return float(x[0]) * 2  # here


@refused("a Python int of a traced array")
def to_int(x: Any) -> Any:
    return int(x[0])  # here


@refused("a Python complex of a traced array")
def to_complex(x: Any) -> Any:
    return complex(x[0])  # here


@refused("a Python number of a traced array")
def to_item(x: Any) -> Any:
    return x[0].item()  # here


@refused("a list of a traced array")
def to_list(x: Any) -> Any:
    return x.tolist()  # here


@refused("write x.astype(np.float64)")
def to_numpy_float(x: Any) -> Any:
    return np.float64(x[0])  # here


@refused("a traced value as an index of Python (of a list, range, slice or shape), where its number must be known")
def length_of_loop(x: Any) -> Any:
    return sum(x[0] for _ in range(np.argmax(x)))  # here


@refused("look up with np.take(np.array(values), i)")
def index_of_list(x: Any) -> Any:
    return [1.0, 2.0, 3.0][np.argmax(x)]  # here


@refused("a traced value as a key of a dict or an element of a set")
def key_of_dict(x: Any) -> Any:
    return {0: 1.0}[x[0]]  # here


@refused("expected a sequence of integers or a single integer, got '<traced int64[]>': its number is not known")
def size_of_array(x: Any) -> Any:
    return np.zeros(np.argmax(x))  # here


@refused("a slice with traced bounds")
def bounds(x: Any) -> Any:
    return x[: np.argmax(x)]  # here


@refused("np.sum: axis must be known, and is traced: name the argument in sg.function(f, static=...)")
def traced_axis(x: Any) -> Any:
    return np.sum(x, axis=np.argmax(x))  # here


@refused("np.roll: shift must be known, and is traced")
def traced_shift(x: Any) -> Any:
    return np.roll(x, np.argmax(x))  # here


@refused("x[condition]: how many elements it has is not known while the function is traced; write np.where(")
def mask(x: Any) -> Any:
    return x[x > 0]  # here


@refused("a NumPy array can't be indexed with a traced one: write np.take(TABLE, x.astype(int), axis=0)")
def look_up(x: Any) -> Any:
    return TABLE[x.astype(int)]  # here


@refused("places must be integers")
def look_up_by_floats(x: Any) -> Any:
    return np.take(TABLE, x)  # here


@refused("how many elements it has is not known while the function is traced: write np.where(condition, x, 0)")
def nonzero(x: Any) -> Any:
    return np.nonzero(x)  # here


@refused("the method nonzero of an array can't be traced: how many elements it has is not known")
def nonzero_method(x: Any) -> Any:
    return x.nonzero()  # here


@refused("np.where(condition) alone: how many places it finds is not known")
def where_alone(x: Any) -> Any:
    return np.where(x > 0)  # here


@refused(
    "np.unique can't be traced: how many elements it has is not known while the function is traced: write np.sort(x)"
)
def unique(x: Any) -> Any:
    return np.unique(x)  # here


@refused("np.vectorize takes numbers, not a traced array: call the function on the array itself")
def vectorised(x: Any) -> Any:
    return np.vectorize(lambda v: v * 2)(x)  # here


@refused(
    "np.apply_along_axis can't be traced: write np.stack([f(row) for row in np.moveaxis(x, axis, -1)]), or sg.vmap"
)
def along_axis(x: Any) -> Any:
    return np.apply_along_axis(lambda v: v.sum(), 0, x)  # here


@refused("np.r_ and np.c_ take numbers: write np.concatenate")
def joined(x: Any) -> Any:
    return np.r_[x, 1.0]  # here


@refused("np.sin takes numbers, not a traced array: write np.sin(np.array([...])) for a list of traced values")
def ufunc_of_list(x: Any) -> Any:
    return np.sin([x[0], x[1]])  # here


@refused("scipy.linalg.sqrtm can't be traced: for a symmetric A write w, v = np.linalg.eigh(A)")
def matrix_root(x: Any) -> Any:
    return scipy.linalg.sqrtm(np.outer(x, x))  # here


@refused("scipy.special.owens_t can't be traced: write it with functions that can be (docs/numpy.md)")
def unknown_ufunc(x: Any) -> Any:
    return scipy.special.owens_t(x, x)  # here


@refused("scipy.special.diric can't be traced: see docs/numpy.md")
def unknown_special(x: Any) -> Any:
    return scipy.special.diric(x, 3)  # here


@refused("scipy.stats.norm.pdf takes numbers, not a traced array: it is not among the functions that can be traced")
def statistics(x: Any) -> Any:
    return scipy.stats.norm.pdf(x)  # here


@refused("scipy.integrate.quad takes numbers, not a traced array")
def quadrature(x: Any) -> Any:
    return scipy.integrate.quad(lambda t: t * x[0], 0, 1)[0]  # here


@refused("scipy.optimize.minimize takes numbers, not a traced array")
def minimum(x: Any) -> Any:
    return scipy.optimize.minimize(lambda v: np.sum((v - x) ** 2), np.zeros(3)).x  # here


@refused("dtype complex128: traced arrays are of bool, int64, float32 or float64; write real and imaginary parts")
def complex_product(x: Any) -> Any:
    return x * 1j  # here


@refused("dtype object: traced arrays are of")
def objects(x: Any) -> Any:
    return x * np.array([1, None, 2], dtype=object)  # here


@refused("traced arrays are of bool, int64, float32 or float64")
def text(x: Any) -> Any:
    return x.astype(str)  # here


@refused("the method sort of an array can't be traced: it would change the array; write np.sort(x)")
def sort_in_place(x: Any) -> Any:
    y = x.copy()
    y.sort()  # here
    return y


@refused("the method fill of an array can't be traced: write x = np.full_like(x, v)")
def filled(x: Any) -> Any:
    y = x.copy()
    y.fill(x[0])  # here
    return y


@refused("x.shape = ...: write x = x.reshape(...)")
def new_shape(x: Any) -> Any:
    y = x.copy()
    y.shape = (3, 1)  # here
    return y


@refused("del x[i]: arrays keep their length; write np.delete(x, i)")
def deletion(x: Any) -> Any:
    del x[0]  # here


@refused("np.random.normal: random numbers would be drawn once, while the function is traced")
def chance(x: Any) -> Any:
    return x * np.random.normal(size=3)  # here


@refused("np.random.default_rng(): random numbers would be drawn once")
def new_generator(x: Any) -> Any:
    return x * np.random.default_rng().normal(size=3)  # here


@refused("np.add: shape mismatch")
def wrong_shapes(x: Any) -> Any:
    return x + np.ones(4)  # here


@refused("np.matmul: matmul of shapes (2, 2) and (3,): 2 columns meet 3 rows")
def wrong_product(x: Any) -> Any:
    return np.ones((2, 2)) @ x  # here


@refused("indexing: index 5 is outside an axis of length 3")
def outside(x: Any) -> Any:
    return x[5]  # here


@pytest.mark.parametrize(("f", "wanted"), REFUSALS, ids=[f.__name__ for f, _ in REFUSALS])
def test_refused_at_the_line(f: Callable[[Any], Any], wanted: str) -> None:
    for transform in (sg.function, sg.grad):
        with pytest.raises(sg.TraceError) as e:
            transform(f)(X)
        message, where, shown = str(e.value).split("\n")
        assert wanted in message
        found = re.fullmatch(r"  at (.*):(\d+), in (\w+|<lambda>)", where)
        assert found is not None
        assert found[1] == __file__
        text = linecache.getline(__file__, int(found[2])).strip()
        assert text.endswith("# here")
        assert shown == f"    {text}"


@pytest.mark.parametrize(
    "value", ["text", object(), lambda: 0, np.array(["a"])], ids=["text", "object", "function", "array"]
)
def test_results_that_are_no_numbers(value: Any) -> None:
    def f(x: Any) -> Any:
        return value

    with pytest.raises(sg.TraceError, match=r"f returned .*: return arrays, numbers, or containers of them") as e:
        sg.function(f)(X)
    assert f"{__file__}:{f.__code__.co_firstlineno}, in f" in str(e.value)


def test_complex_results() -> None:
    with pytest.raises(sg.TraceError, match="return its real and imaginary parts"):
        sg.function(lambda x: np.fft.fft(x))(X)
    assert np.allclose(sg.function(lambda x: np.fft.fft(x).imag)(X), np.fft.fft(X).imag)


def test_a_generator_in_reach_may_not_draw() -> None:
    def by_global(x: Any) -> Any:
        return x * RNG.normal(size=3)

    own = np.random.RandomState(0)

    def by_closure(x: Any) -> Any:
        return x * own.normal(size=3)

    with pytest.raises(sg.TraceError, match="RNG draws in by_global: random numbers would be drawn once"):
        sg.function(by_global)(X)
    with pytest.raises(sg.TraceError, match="a generator draws in by_closure"):
        sg.function(by_closure)(X)


def test_chance_is_allowed_where_it_is_none() -> None:
    """A generator with a seed gives the same numbers at every call."""

    def f(x: Any) -> Any:
        return x * np.random.default_rng(1).normal(size=3)

    assert np.array_equal(sg.function(f)(X), f(X))
    assert np.random.normal(size=2).shape == (2,)  # outside, nothing has changed


def test_errors_of_the_function_itself_are_its_own() -> None:
    for kind in (KeyError, ValueError, TypeError, RuntimeError):

        def f(x: Any, kind: type[Exception] = kind) -> Any:
            raise kind("mine")

        with pytest.raises(kind, match="mine") as e:
            sg.function(f, static="kind")(X)
        assert not isinstance(e.value, sg.SymgradError)


def test_a_line_in_a_called_function_is_named() -> None:
    def inner(y: Any) -> Any:
        return math.exp(y)

    with pytest.raises(sg.TraceError, match=r"in inner\n    return math.exp\(y\)"):
        sg.function(lambda x: inner(x[0]) + 1)(X)


def test_traced_values_kept_from_another_call() -> None:
    kept: list[Any] = []

    def keep(x: Any) -> Any:
        kept.append(x)
        return x

    sg.function(keep)(X)
    with pytest.raises(sg.TraceError, match="a traced array of another function"):
        sg.function(lambda x: x + kept[0])(X)


def test_names_are_restored_after_an_error() -> None:
    before = (np.array, np.sum, np.random.normal, scipy.linalg.solve, dict(vars(np)))
    with pytest.raises(sg.TraceError):
        sg.function(branch)(X)
    assert (np.array, np.sum, np.random.normal, scipy.linalg.solve, dict(vars(np))) == before


def test_what_a_function_writes_to_its_globals_stays() -> None:
    f = FunctionType(write_to_global.__code__, {"np": np, "total": np.sum}, argdefs=())
    assert np.array_equal(sg.function(f)(X), X * 3.0)
    assert f.__globals__["total"] == 3.0


def write_to_global(x: Any) -> Any:
    global total
    total = 3.0
    return x * total


def test_lists_tuples_and_loops_over_arrays() -> None:
    def f(x: Any) -> Any:
        a, b, c = x
        return np.array([v * 2 for v in list(x)]) + a * b + c + sum(x) + len(x) + sum(k * v for k, v in enumerate(x))

    assert np.allclose(sg.function(f)(X), f(X))


def test_formats_and_rounding() -> None:
    def f(x: Any) -> Any:
        _ = f"{x[0]:.3f} {x}"
        return round(x[0] * 1.234, 1) + divmod(x[1], 2)[1]

    assert sg.function(f)(X) == pytest.approx(f(X))


@pytest.mark.parametrize(("i", "j"), [(0, 5), (3, 0), (-4, 0), (0, -5)])
def test_places_outside_one_of_several_axes(i: int, j: int) -> None:
    A = np.arange(12.0).reshape(3, 4)
    f = sg.function(lambda x, i, j: x[i, j])
    assert f(A, np.array(-1), np.array(-2)) == A[-1, -2]
    with pytest.raises(sg.ArgumentError, match="outside"):
        f(A, np.array(i), np.array(j))
