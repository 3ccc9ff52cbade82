"""Every operation on arrays, but for those of `test_einsum` and `test_linalg`, against long double."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symgrad.graph import REGISTER, Op
from symgrad.ops import decompositions, linalg, reduce, slicing, take
from symgrad.ops.dft import dft
from tests.ops import arrays
from tests.ops.arrays import Case

RNG = np.random.default_rng(11)


def real(*shape: int) -> np.ndarray:
    """Numbers that no step of a difference brings together or to zero."""
    n = int(np.prod(shape))
    return (RNG.permutation(n) * 0.31 + 0.2 - 0.155 * n).reshape(shape)


def padded(x: Any, low: Any, high: Any, interior: Any) -> Any:
    """Zeros between by an outer product with (1, 0, ..., 0)."""
    for k, gap in enumerate(interior, -len(interior)):
        n = x.shape[k]
        wide = np.zeros((*x.shape[:k], n + max(0, n - 1) * gap, *(x.shape[k + 1 :] if k < -1 else ())), x.dtype)
        np.moveaxis(wide, k, 0)[:: gap + 1] = np.moveaxis(x, k, 0)
        x = wide
    return np.pad(x, [(0, 0)] * (x.ndim - len(low)) + list(zip(low, high, strict=True)))


def scattered(x: Any, i: Any, axis: int, n: int) -> Any:
    """By comparing every place with every number."""
    there = (i[..., None] == np.arange(n)).astype(x.dtype)
    own, after = "abc"[: i.ndim], "xyz"[: -1 - axis]
    return np.einsum(f"...{own}{after},{own}n->...n{after}", x, there)


def put(x: Any, i: Any, n: int) -> Any:
    return np.einsum("...k,...kn->...n", x, (i[..., None] == np.arange(n)).astype(x.dtype))


def recurrence(a: Any, b: Any) -> Any:
    rows = [b[..., 0]]
    for k in range(1, b.shape[-1]):
        rows.append(a[..., k] * rows[-1] + b[..., k])
    return np.stack(rows, axis=-1)


def fourier(x: Any, sign: int) -> Any:
    n = x.shape[-2]
    angle = sign * 8 * np.arctan(np.longdouble(1)) * (np.arange(n)[:, None] * np.arange(n) % n) / n
    c, s = np.cos(angle), np.sin(angle)
    re, im = x[..., 0], x[..., 1]
    return np.stack([re @ c - im @ s, re @ s + im @ c], axis=-1)


def last(build: Any, truth: Any, *values: np.ndarray) -> Case:
    return Case(build, lambda *v: truth(*v, axis=-1), values)


ROWS = real(2, 4)
PLACES = np.array([[3, 0], [3, 1]])
WITH_ZEROS = np.array([[2.0, 0.0, 0.7, 1.3], [0.0, 0.4, 0.0, -1.2]])

CASES: dict[str, Case] = {
    "slice": Case(
        lambda x: slicing.slice_(x, start=(0, 1), stop=(2, 4), step=(1, 2)), lambda x: x[..., 0:2, 1:4:2], [real(3, 4)]
    ),
    "slice of a batch": Case(
        lambda x: slicing.slice_(x, start=(1,), stop=(4,), step=(3,)), lambda x: x[..., 1:4:3], [real(2, 5)]
    ),
    "pad": Case(
        lambda x: slicing.pad(x, low=(1, 0), high=(0, 2), interior=(2, 1)),
        lambda x: padded(x, (1, 0), (0, 2), (2, 1)),
        [real(2, 3)],
    ),
    "pad of one": Case(
        lambda x: slicing.pad(x, low=(2,), high=(1,), interior=(3,)),
        lambda x: padded(x, (2,), (1,), (3,)),
        [real(2, 1)],
    ),
    "flip": Case(lambda x: slicing.flip(x, axes=(-3, -1)), lambda x: x[::-1, :, ::-1], [real(2, 1, 3)]),
    "concatenate": Case(
        lambda x, y: slicing.concatenate(x, y, x, axis=-2),
        lambda x, y: np.concatenate([x, y, x], axis=-2),
        [real(2, 3), real(1, 3)],
    ),
    "take": Case(lambda x, i: take.take(x, i, axis=-2), lambda x, i: np.take(x, i, axis=-2), [real(4, 2), PLACES]),
    "take one": Case(
        lambda x, i: take.take(x, i, axis=-1), lambda x, i: np.take(x, i, axis=-1), [real(2, 3), np.array(2)]
    ),
    "scatter_add": Case(
        lambda x, i: take.scatter_add(x, i, axis=-1, n=5), lambda x, i: scattered(x, i, -1, 5), [real(2, 2, 2), PLACES]
    ),
    "scatter_add in the middle": Case(
        lambda x, i: take.scatter_add(x, i, axis=-2, n=4), lambda x, i: scattered(x, i, -2, 4), [real(2, 2, 3), PLACES]
    ),
    "scatter_add of one": Case(
        lambda x, i: take.scatter_add(x, i, axis=-1, n=3), lambda x, i: scattered(x, i, -1, 3), [real(2), np.array(1)]
    ),
    "take_along": Case(
        take.take_along, lambda x, i: np.take_along_axis(x, i, axis=-1), [ROWS, np.array([[3, 3, 0], [1, 0, 1]])]
    ),
    "put_along": Case(
        lambda x, i: take.put_along(x, i, n=5),
        lambda x, i: put(x, i, 5),
        [real(2, 3), np.array([[3, 3, 0], [1, 4, 1]])],
    ),
    "amax": last(reduce.amax, np.max, ROWS),
    "amin": last(reduce.amin, np.min, ROWS),
    "prod": last(reduce.prod, np.prod, ROWS),
    "prod with zeros": last(reduce.prod, np.prod, WITH_ZEROS),
    "prod of one": last(reduce.prod, np.prod, real(3, 1)),
    "logsumexp": last(reduce.logsumexp, lambda x, axis: np.log(np.sum(np.exp(x), axis)), ROWS),
    "cumsum": last(reduce.cumsum, np.cumsum, ROWS),
    "cumprod": last(reduce.cumprod, np.cumprod, ROWS),
    "cumprod with zeros": last(reduce.cumprod, np.cumprod, WITH_ZEROS),
    "cumprod of one": last(reduce.cumprod, np.cumprod, real(2, 1)),
    "cummax": last(reduce.cummax, np.maximum.accumulate, ROWS),
    "cummin": last(reduce.cummin, np.minimum.accumulate, ROWS),
    "linear_recurrence": Case(reduce.linear_recurrence, recurrence, [ROWS, real(2, 4)]),
    "linear_recurrence with zeros": Case(reduce.linear_recurrence, recurrence, [WITH_ZEROS, real(2, 4)]),
    "linear_recurrence of itself": Case(
        lambda x: reduce.linear_recurrence(x, x * x), lambda x: recurrence(x, x * x), [real(3)]
    ),
    "dft": Case(lambda x: dft(x, sign=-1), lambda x: fourier(x, -1), [real(2, 3, 2)]),
    "dft back": Case(lambda x: dft(x, sign=1), lambda x: fourier(x, 1), [real(4, 2)]),
}
PLACED: dict[str, Case] = {
    "argmax": last(reduce.argmax, np.argmax, ROWS),
    "argmin": last(reduce.argmin, np.argmin, ROWS),
    "argsort": last(reduce.argsort, lambda x, axis: np.argsort(x, axis, kind="stable"), ROWS),
    "argcummax": Case(
        reduce.argcummax, lambda x: np.array([[np.argmax(r[: k + 1]) for k in range(4)] for r in x]), [ROWS]
    ),
    "argcummin": Case(
        reduce.argcummin, lambda x: np.array([[np.argmin(r[: k + 1]) for k in range(4)] for r in x]), [ROWS]
    ),
    "searchsorted": Case(
        lambda a, v: reduce.searchsorted(a, v, side="left"),
        lambda a, v: np.sum(a < v[..., None], axis=-1),
        [np.array([-1.0, 0.5, 0.5, 2.0]), np.array([[0.5, -3.0], [9.0, 0.6]])],
    ),
    "searchsorted on the right": Case(
        lambda a, v: reduce.searchsorted(a, v, side="right"),
        lambda a, v: np.sum(a <= v[..., None], axis=-1),
        [np.array([-1.0, 0.5, 0.5, 2.0]), np.array(0.5)],
    ),
}
EVERY = CASES | PLACED
OTHERS = {"einsum", "broadcast", "reshape", "element", "stack", "gather", "implicit"} | {
    op.name for module in (linalg, decompositions) for op in vars(module).values() if isinstance(op, Op)
}
"""Of other test files."""


@pytest.mark.parametrize("name", EVERY)
def test_values(name: str) -> None:
    arrays.check_value(EVERY[name])


@pytest.mark.parametrize("name", CASES)
def test_first_derivatives(name: str) -> None:
    arrays.check_first(CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_second_derivatives(name: str) -> None:
    arrays.check_second(CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_float32(name: str) -> None:
    arrays.check_float32(CASES[name])


@pytest.mark.parametrize("name", EVERY)
def test_batches(name: str) -> None:
    arrays.check_batches(EVERY[name])


def test_every_operation_on_arrays_is_tested() -> None:
    tested = {c.graph()[2].op.name for c in EVERY.values()} | OTHERS
    for op in REGISTER.values():
        assert op.name in tested or op.kind not in ("linear", "multilinear", "tangent"), op.name


ONE_EACH = {c.graph()[2].op.name: name for name, c in reversed(CASES.items()) if c.graph()[2].op.rule is not None}


@pytest.mark.parametrize("factor", [-1, 1 + 1e-6])
@pytest.mark.parametrize("name", ONE_EACH)
def test_wrong_rules_are_caught(name: str, factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check fails for a wrong sign and for a relative error of 1e-6 in a rule, also in a declared transpose."""
    op = REGISTER[name]

    def wrong(rule: Any) -> Any:
        def call(*nodes: Any, **attrs: Any) -> Any:
            found = rule(*nodes, **attrs)
            return [None if t is None else t * factor for t in found] if isinstance(found, list) else found * factor

        return call

    mutants = [{"rule": wrong(op.rule)}]
    mutants += [{"transposes": op.transposes | {k: wrong(rule)}} for k, rule in op.transposes.items()]
    for changed in mutants:
        with monkeypatch.context() as patch:
            for field, value in changed.items():
                patch.setattr(op, field, value)
            with pytest.raises(AssertionError):
                arrays.check_first(CASES[ONE_EACH[name]])
    arrays.check_first(CASES[ONE_EACH[name]])
