"""sg.root, sg.minimize, sg.fixed_point: their derivatives of first and second order against finite differences."""

import pickle

import numpy as np
import pytest
from scipy import optimize

import symgrad as sg

A = np.array([[3.0, 0.5, 0.2], [0.1, 2.0, -0.3], [0.4, 0.2, 4.0]])
X = np.random.default_rng(0).normal(size=(30, 3))
Y = X @ [1.0, -2.0, 0.5] + 0.1 * np.random.default_rng(1).normal(size=30)


def by_root(p):
    return sg.root(lambda x: A @ x + 0.3 * np.sin(x) * p[0] - p, np.zeros(3))


def by_minimize(p):
    return sg.minimize(lambda w: np.sum(np.logaddexp(0, -Y * (X @ w))) + np.sum(np.exp(p) * w**2), np.zeros(3))


def by_fixed_point(p):
    return sg.fixed_point(lambda x: np.cos(A @ x / 8) * p, np.full(3, 0.5))


def of_pytrees(p):
    """Two unknowns of different shapes; p enters by the function's own arguments."""

    def equations(x, p):
        return {"a": x["a"] ** 3 + x["a"] - p[0] - np.sum(x["b"]), "b": x["b"] * (2 + x["a"] ** 2) - p[1:]}

    x = sg.root(equations, {"a": 0.5, "b": np.zeros(2)}, p)
    return np.concatenate([x["b"], x["a"][None]])


def nested(p):
    """A minimum of what has a root in it."""

    def objective(x):
        inner = sg.root(lambda y: y**3 + y - x[0] * p[0], 0.3)
        return (inner - p[1]) ** 2 + np.sum((x - p) ** 2)

    return sg.minimize(objective, np.array([0.5, 0.2, 0.1]))


CASES = [by_root, by_minimize, by_fixed_point, of_pytrees, nested]
P = np.array([0.7, 0.4, -0.2])


def differences(f, p, h=1e-4):
    """Central differences of fourth order, the variable's axis last."""

    def along(k):
        e = np.eye(len(p))[k] * h
        return (8 * (f(p + e) - f(p - e)) - (f(p + 2 * e) - f(p - 2 * e))) / (12 * h)

    return np.stack([along(k) for k in range(len(p))], axis=-1)


@pytest.mark.parametrize("f", CASES, ids=lambda f: f.__name__)
def test_first_derivatives(f):
    value = sg.function(f)
    wanted = differences(value, P)
    np.testing.assert_allclose(sg.jacobian(f)(P), wanted, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(sg.jacobian(f, mode="forward")(P), wanted, rtol=1e-7, atol=1e-9)
    _, t = sg.jvp(f)(P, np.array([1.0, 2.0, -1.0]))
    np.testing.assert_allclose(t, wanted @ [1.0, 2.0, -1.0], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("f", CASES, ids=lambda f: f.__name__)
def test_second_derivatives(f):
    first = sg.jacobian(f)
    wanted = differences(first, P)
    np.testing.assert_allclose(sg.jacobian(first)(P), wanted, rtol=1e-6, atol=1e-8)
    scalar = sg.function(lambda p: np.sum(f(p) ** 3))
    np.testing.assert_allclose(sg.hessian(scalar)(P), differences(sg.grad(scalar), P), rtol=1e-6, atol=1e-8)


def test_solutions_are_scipys():
    np.testing.assert_allclose(
        sg.function(by_root)(P), optimize.root(lambda x: A @ x + 0.3 * np.sin(x) * P[0] - P, np.zeros(3)).x, rtol=1e-8
    )
    w = sg.function(by_minimize)(P)
    gradient = -X.T @ (Y / (1 + np.exp(Y * (X @ w)))) + 2 * np.exp(P) * w
    np.testing.assert_allclose(gradient, 0, atol=1e-12)
    x = sg.function(by_fixed_point)(P)
    np.testing.assert_allclose(np.cos(A @ x / 8) * P, x, rtol=1e-14)


def test_numbers_are_solved_at_once():
    assert float(sg.root(lambda x, a: x**2 - a, 1.0, 2.0)) == pytest.approx(np.sqrt(2))
    assert float(sg.root(lambda x: x**2 - 4, 1)) == pytest.approx(2)
    least = sg.minimize(lambda x: np.sum((x - np.arange(3.0)) ** 2), np.zeros(3))
    assert isinstance(least, np.ndarray)
    np.testing.assert_allclose(least, [0, 1, 2], atol=1e-14)
    assert float(sg.fixed_point(np.cos, 1.0)) == pytest.approx(0.7390851332151607)


def test_third_derivative_of_a_square_root():
    cube = sg.grad(sg.grad(sg.grad(lambda a: sg.root(lambda x: x**2 - a, 1.0))))
    assert cube(3.0) == pytest.approx(3 / 8 * 3.0**-2.5)


def test_the_start_has_no_derivative_and_a_constant_none():
    assert sg.grad(lambda s: sg.root(lambda x: x**3 - 8, s))(1.0) == 0
    np.testing.assert_array_equal(sg.grad(lambda p: np.sum(p) + sg.root(lambda x: x**3 - 8, 1.0))(P), np.ones(3))


def test_points_are_solved_one_by_one_under_vmap():
    points = np.random.default_rng(2).uniform(-0.5, 0.5, size=(4, 3))
    for f in (by_root, by_minimize, by_fixed_point, of_pytrees):
        value, slope = sg.function(f), sg.jacobian(f)
        np.testing.assert_allclose(sg.vmap(f)(points), [value(p) for p in points], rtol=1e-12)
        np.testing.assert_allclose(sg.vmap(slope)(points), [slope(p) for p in points], rtol=1e-9)
        np.testing.assert_allclose(sg.jacobian(lambda q, f=f: np.sum(sg.vmap(f)(q), 0))(points), np.stack(
            [slope(p) for p in points], axis=1), rtol=1e-9)  # fmt: skip


def test_compiled_functions_have_the_same_values():
    f = sg.jacobian(by_minimize).specialise(P)
    before = f(P)
    np.testing.assert_allclose(f.compile()(P), before, rtol=1e-12)
    again = pickle.loads(pickle.dumps(f))
    np.testing.assert_allclose(again(P), before, rtol=1e-12)


def test_float32():
    found = sg.function(by_root)(P.astype("float32"))
    start = np.zeros(3, "float32")
    single = sg.function(lambda p: sg.root(lambda x: x**3 + x - p, start))
    slope = sg.jacobian(lambda p: sg.root(lambda x: x**3 + x - p, start))
    p = P.astype("float32")
    assert found.dtype == "float64"  # the start is
    assert single(p).dtype == slope(p).dtype == "float32"
    np.testing.assert_allclose(single(p) ** 3 + single(p), p, rtol=1e-6)
    np.testing.assert_allclose(np.diag(slope(p)), 1 / (3 * single(p) ** 2 + 1), rtol=1e-5)


@pytest.mark.parametrize(
    ("solve", "told"),
    [
        (lambda p: sg.root(lambda x: x**2 + p, 1.0), "no solution: the equation is off by|singular"),
        (lambda p: sg.root(lambda x: (x - p) ** 2, 3.0), "singular|is no solution"),
        (lambda p: sg.root(lambda x: np.log(x - p), 0.0), "not finite at x0"),
        (lambda p: sg.minimize(lambda x: -(x**2) + p * x, 0.3), "no minimum|is no solution|singular"),
        (lambda p: sg.minimize(lambda x: p * x, 0.0), "singular"),
        (lambda p: sg.minimize(lambda x: (x**2 - p) ** 2, 0.0), "no minimum"),
        (lambda p: sg.fixed_point(lambda x: x + p, 0.0), "singular"),
    ],
)
def test_what_is_not_found_is_told(solve, told):
    with pytest.raises(sg.ConvergenceError, match=rf"(?s)sg\.(root|minimize|fixed_point).*({told})"):
        sg.function(solve)(1.0)


def test_wrong_functions_are_told():
    with pytest.raises(sg.ArgumentError, match=r"leaves of shapes \[\(3,\)\].* \[\(\)\]"):
        sg.root(lambda x: np.sum(x), np.ones(3))
    with pytest.raises(sg.ArgumentError, match="one number"):
        sg.minimize(lambda x: x, np.ones(3))
    with pytest.raises(sg.ArgumentError, match="takes a function"):
        sg.root(3.0, 1.0)
    with pytest.raises(sg.ArgumentError, match="no number in x0"):
        sg.root(lambda x: x, ())


@pytest.mark.parametrize("f", CASES, ids=lambda f: f.__name__)
def test_in_jax(f):
    """JAX's own derivatives of a solution, of first and second order, forward and reverse, under jit and vmap."""
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        ours = sg.function(f)
        theirs = ours.specialise(P).jax()
        np.testing.assert_allclose(jax.jit(theirs)(P), ours(P), rtol=1e-10)
        slope = sg.jacobian(f)
        for transform in (jax.jacfwd, jax.jacrev):
            np.testing.assert_allclose(transform(theirs)(P), slope(P), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(
            jax.jit(jax.jacfwd(jax.jacrev(theirs)))(P), sg.jacobian(slope)(P), rtol=1e-8, atol=1e-11
        )
        points = np.array([P, P / 2, -P / 3])
        np.testing.assert_allclose(jax.vmap(theirs)(points), [ours(p) for p in points], rtol=1e-10)


def test_formulas_name_the_solver_and_what_it_depends_on():
    f = sg.function(
        lambda lam, X, y: np.sum(sg.minimize(lambda w: np.sum((X @ w - y) ** 2) + lam * w @ w, np.zeros(3)))
    )
    assert r"\operatorname{minimize}\left(X, y, \mathrm{lam}" in f.latex(0.1, X, Y)
    assert r"\left(2 X^{T} X + 2 \mathrm{lam} I\right)^{-" in sg.grad(f).latex(0.1, X, Y)
