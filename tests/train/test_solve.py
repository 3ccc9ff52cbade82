"""The roads and their judge: what is a minimum, what only looks like one, and the last digits."""

import mpmath
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.train import symmetry
from symgrad.train.linear import Information, curvature_information, definite
from symgrad.train.model import Model
from symgrad.train.newton import End, finish
from symgrad.train.objective import Squares, objective_of
from symgrad.train.refine import refine
from symgrad.train.solve import Solver

x, y = sp.symbols("x y")
b = sp.symbols("b1:7")
XS = np.array([1.0, 2.0, 3.0, 5.0, 8.0, 12.0])
SATURATION = sp.Eq(y, b[0] * (1 - sp.exp(-b[1] * x)))


def model_of(equation, ys, start, xs=XS):
    return Model(equation, {"x": xs, "y": ys}, start)


@pytest.fixture
def saturation():
    return model_of(SATURATION, [70, 110, 150, 170, 210, 200], {"b1": 1.0, "b2": 1.0})


def test_a_plateau_is_no_minimum(saturation):
    objective = Squares(saturation.rows)
    far = np.array([saturation.table["y"].mean(), 30.0])
    assert np.linalg.norm(objective.gradient(far)) < 1e-8  # a solver that looks at gradients stops here
    end = End("none", far.copy(), objective.value(far))
    finish(objective, end, far)
    assert not end.minimum
    assert end.why


def test_a_minimum_is_one(saturation):
    objective = Squares(saturation.rows)
    near = Solver(objective, saturation.start).walk("projected lm", saturation.start).at * (1 + 1e-4)
    end = End("none", near, objective.value(near))
    finish(objective, end, saturation.start)
    assert end.minimum
    np.testing.assert_allclose(objective.gradient(end.at), 0.0, atol=1e-7)


def test_a_saddle_is_no_minimum():
    xs = np.linspace(-1, 1, 9)
    saddle = model_of(sp.Eq(y, b[0] ** 2 * x), xs, {"b1": 0.0}, xs)
    end = End("none", np.zeros(1), objective_of(saddle).value(np.zeros(1)))
    finish(objective_of(saddle), end, np.zeros(1))
    assert not end.minimum


@pytest.mark.parametrize("start", [(1.0, 1.0), (100.0, 0.75), (1.0, 5.0), (1.0, 20.0), (500.0, 1e-4), (-50.0, 0.01)])
def test_no_start_strands_on_the_plateau(saturation, start):
    result = sg.fit(SATURATION, saturation.table.columns, dict(zip(("b1", "b2"), start, strict=True)))
    assert result.success
    best = sg.fit(SATURATION, saturation.table.columns, {"b1": 210.0, "b2": 0.4})
    assert result.rss == pytest.approx(best.rss, rel=1e-12)


@pytest.mark.parametrize(
    ("formula", "linear"),
    [
        (b[0] * (1 - sp.exp(-b[1] * x)), "b1"),
        (b[0] * sp.exp(-b[1] * x) + b[2] * sp.exp(-b[3] * x), "b1 b3"),
        ((b[0] + b[1] * x) / (1 + b[2] * x), "b1 b2"),
        (b[0] * b[1] * x + b[2], "b1 b3"),
        (b[0] + b[1] * x, "b1 b2"),
        (sp.exp(b[0] * x) + sp.cos(b[1] * x), ""),
        (sp.Abs(b[0]) * x + b[1], "b2"),
        (sp.Piecewise((b[0] * x, b[1] > 0), (b[1], True)), "b1"),
        (sp.Piecewise((b[0] * x, b[0] > 0), (0, True)) + b[1], "b2"),
    ],
)
def test_linear_parameters_are_read_from_the_graph(formula, linear):
    params = sorted(s.name for s in formula.free_symbols - {x})
    model = model_of(sp.Eq(y, formula), np.ones(6), dict.fromkeys(params, 1.0))
    assert " ".join(params[k] for k in model.rows.linear()) == linear


def test_the_projected_jacobian_is_the_derivative_of_the_projected_residual(monkeypatch):
    from symgrad.train import roads

    equation = sp.Eq(y, b[0] * sp.exp(-b[1] * x) + b[2] * sp.exp(-b[3] * x))
    ys = 3 * np.exp(-0.2 * XS) + np.exp(-1.5 * XS) + 0.05 * np.cos(9 * XS)
    model = model_of(equation, ys, {"b1": 1.0, "b2": 0.1, "b3": 1.0, "b4": 1.0})
    seen = {}

    def spy(values, jacobian, start, method, limit):
        seen.update(values=values, jacobian=jacobian)
        return start

    monkeypatch.setattr(roads, "least_squares", spy)
    roads.projected(model.rows, (0, 2), model.start, "lm", 100)
    at, h = np.array([0.13, 1.2]), 1e-5
    for k in range(2):
        e = h * np.eye(2)[k]
        numeric = (seen["values"](at + e) - seen["values"](at - e)) / (2 * h)
        np.testing.assert_allclose(seen["jacobian"](at)[:, k], numeric, atol=1e-8)


def test_information_is_the_inverse_and_names_what_is_loose():
    rng = np.random.default_rng(0)
    j = rng.standard_normal((30, 4)) * [1e-8, 1.0, 1e5, 1e12]
    length = np.linalg.norm(j, axis=0)
    expected = np.linalg.inv((j / length).T @ (j / length)) / np.outer(length, length)
    np.testing.assert_allclose(Information(j).inverse, expected, rtol=1e-10)
    np.testing.assert_allclose(curvature_information(j.T @ j).inverse, expected, rtol=1e-8)
    r = rng.standard_normal(30)
    both = Information(j, r)
    np.testing.assert_allclose(both.basis @ both.moment, np.linalg.lstsq(j / length, r)[0] / length, rtol=1e-10)
    basis = definite(j.T @ j)
    np.testing.assert_allclose(basis @ basis.T, expected, rtol=1e-8)
    j[:, 3] = 2 * j[:, 1]
    assert Information(j).undetermined == (1, 3)
    assert curvature_information(j.T @ j).undetermined == (1, 3)
    assert definite(-np.eye(2)) is None


LANCZOS = b[0] * sp.exp(-b[1] * x) + b[2] * sp.exp(-b[3] * x) + b[4] * sp.exp(-b[5] * x)
TRUE = (0.0951, 1.0, 0.8607, 3.0, 1.5576, 5.0)


def test_digits_that_float64_does_not_have():
    """Three exponentials rounded to 13 digits: residuals of 1e-14, so float64 has two digits of them at best."""
    xs = [f"{k / 20:.2f}" for k in range(24)]
    with mpmath.workdps(60):
        p = [mpmath.mpf(str(v)) for v in TRUE]

        def curve(q, t):
            return sum(q[i] * mpmath.exp(-q[i + 1] * mpmath.mpf(t)) for i in (0, 2, 4))

        ys = [mpmath.nstr(curve(p, t), 13) for t in xs]
        # Gauss-Newton at 60 digits, by hand
        for _ in range(6):
            r = mpmath.matrix([mpmath.mpf(v) - curve(p, t) for v, t in zip(ys, xs, strict=True)])
            j = mpmath.matrix(24, 6)
            for row, t in enumerate(xs):
                for i in (0, 2, 4):
                    e = mpmath.exp(-p[i + 1] * mpmath.mpf(t))
                    j[row, i], j[row, i + 1] = e, -p[i] * mpmath.mpf(t) * e
            step = mpmath.lu_solve(j.T * j, j.T * r)
            p = [v + s for v, s in zip(p, step, strict=True)]
        rss = sum(v**2 for v in r)
        inverse = (j.T * j) ** -1
        errors = [float(mpmath.sqrt(inverse[k, k] * rss / 18)) for k in range(6)]
    data = {"x": [float(t) for t in xs], "y": [float(v) for v in ys]}
    start = dict(zip([s.name for s in b], (1.2, 0.3, 5.6, 5.5, 6.5, 7.6), strict=True))
    result = sg.fit(sp.Eq(y, LANCZOS), data, start)
    assert result.success
    assert "50 digits" in result.message
    assert list(result.params.values()) == pytest.approx([float(v) for v in p], rel=1e-14)
    assert list(result.stderr.values()) == pytest.approx(errors, rel=1e-13, abs=0)
    assert result.rss == pytest.approx(float(rss), rel=1e-13, abs=0)
    rough = sg.fit(sp.Eq(y, LANCZOS), data, start, refine=False)
    assert list(rough.stderr.values()) != pytest.approx(errors, rel=1e-6, abs=0)


def test_refining_is_left_out_where_it_changes_nothing(saturation):
    best = Solver(Squares(saturation.rows), saturation.start).solve()[0]
    assert refine(saturation.rows, best.at) is None
    always = refine(saturation.rows, best.at, always=True)
    assert always is not None
    np.testing.assert_allclose(always.at, best.at, rtol=1e-12)
    np.testing.assert_allclose(always.residuals, saturation.rows.values(best.at), atol=1e-11)
    np.testing.assert_allclose(always.inverse, Squares(saturation.rows).information(best.at).inverse, rtol=1e-10)


def test_what_mpmath_can_not_evaluate_is_left_in_float64():
    ys = [2.0, 1.0, 0.5, 0.3, 0.2, 0.1]
    model = sp.Eq(y, b[0] / x + b[1] * sp.Sum(sp.Symbol("i") * 0.1, (sp.Symbol("i"), 1, 3)))
    result = sg.fit(model, {"x": XS, "y": ys}, {"b1": 1.0, "b2": 0.0}, refine=True)
    assert result.success
    assert "not refined" in result.message or "50 digits" in result.message


TWO_PEAKS = b[0] * sp.exp(-((x - b[1]) ** 2) / b[4] ** 2) + b[2] * sp.exp(-((x - b[3]) ** 2) / b[5] ** 2)


@pytest.mark.parametrize(
    ("formula", "classes"),
    [
        (LANCZOS, [[0, 2, 4], [1, 3, 5]]),
        (TWO_PEAKS, [[0, 2], [1, 3], [4, 5]]),
        (b[0] + b[1] * sp.exp(-b[3] * x) + b[2] * sp.exp(-b[4] * x), [[1, 2], [3, 4]]),
        (b[0] * sp.exp(-b[1] * x) + 2 * b[2] * sp.exp(-b[3] * x), []),
        (b[0] * sp.exp(-b[1] * x) + b[2] * sp.exp(-b[3] * x**2), []),
        (b[0] * (1 - sp.exp(-b[1] * x)), []),
        (sp.log(b[0] + b[1] * x) + sp.sqrt(b[2] + x), []),
    ],
)
def test_terms_that_can_change_places(formula, classes):
    params = sorted(s.name for s in formula.free_symbols - {x})
    model = model_of(sp.Eq(y, formula), np.ones(6), dict.fromkeys(params, 1.0))
    assert symmetry.terms(model.rows) == classes


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2), (2, 1, 0)])
def test_terms_come_back_in_the_order_they_started_in(order):
    xs = np.linspace(0, 3, 40)
    rates, sizes = np.array([0.5, 3.0, 12.0]), np.array([2.0, 3.0, 5.0])
    ys = sum(s * np.exp(-r * xs) for s, r in zip(sizes, rates, strict=True))
    order = list(order)
    start = np.column_stack([sizes[order], np.array([0.4, 2.0, 20.0])[order]]).ravel()
    result = sg.fit(sp.Eq(y, LANCZOS), {"x": xs, "y": ys}, dict(zip([s.name for s in b], start, strict=True)))
    assert [result[f"b{k}"] for k in (2, 4, 6)] == pytest.approx(rates[order])
    assert [result[f"b{k}"] for k in (1, 3, 5)] == pytest.approx(sizes[order])


def test_badly_conditioned_polynomials_have_all_their_digits():
    """Degree 10 on [-9, -3], as in NIST's Filip: the Jacobian's condition is 1e10 even with columns of length one."""
    xs, p = np.round(np.linspace(-8.8, -3.1, 82), 3), sp.symbols("p0:11")
    ys = np.round(0.8 + 0.1 * np.sin(xs) + 0.003 * np.cos(40 * xs), 4)
    with mpmath.workdps(80):
        f = mpmath.matrix([[mpmath.mpf(repr(float(v))) ** k for k in range(11)] for v in xs])
        target = mpmath.matrix([mpmath.mpf(repr(float(v))) for v in ys])
        square = f.T * f
        exact = mpmath.lu_solve(square, f.T * target)
        residuals = target - f * exact
        rss = sum(v**2 for v in residuals)
        inverse = square**-1
        errors = [float(mpmath.sqrt(inverse[k, k] * rss / 71)) for k in range(11)]
    model = sp.Eq(y, sum(c * x**k for k, c in enumerate(p)))
    result = sg.fit(model, {"x": xs, "y": ys}, {s.name: 0.0 for s in p})
    assert result.success
    assert list(result.params.values()) == pytest.approx([float(v) for v in exact], rel=1e-13)
    assert list(result.stderr.values()) == pytest.approx(errors, rel=1e-13)
