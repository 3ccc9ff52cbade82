"""Every function in the tables: values as NumPy's, derivatives as differences of them."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad.define.numpy  # noqa: F401  fills the tables
from symgrad.define.numpy.tracer import FUNCTIONS
from tests.define.numpy import cases_reductions
from tests.define.numpy.agreement import Case, disagreement, slope_disagreement

CASES: dict[str, list[Case]] = {}
for c in (*cases_reductions.CASES,):
    CASES.setdefault(c.name, []).append(c)


@pytest.mark.parametrize("name", sorted(CASES))
def test_values(name: str) -> None:
    assert [d for c in CASES[name] if (d := disagreement(c))] == []


@pytest.mark.parametrize("name", sorted(CASES))
def test_slopes(name: str) -> None:
    rng = np.random.default_rng(1)
    assert [d for c in CASES[name] if (d := slope_disagreement(c, rng))] == []
