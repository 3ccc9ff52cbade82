"""Every ufunc in the tables: values as NumPy's, derivatives as differences of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad.define.numpy  # noqa: F401  fills the tables
from symgrad.define.numpy.tracer import UFUNCS
from tests.define.numpy.agreement import disagreement, slope_disagreement
from tests.define.numpy.cases_ufuncs import cases_of

OURS = sorted((u for u in UFUNCS if getattr(np, u.__name__, None) is u), key=lambda u: u.__name__)


@pytest.mark.parametrize("u", OURS, ids=lambda u: u.__name__)
def test_values(u: Any) -> None:
    assert [d for c in cases_of(u) if (d := disagreement(c))] == []


@pytest.mark.parametrize("u", OURS, ids=lambda u: u.__name__)
def test_slopes(u: Any) -> None:
    rng = np.random.default_rng(1)
    chosen = [
        c
        for c in cases_of(u)
        if not any(np.any(np.isin(a, [0.0, 1.0, -1.0, 0.5, 1.5])) for a in c.args if isinstance(a, np.ndarray))
    ]
    assert [d for c in chosen if (d := slope_disagreement(c, rng))] == []
