"""Linear algebra against long double: values, first and second derivatives, batches, empty ones, equal eigenvalues."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symgrad.compile.numpy import Reference
from symgrad.derive import tensors
from symgrad.derive.tangents import tangents
from symgrad.dialects.numpy_linalg import PARTS
from symgrad.errors import FormulaError
from symgrad.graph import REGISTER, Graph, Node, Type
from symgrad.graph.verify import verify
from symgrad.ops import decompositions as dec
from symgrad.ops import linalg
from symgrad.ops.einsum import contract, delta
from symgrad.ops.literal import constant_array
from symgrad.ops.slicing import slice_
from tests.ops import arrays
from tests.ops import long_linalg as long
from tests.ops.arrays import LONG, STEP, WEIGHTS, Case

RNG = np.random.default_rng(8)
N = 3
MANY = RNG.uniform(-0.5, 0.5, size=(2, N, N)) + 2.5 * np.eye(N)
ONE = MANY[0]
POSITIVE = np.einsum("bij,bkj->bik", MANY, MANY) / 3 + RNG.uniform(-0.1, 0.1, size=(2, N, N))
SPREAD = RNG.uniform(-0.3, 0.3, size=(2, N, N)) + np.diag([1.5, 3.5, 6.0])
TALL = RNG.uniform(-0.5, 0.5, size=(4, 2)) + np.diag([2.0, 4.0, 0.0, 0.0])[:, :2]
WIDE = RNG.uniform(-0.5, 0.5, size=(2, 4)) + np.diag([4.0, 2.0, 0.0, 0.0])[:2]
RIGHT = RNG.normal(size=(2, N, 2))


def projectors(v: Node) -> Node:
    lead = tuple(range(len(v.shape) - 2))
    i, j, k = (len(lead) + x for x in range(3))
    return Node(v.graph, contract(v.graph, [(v.id, (*lead, i, k)), (v.id, (*lead, j, k))], (*lead, i, j, k)))


CASES: dict[str, Case] = {
    "inv": Case(linalg.inv, long.inv, [MANY]),
    "solve": Case(linalg.solve, long.solve, [MANY, RIGHT]),
    "solve for vectors": Case(linalg.solve, long.solve, [MANY, RIGHT[..., 0]]),
    "det": Case(linalg.det, long.det, [MANY]),
    "logdet": Case(linalg.logdet, lambda a: np.log(long.det(a)), [MANY]),
    "logabsdet": Case(lambda a: linalg.logabsdet(-a), lambda a: np.log(long.det(a)), [MANY]),
    "det_sign": Case(lambda a: linalg.det_sign(-a), lambda a: -np.sign(long.det(a)), [MANY]),
    "triangular_solve": Case(lambda a, b: dec.triangular_solve(a, b, lower=True), long.solve_lower, [MANY, RIGHT]),
    "triangular_solve, upper": Case(
        lambda a, b: dec.triangular_solve(a, b, lower=False), long.solve_upper, [ONE, RIGHT[0, :, 0]]
    ),
    "cholesky": Case(dec.cholesky, long.cholesky, [POSITIVE]),
    "eigenvalues": Case(lambda a: dec.eigh(a, take=0), long.eigenvalues, [SPREAD]),
    "eigenvectors": Case(lambda a: projectors(dec.eigh(a, take=1)), long.eigenprojectors, [SPREAD[0]]),
    "expm": Case(dec.expm, long.expm, [RNG.normal(size=(2, 2, 2))]),
    "expm_frechet": Case(dec.expm_frechet, long.expm_frechet, [RNG.normal(size=(2, 2)), RNG.normal(size=(2, 2))]),
}
for _name, _a in {"square": SPREAD[0], "tall": TALL, "wide": WIDE}.items():
    CASES[f"pinv, {_name}"] = Case(lambda a: dec.pinv(a, rcond=1e-15), long.pinv, [_a])
    CASES[f"singular values, {_name}"] = Case(lambda a: dec.svd(a, take=1), long.singular_values, [_a])
    CASES[f"svd U, {_name}"] = Case(lambda a: projectors(dec.svd(a, take=0)), long.left_projectors, [_a])
    CASES[f"svd V, {_name}"] = Case(
        lambda a: projectors(linalg.turned(dec.svd(a, take=2))), long.right_projectors, [_a]
    )
    CASES[f"svd U V^T, {_name}"] = Case(
        lambda a: linalg.times(dec.svd(a, take=0), dec.svd(a, take=2)), long.polar, [_a]
    )
    CASES[f"qr Q, {_name}"] = Case(lambda a: dec.qr(a, take=0), long.qr_q, [_a])
    CASES[f"qr R, {_name}"] = Case(lambda a: dec.qr(a, take=1), long.qr_r, [_a])
CASES["qr R of several"] = Case(lambda a: dec.qr(a, take=1), long.qr_r, [np.stack([TALL, TALL[::-1]])])
SMOOTH = [name for name in CASES if name != "det_sign"]


@pytest.mark.parametrize("name", CASES)
def test_values(name: str) -> None:
    arrays.check_value(CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_first_derivatives(name: str) -> None:
    arrays.check_first(CASES[name])


def along(f: Any, values: Any, directions: Any) -> Any:
    """The derivative of f along each direction in turn, by differences of order 6 in long double."""
    if not directions:
        return f(*values)
    d, *rest = directions
    total: Any = LONG(0)
    for n, weight in WEIGHTS:
        for sign in (1, -1):
            moved = [x + sign * n * STEP * LONG(0.25) * y for x, y in zip(values, d, strict=True)]
            total = total + sign * weight * along(f, moved, rest) / (STEP * LONG(0.25))
    return total


@pytest.mark.parametrize("name", SMOOTH)
def test_second_derivatives(name: str) -> None:
    """Along two directions of all arguments: reverse over reverse, and forward over reverse."""
    whole = arrays.scalar(CASES[name])
    values = [x.astype(LONG) for x in whole.values]
    first, second = ([RNG.normal(size=x.shape) for x in values] for _ in range(2))
    want = float(along(whole.truth, values, [first, second]))
    for mode in ("reverse", "forward"):
        g, inputs, y = whole.graph()
        given = [Node(g, g.input(f"d{k}", i.type)) for k, i in enumerate(inputs)]
        gradients = tensors.gradient(g, y.id, [i.id for i in inputs])
        total: Any = 0.0
        if mode == "forward":
            moved = tangents(g, gradients, {i.id: d.id for i, d in zip(inputs, given, strict=True)})
            found = arrays.evaluate(g, [*inputs, *given], [m for m in moved if m is not None], [*whole.values, *first])
            total = sum(float(np.sum(x * d)) for x, d in zip(found, second, strict=True))
        else:
            for gradient, d in zip(gradients, first, strict=True):
                hessian = tensors.jacobian(g, gradient, [i.id for i in inputs], mode, whole=True)
                for h, e in zip(arrays.evaluate(g, inputs, hessian, whole.values), second, strict=True):
                    total += float(np.tensordot(np.tensordot(d, h, d.ndim), e, e.ndim))
        assert abs(total - want) <= 1e-9 * max(1.0, abs(want))


@pytest.mark.parametrize("name", SMOOTH)
def test_float32(name: str) -> None:
    arrays.check_float32(CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_batches(name: str) -> None:
    arrays.check_batches(CASES[name])


EMPTY = {
    "inv": linalg.inv,
    "det": linalg.det,
    "logdet": linalg.logdet,
    "cholesky": dec.cholesky,
    "eigenvalues": lambda a: dec.eigh(a, take=0),
    "eigenvectors": lambda a: dec.eigh(a, take=1),
    "svd": lambda a: dec.svd(a, take=0),
    "svd of V": lambda a: dec.svd(a, take=2),
    "qr": lambda a: dec.qr(a, take=0),
    "qr of R": lambda a: dec.qr(a, take=1),
    "pinv": lambda a: dec.pinv(a, rcond=1e-15),
    "expm": dec.expm,
    "solve": lambda a: linalg.solve(a, a),
    "triangular_solve": lambda a: dec.triangular_solve(a, a, lower=True),
}


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (0, 3, 3), (2, 0, 0), (0, 0, 0)])
@pytest.mark.parametrize("name", EMPTY)
def test_empty_matrices_and_batches(name: str, shape: tuple[int, ...]) -> None:
    """Values, gradients and Hessians have their shapes and are finite."""
    g = Graph()
    a = Node(g, g.input("a", Type("float64", shape)))
    y = EMPTY[name](a)
    labels = tuple(range(len(y.shape)))
    total = Node(g, contract(g, [((y * y).id, labels)], ()))
    (first,) = tensors.gradient(g, total.id, [a.id])
    (second,) = tensors.jacobian(g, first, [a.id], "reverse", whole=True)
    value = np.broadcast_to(2 * np.eye(*shape[-2:]), shape)
    found = arrays.evaluate(g, [a], [y.id, first, second], [value])
    assert [x.shape for x in found] == [y.shape, shape, shape + shape]
    assert all(np.all(np.isfinite(x)) for x in found)


def at(value: np.ndarray, build: Any) -> tuple[np.ndarray, np.ndarray]:
    """A number and its gradient."""
    g = Graph()
    a = Node(g, g.input("a", Type("float64", value.shape)))
    y = build(a)
    (first,) = tensors.gradient(g, y.id, [a.id])
    number, gradient = arrays.evaluate(g, [a], [y.id, first], [value])
    return number, gradient


def weighed(x: Node, w: np.ndarray) -> Node:
    """The sum of the elements times those of `w`."""
    g, labels = x.graph, tuple(range(len(x.shape)))
    return Node(g, contract(g, [(x.id, labels), (constant_array(g, w), labels)], ()))


TURN = np.linalg.qr(RNG.normal(size=(4, 4)))[0]
TWICE = TURN @ np.diag([1.0, 1.0, 2.0, 3.0]) @ TURN.T
WEIGHT = RNG.normal(size=(4, 4))


@pytest.mark.parametrize("exact", [True, False])
def test_sums_of_functions_of_equal_eigenvalues(exact: bool) -> None:
    """tr f(A) = sum f(w) has the gradient f'(A), whatever vectors are found."""
    a = np.diag([1.0, 1.0, 2.0, 3.0]) if exact else (TWICE + TWICE.T) / 2
    _, gradient = at(a, lambda a: weighed(dec.eigh(a, take=0) ** 3, np.ones(4)))
    np.testing.assert_allclose(gradient, 3 * a @ a, rtol=0, atol=1e-12)


@pytest.mark.parametrize("exact", [True, False])
def test_the_span_of_vectors_of_equal_eigenvalues(exact: bool) -> None:
    """P on the first two: tr(W dP) = sum over i in, j out of (W + W^T)_ij dA_ij / (w_i - w_j)."""
    turn = np.eye(4) if exact else TURN
    a = np.diag([1.0, 1.0, 2.0, 3.0]) if exact else (TWICE + TWICE.T) / 2

    def build(a: Node) -> Node:
        v = slice_(dec.eigh(a, take=1), start=(0, 0), stop=(4, 2), step=(1, 1))
        return weighed(linalg.times(v, linalg.turned(v)), WEIGHT)

    _, gradient = at(a, build)
    both = turn.T @ (WEIGHT + WEIGHT.T) @ turn
    inner = np.zeros((4, 4))
    for i in (0, 1):
        for j in (2, 3):
            inner[i, j] = inner[j, i] = both[i, j] / (1.0 - (2.0, 3.0)[j - 2]) / 2
    np.testing.assert_allclose(gradient, turn @ inner @ turn.T, rtol=0, atol=1e-12)


@pytest.mark.parametrize("a", [np.eye(4), 2 * TURN, np.diag([1.0, 1.0, 2.0, 3.0])[:, :3] @ TURN[:3, :3]])
def test_the_orthogonal_factor_at_equal_singular_values(a: np.ndarray) -> None:
    """U V^T is smooth there: against long double, where the rotations find other vectors."""
    w = WEIGHT[:, : a.shape[1]]
    _, gradient = at(a, lambda a: weighed(linalg.times(dec.svd(a, take=0), dec.svd(a, take=2)), w))
    want = arrays.slope(lambda a: np.sum(w * long.polar(a)), [a], 0)
    arrays.close(gradient, want, 1e-11)


def test_singular_matrices() -> None:
    """NaN where there is no inverse, but not in the other matrices of a batch."""
    some = np.stack([np.diag([1.0, 0.0]), np.diag([1.0, 2.0])])
    for name in ("inv", "det", "logabsdet"):
        g = Graph()
        a = Node(g, g.input("a", Type("float64", (2, 2, 2))))
        y = REGISTER[name](a)
        total = Node(g, contract(g, [(y.id, tuple(range(len(y.shape))))], ()))
        (first,) = tensors.gradient(g, total.id, [a.id])
        value, gradient = arrays.evaluate(g, [a], [y.id, first], [some])
        assert np.all(np.isfinite(value[1]))
        assert np.all(np.isnan(gradient[0]))
        assert np.all(np.isfinite(gradient[1]))
        if name == "det":
            np.testing.assert_array_equal(value, [0, 2])
    for name, attrs in (("cholesky", ()), ("triangular_solve", (True,)), ("triangular_solve", (False,))):
        g = Graph()
        a = Node(g, g.input("a", Type("float64", (2, 2, 2))))
        args = (a.id,) if name == "cholesky" else (a.id, a.id)
        (value,) = arrays.evaluate(
            g, [a], [g.build(REGISTER[name], args, attrs)], [some - 2 * some[:1] * (name[0] == "c")]
        )
        assert not np.all(np.isfinite(value[0]))


def test_a_rank_that_stays_the_same() -> None:
    """The pseudo-inverse of a matrix that lacks full rank, along directions that keep its rank."""
    left, right = RNG.normal(size=(4, 2)), RNG.normal(size=(2, 3))
    dl, dr = RNG.normal(size=(4, 2)), RNG.normal(size=(2, 3))
    w = RNG.normal(size=(3, 4))

    def of(t: Any) -> Any:
        """A^+ = R^+ L^+ for factors of full rank."""
        return np.sum(w * (long.pinv(right + t * dr) @ long.pinv(left + t * dl)))

    g = Graph()
    a = Node(g, g.input("a", Type("float64", (4, 3))))
    y = weighed(dec.pinv(a, rcond=1e-12), w)
    (first,) = tensors.gradient(g, y.id, [a.id])
    (got,) = arrays.evaluate(g, [a], [first], [left @ right])
    want = arrays.slope(lambda t: of(t[0]), [np.zeros(1)], 0)[0]
    np.testing.assert_allclose(np.sum(got * (dl @ right + left @ dr)), float(want), rtol=1e-9)


def test_parts_of_a_decomposition_are_worked_out_once() -> None:
    g = Graph()
    a = Node(g, g.input("a", Type("float64", (3, 3))))
    b = Node(g, g.input("b", Type("float64", (3, 3))))
    roots = [dec.svd(x, take=k).id for x in (a, b) for k in range(3)]
    program = Reference(g, [a.id, b.id], roots)
    assert sum(step[1] is PARTS["svd"] for step in program._steps) == 2
    for found, want in zip(program([ONE, ONE.T]), (*np.linalg.svd(ONE), *np.linalg.svd(ONE.T)), strict=True):
        np.testing.assert_array_equal(found, want)


def test_normal_forms() -> None:
    g = Graph()
    a = Node(g, g.input("a", Type("float64", (2, 3, 3))))
    b = Node(g, g.input("b", Type("float64", (3, 2))))
    m = Node(g, g.input("m", Type("float64", (3, 3))))
    identity = Node(g, g.add(delta, (), (3, "float64")))
    assert linalg.inv(linalg.turned(a)).id == linalg.turned(linalg.inv(a)).id
    assert linalg.det(linalg.turned(a)).id == linalg.det(a).id
    assert linalg.inv(linalg.inv(a)).id == a.id
    assert dec.cholesky(identity).id == dec.expm_frechet(identity, identity).args[0].id == identity.id
    assert dec.triangular_solve(identity, b, lower=True).id == b.id
    assert dec.triangular_solve(m, -b, lower=True).id == (-dec.triangular_solve(m, b, lower=True)).id
    assert dec.triangular_solve(m, 3 * b, lower=True).id == (3 * dec.triangular_solve(m, b, lower=True)).id


@pytest.mark.parametrize(
    ("name", "attrs", "shapes", "message"),
    [
        ("cholesky", (), [(2, 3)], r"square matrix is needed, got shape \(2, 3\)"),
        ("eigh", (0,), [(3,)], "square matrix"),
        ("svd", (0,), [(3,)], r"svd of shape \(3,\)"),
        ("qr", (0,), [()], "qr of shape"),
        ("pinv", (0.0,), [(3,)], "pinv of shape"),
        ("expm_frechet", (), [(2, 2), (3, 3)], "two arrays of one type"),
        ("triangular_solve", (True,), [(3, 3), (2,)], r"right side of shape \(2,\)"),
        ("solve", (), [(2, 3, 3), (3, 3)], "right side of shape"),
    ],
)
def test_shapes_that_do_not_fit(name: str, attrs: tuple[Any, ...], shapes: Any, message: str) -> None:
    g = Graph()
    args = tuple(g.input(f"x{k}", Type("float64", s)) for k, s in enumerate(shapes))
    with pytest.raises(TypeError, match=message):
        g.build(REGISTER[name], args, attrs)


def test_attributes_of_a_read_graph_are_checked() -> None:
    g = Graph()
    a = g.input("a", Type("float64", (3, 3)))
    y = g.add(REGISTER["pinv"], (a,), ("1e-15",))
    with pytest.raises(FormulaError, match="rcond"):
        verify(g, [a], [y])
