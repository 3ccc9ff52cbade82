"""Parameters that are vectors: a data column picks the element of a row; the Jacobian is sparse."""

import numpy as np
import pytest
import scipy.sparse
import sympy as sp

import symgrad as sg
from symgrad.train import rows as rows_module
from symgrad.train.model import Model

x, y, k, c = sp.symbols("x y k c")
g, h = sp.symbols("g h", integer=True)
a, q = sp.IndexedBase("a"), sp.IndexedBase("q")
RNG = np.random.default_rng(5)
GROUPS = np.repeat(np.arange(3), 12)
XS = np.tile(np.linspace(0, 4, 12), 3)
YS = np.array([3.0, 5.0, 1.0])[GROUPS] * np.exp(-0.6 * XS) + 0.3 + 0.02 * RNG.standard_normal(36)
DATA = {"x": XS, "y": YS, "g": GROUPS}
MODEL = sp.Eq(y, a[g] * sp.exp(-k * x) + c)
START = {"a": [1.0, 1.0, 1.0], "k": 1.0, "c": 0.0}


def one_hot():
    """The same model with three scalars and three columns of zeros and ones."""
    p, z = sp.symbols("p0:3"), sp.symbols("z0:3")
    formula = sum(u * v for u, v in zip(p, z, strict=True)) * sp.exp(-k * x) + c
    columns = {str(v): (i == GROUPS).astype(float) for i, v in enumerate(z)}
    start = {str(u): 1.0 for u in p} | {"k": 1.0, "c": 0.0}
    return sg.fit(sp.Eq(y, formula), {"x": XS, "y": YS} | columns, start)


def test_agrees_with_scalars_and_columns_of_zeros_and_ones():
    result, other = sg.fit(MODEL, DATA, START), one_hot()
    assert result.success
    assert list(result.params) == ["a[0]", "a[1]", "a[2]", "k", "c"]
    assert list(result.params.values()) == pytest.approx(list(other.params.values()), rel=1e-10)
    np.testing.assert_allclose(result.covariance, other.covariance, rtol=1e-8)
    assert str(result.function.sympy() - c) == "a[g]*exp(-k*x)"


def test_sparse_and_dense_agree(monkeypatch):
    dense = sg.fit(MODEL, DATA, START)
    monkeypatch.setattr(rows_module, "DENSE", 0)
    model = Model(MODEL, DATA, START)
    j = model.rows.jacobian(model.start)
    assert scipy.sparse.issparse(j)
    assert j.nnz <= 3 * 36
    sparse = sg.fit(MODEL, DATA, START)
    assert sparse.success
    assert sparse.solver in ("trf", "newton", "dogbox")
    assert sparse.params == pytest.approx(dense.params, rel=1e-9)
    np.testing.assert_allclose(sparse.covariance, dense.covariance, rtol=1e-7)


def test_derivatives_against_differences():
    """Two picks from one vector in a row, which may be the same element; and a fixed one. Of the sum of cubes."""
    model = Model(
        sp.Eq(y, sp.sin(a[g] * a[h]) * q[0] + a[2 - g] ** 2 * x),
        DATA | {"h": (GROUPS + np.arange(36)) % 3},
        {"a": [0.5, 0.8, 1.1], "q": [2.0]},
    )
    rows, at = model.rows, model.start
    step = 1e-5
    j = rows.jacobian(at)
    hessian = j.T @ (j * (6 * rows.values(at))[:, None]) + rows.curvature(at, 3 * rows.values(at) ** 2)
    for i in range(4):
        e = step * np.eye(4)[i]
        np.testing.assert_allclose((rows.values(at + e) - rows.values(at - e)) / (2 * step), j[:, i], atol=1e-8)
        slopes = [3 * (rows.values(p) ** 2) @ rows.jacobian(p) for p in (at + e, at - e)]
        np.testing.assert_allclose((slopes[0] - slopes[1]) / (2 * step), hessian[:, i], rtol=1e-6, atol=1e-6)


def test_many_groups(monkeypatch):
    monkeypatch.setattr(rows_module, "DENSE", 100_000)
    m, n = 100, 20
    groups = np.repeat(np.arange(m), n)
    xs = np.tile(np.linspace(0, 4, n), m)
    true = 1 + RNG.random(m)
    ys = true[groups] * np.exp(-0.6 * xs) + 1e-3 * RNG.standard_normal(m * n)
    result = sg.fit(sp.Eq(y, a[g] * sp.exp(-k * x)), {"x": xs, "y": ys, "g": groups}, {"a": np.ones(m), "k": 1.0})
    assert result.success
    np.testing.assert_allclose([result[f"a[{i}]"] for i in range(m)], true, atol=5e-3)
    # given k, every amplitude is a closed form
    decay = np.exp(-result["k"] * xs).reshape(m, n)
    closed = np.sum(decay * ys.reshape(m, n), axis=1) / np.sum(decay**2, axis=1)
    np.testing.assert_allclose([result[f"a[{i}]"] for i in range(m)], closed, rtol=1e-9)
    assert len(str(result).splitlines()) < 60


def test_a_likelihood_with_groups():
    counts = RNG.poisson(np.array([2.0, 5.0, 9.0])[GROUPS])
    rate = a[g]
    result = sg.fit(rate - sp.Symbol("n") * sp.log(rate), {"n": counts, "g": GROUPS}, {"a": [1.0, 1.0, 1.0]})
    means = [counts[i == GROUPS].mean() for i in range(3)]
    assert list(result.params.values()) == pytest.approx(means)
    assert list(result.stderr.values()) == pytest.approx(np.sqrt(np.array(means) / 12))


def test_an_element_without_rows_is_named():
    result = sg.fit(MODEL, DATA, {"a": [1.0] * 4, "k": 1.0, "c": 0.0})
    assert not result.success
    assert "do not determine a[3]" in result.message


def test_predicts_with_its_column():
    result = sg.fit(MODEL, DATA, START)
    expected = result["a[2]"] * np.exp(-result["k"] * 7) + result["c"]
    assert result.predict({"x": 7.0, "g": [2]}) == pytest.approx([expected])
    with pytest.raises(sg.ArgumentError, match="missing: g"):
        result.predict({"x": [7.0]})


@pytest.mark.parametrize("index", [3, -1, 0.5])
def test_an_index_out_of_range_is_named(index):
    groups = GROUPS.astype(float)
    groups[4] = index
    with pytest.raises(sg.ArgumentError, match=r"a\[g\]: the index is .* in row 4 .* from 0 to 2"):
        sg.fit(MODEL, DATA | {"g": groups}, START)


def test_what_is_no_vector_parameter():
    i = sp.Symbol("i", integer=True)
    data = sp.IndexedBase("x")
    with pytest.raises(sg.UnsupportedError, match="write the formula of one row"):
        sg.fit(sp.Eq(y, c * data[i]), {"x": XS, "y": YS}, {"c": 1.0})
    with pytest.raises(sg.UnsupportedError, match="write the formula of one row"):
        sg.fit(sp.Eq(y, sp.Sum(a[i] * x**i, (i, 0, 2))), DATA, {"a": [1.0, 1.0, 1.0]})
    with pytest.raises(sg.ArgumentError, match="start gives 'c' as a vector"):
        sg.fit(MODEL, DATA, START | {"c": [0.0]})
    with pytest.raises(sg.ArgumentError, match="'g' is neither a data column"):
        sg.fit(MODEL, {"x": XS, "y": YS}, START)
