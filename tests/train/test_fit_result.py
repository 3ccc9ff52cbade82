"""What a fit shows: the table, the picture, the progress bar."""

import io
import sys

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.train import progress as progress_module

x, x2, y, a, b = sp.symbols("x x2 y a b")
XS = np.linspace(0.0, 4.0, 12)
YS = 3 * np.exp(-0.5 * XS) + 0.01 * np.cos(5 * XS)
MODEL = sp.Eq(y, a * sp.exp(-b * x))


@pytest.fixture(scope="module")
def result():
    return sg.fit(MODEL, {"x": XS, "y": YS}, {"a": 1.0, "b": 1.0})


def test_the_table(result):
    text = str(result)
    assert text == result.report()
    for name in ("a", "b"):
        line = next(row for row in text.splitlines() if row.startswith(name + " "))
        assert f"{result.params[name]:.11g}" in line
        assert f"{result.stderr[name]:.11g}" in line
    assert f"{result.rss:.11g}" in text
    assert "yes: a minimum" in text


def test_the_roads():
    hard = {"x": [1, 2, 3, 5, 8, 12], "y": [70, 110, 150, 170, 210, 200]}
    found = sg.fit(sp.Eq(y, a * (1 - sp.exp(-b * x))), hard, {"a": -50, "b": 0.01})
    assert found.roads[0].params == pytest.approx(found.params)
    assert found.roads[0].value == pytest.approx(found.rss)
    assert found.roads[0].minimum
    for road in found.roads:  # the others are out on the plateau
        assert road.minimum == (road.value < 300)
        assert bool(road.why) != road.minimum
    assert not found.roads[-1].minimum
    lines = found.report(roads=True).splitlines()[-len(found.roads) :]
    for line, road in zip(lines, found.roads, strict=True):
        assert line.startswith(road.solver)
        assert line.endswith("a minimum" if road.minimum else road.why)


def test_one_line(result):
    assert repr(result).startswith("FitResult(a=")
    assert "converged" in repr(result)
    assert "\n" not in repr(result)


def test_html_is_escaped():
    strange = sp.Symbol("<k>")
    shown = sg.fit(sp.Eq(y, strange * x), {"x": XS, "y": YS}, {"<k>": 1.0})._repr_html_()
    assert "&lt;k&gt;" in shown
    assert "<k>" not in shown


def test_a_failed_fit_says_so():
    text = str(sg.fit(sp.Eq(y, a * b * x), {"x": XS, "y": YS}, {"a": 1.0, "b": 1.0}))
    assert "NO: the data do not determine a and b" in text


def test_the_picture_of_one_predictor(result):
    top, bottom = result.plot().axes
    curve, points = top.lines
    np.testing.assert_allclose(curve.get_ydata(), result.predict({"x": curve.get_xdata()}))
    np.testing.assert_array_equal(points.get_ydata(), YS)
    np.testing.assert_allclose(bottom.lines[1].get_ydata(), result.residuals)
    assert bottom.get_xlabel() == "x"


def test_a_constant_column_is_no_predictor_to_draw():
    c = sp.Symbol("c")
    found = sg.fit(sp.Eq(y, a * sp.exp(-b * x) + c), {"x": XS, "y": YS, "c": 0.25}, {"a": 1.0, "b": 1.0})
    top, bottom = found.plot().axes
    curve = top.lines[0]
    np.testing.assert_allclose(curve.get_ydata(), found.predict({"x": curve.get_xdata(), "c": 0.25}))
    assert bottom.get_xlabel() == "x"


def test_the_picture_of_several_predictors(tmp_path):
    other = np.sin(XS)
    found = sg.fit(sp.Eq(sp.log(y), a * x + b * x2), {"x": XS, "x2": other, "y": YS}, {"a": 0.0, "b": 0.0})
    figure = found.plot()
    points = figure.axes[0].lines[1]
    np.testing.assert_allclose(points.get_xdata(), found.predict({"x": XS, "x2": other}))
    np.testing.assert_allclose(points.get_ydata(), np.log(YS))
    figure.savefig(tmp_path / "fit.png")
    assert (tmp_path / "fit.png").read_bytes().startswith(b"\x89PNG")


def test_matplotlib_is_needed_only_for_pictures(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(sg.UnsupportedError, match="pip install"):
        result.plot()


def test_a_long_fit_shows_a_bar(monkeypatch):
    monkeypatch.setattr(progress_module, "PATIENCE", 0.0)
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    sg.fit(MODEL, {"x": XS, "y": YS}, {"a": 1.0, "b": 1.0}, progress=True)
    assert "evaluations" in stderr.getvalue()


@pytest.mark.parametrize("wanted", [None, False])
def test_no_bar_where_nobody_looks(monkeypatch, wanted):
    monkeypatch.setattr(progress_module, "PATIENCE", 0.0)
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    sg.fit(MODEL, {"x": XS, "y": YS}, {"a": 1.0, "b": 1.0}, progress=wanted)
    assert stderr.getvalue() == ""


def test_a_bar_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(sg.UnsupportedError, match="needs tqdm"):
        sg.fit(MODEL, {"x": XS, "y": YS}, {"a": 1.0, "b": 1.0}, progress=True)
