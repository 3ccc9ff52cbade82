"""NIST's certified regressions: nine digits in every parameter and standard deviation, from both starts."""

import nist
import numpy as np
import pytest
import sympy as sp

import symgrad as sg

PATHS = sorted(nist.FOLDER.glob("*.dat"))


@pytest.fixture(scope="module", params=PATHS, ids=[p.stem for p in PATHS])
def problem(request):
    return nist.read(request.param)


@pytest.mark.parametrize("start", [0, 1], ids=["start1", "start2"])
def test_nine_digits(problem, start):
    result = sg.fit(problem.model, problem.data, problem.starts[start])
    assert result.success, result.message
    params, deviations = nist.least_digits(problem, result)
    assert params >= 9
    assert deviations >= 9
    assert nist.digits(result.rss, problem.rss) >= 9


def test_twenty_problems_are_there():
    assert len(PATHS) == 20


def test_a_table_is_read_whole():
    nelson = nist.read(nist.FOLDER / "Nelson.dat")
    b1, b2, b3, x1, x2, y = sp.symbols("b1 b2 b3 x1 x2 y")
    assert nelson.model == sp.Eq(sp.log(y), b1 - b2 * x1 * sp.exp(-b3 * x2))
    assert nelson.level == "average"
    assert len(nelson.data["x1"]) == 128
    assert nelson.starts[1] == {"b1": 2.5, "b2": 5e-9, "b3": -0.05}
    assert nelson.stderr["b3"] == 3.9572366543e-03
    assert nelson.rss == 3.7976833176


def test_digits_are_counted():
    assert nist.digits(1.0, 1.0) == 11
    assert nist.digits(1.0 + 1e-6, 1.0) == pytest.approx(6, abs=0.01)
    assert nist.digits(np.nan, 1.0) == 0
    assert nist.digits(-1.0, 1.0) == 0


def test_the_table_is_printed(capsys):
    assert nist.main([str(nist.FOLDER), "Misra1a", "DanWood"]) == 0
    printed = capsys.readouterr().out
    assert "Misra1a" in printed
    assert "4 of 4 fits" in printed


def test_single_roads_are_listed(capsys):
    assert nist.main(["--roads", str(nist.FOLDER), "Misra1a"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("Misra1a")
    assert line.count("+") >= 10
