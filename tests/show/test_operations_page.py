"""docs/operations.md is what the register says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from symgrad.graph import REGISTER

DOCS = Path(__file__).parents[2] / "docs"


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_operations", DOCS / "make_operations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current() -> None:
    written = (DOCS / "operations.md").read_text()
    assert written == maker().page(), "run `python docs/make_operations.py`"


def test_the_page_has_every_operation_on_numbers() -> None:
    written = (DOCS / "operations.md").read_text()
    for op in REGISTER.values():
        if op.kind == "elementwise" and op.name not in maker().LEFT_OUT:
            assert f"| `{op.name}` |" in written, op.name
    assert "None" not in written
