"""A function of Python is shown, written out and compiled for arguments of one kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import symgrad as sg


def energy(x, steps):
    return steps * np.sum(x**3)


def test_pictures_and_machine_code(tmp_path: Path) -> None:
    g = sg.grad(energy)
    path = g.picture(tmp_path / "graph.svg", np.ones(3), 2.0)
    assert path.read_text().startswith("<svg")
    x = np.arange(3.0)
    assert g.compile(x, steps=2.0) is g
    np.testing.assert_allclose(g(x, 2.0), 6 * x**2)
    assert "until it is compiled" not in g.explain(x, steps=2.0)
    assert "until it is compiled" not in g.explain()


def test_before_the_first_call_there_are_no_shapes(tmp_path: Path) -> None:
    f = sg.function(energy)
    for shown in (f.compile, f.latex, lambda: f.c(tmp_path / "a"), lambda: f.picture(tmp_path / "a.svg")):
        with pytest.raises(sg.ArgumentError, match="has no shapes yet"):
            shown()
    assert f._repr_latex_() is None
