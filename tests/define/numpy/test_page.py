"""docs/numpy.md is what the tables say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from symgrad.define.numpy.tracer import FUNCTIONS, UFUNCS

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_numpy", DOCS / "make_numpy.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page(maker: ModuleType) -> str:
    return maker.page()


def test_the_page_is_current(page: str) -> None:
    """Other versions of NumPy and SciPy have other functions; the page names those that it was written for."""
    written = (DOCS / "numpy.md").read_text()
    ours, theirs = _rows(written), _rows(page)
    assert {k: v for k, v in ours.items() if k in theirs} == {k: v for k, v in theirs.items() if k in ours}, (
        "run `python docs/make_numpy.py`"
    )
    if _head(written) == _head(page):
        assert written == page, "run `python docs/make_numpy.py`"


def _head(page: str) -> str:
    return page[: page.index("## numpy\n")]


def _rows(page: str) -> dict[str, str]:
    """Module and function -> what the rest of its row says."""
    found = {}
    module = ""
    for line in page.splitlines():
        if line.startswith("## "):
            module = line[3:]
        elif module and line.startswith("| ") and "`" in line:
            cells = line.strip("| ").split(" | ")
            names = next(c for c in cells if c.startswith("`") and c.endswith("`"))
            for name in names.split():
                found[f"{module}.{name[1:-1]}"] = " ".join(c for c in cells if c != names)
    return found


def test_the_page_has_every_function_of_numpy(maker: ModuleType, page: str) -> None:
    rows = _rows(page)
    for name, module in maker.MODULES.items():
        for own, _ in maker.entries(module):
            assert f"{name}.{own}" in rows
    traced = {k for k, v in rows.items() if v.startswith("traced")}
    for f in (*FUNCTIONS, *UFUNCS):
        module = str(f.__module__ if not isinstance(f, np.ufunc) else "numpy")
        if getattr(np, f.__name__, None) is f and module == "numpy":
            assert f"numpy.{f.__name__}" in traced


@pytest.mark.parametrize(
    ("full", "wanted"),
    [
        ("numpy.tanh", "differentiable"),
        ("numpy.floor_divide", "constant"),
        ("numpy.argsort", "constant"),
        ("numpy.linalg.solve", "differentiable"),
        ("numpy.fft.rfft", "differentiable"),
        ("scipy.special.hyp2f1", "partly"),
        ("scipy.linalg.expm", "differentiable"),
        ("scipy.linalg.sqrtm", "refused"),
        ("numpy.unique", "refused"),
        ("numpy.zeros", "plain"),
        ("scipy.special.mathieu_a", "not traced"),
    ],
)
def test_status(maker: ModuleType, full: str, wanted: str) -> None:
    module, _, own = full.rpartition(".")
    assert maker.status(full, getattr(maker.MODULES[module], own)) == wanted
