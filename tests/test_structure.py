"""The house as `docs/architecture.md` draws it: who may import whom, what is loaded when, how long files are."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "symgrad"
FILES = sorted(SOURCE.rglob("*.py"))

LANGUAGE = {"errors", "graph", "ops"}
BELOW = LANGUAGE | {"derive", "simplify", "dialects", "define", "compile", "show", "run"}
ROOMS = {
    "errors": set(),
    "graph": {"errors"},
    "ops": {"errors", "graph"},
    "derive": LANGUAGE,
    "simplify": LANGUAGE,
    "dialects": LANGUAGE,
    "define": LANGUAGE | {"dialects"},
    "compile": LANGUAGE | {"dialects"},
    "show": LANGUAGE | {"dialects"},
    "run": LANGUAGE | {"dialects", "compile"},
    "profile": BELOW,
    "function": BELOW | {"profile"},
    "arrays": BELOW | {"function"},
    "tree": set(),
    "frameworks": BELOW | {"tree"},
    "leaves": BELOW | {"function"},
    "shown": BELOW | {"frameworks", "function"},
    "dispatch": BELOW | {"function", "leaves", "tree"},
    "generic": BELOW | {"dispatch", "frameworks", "function", "leaves", "shown", "tree"},
    "defining": BELOW | {"function", "generic", "leaves", "tree"},
    "sparse": BELOW | {"function", "arrays"},
    "structure": BELOW | {"function", "arrays"},
    "chunks": BELOW | {"function", "defining", "generic", "tree"},
    "mapping": BELOW | {"function", "defining", "generic", "tree"},
    "implicit": BELOW | {"function", "defining", "generic", "tree"},
    "control": BELOW | {"tree"},
    "transforms": BELOW | {"function", "arrays", "chunks", "sparse", "structure", "defining", "generic", "tree"},
    "products": BELOW | {"function", "arrays", "defining", "generic", "tree", "transforms"},
    "train": BELOW | {"profile", "function", "defining", "generic", "leaves", "tree", "transforms", "products"},
    "__init__": {
        "errors",
        "ops",
        "function",
        "defining",
        "generic",
        "implicit",
        "control",
        "mapping",
        "transforms",
        "products",
        "train",
    },
    "source_file": BELOW | {"function", "defining", "generic", "tree"},
    "cli": BELOW
    | {"function", "source_file", "defining", "generic", "tree", "transforms", "products", "train", "__init__"},
    "__main__": {"cli"},
}
ONLY_IN = {
    "llvmlite": ["run/llvmlite.py"],
    "torch": ["dialects/torch.py", "compile/torch.py", "compile/loops/torch.py", "frameworks/torch.py"],
    "jax": ["dialects/jax.py", "compile/jax.py", "compile/loops/jax.py", "frameworks/jax.py"],
    "tensorflow": [],
    "dask": [],
}


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found += [f"{node.module}.{a.name}" for a in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_arrows_run_one_way(path: Path) -> None:
    own = room(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "symgrad" or len(parts) < 2:
            continue
        if parts[1] not in ROOMS:  # a public name
            assert own == "cli", f"{path.name} imports {name}"
            continue
        assert parts[1] == own or parts[1] in ROOMS[own], f"{own} may not import {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_heavy_packages_have_one_door(path: Path) -> None:
    for name in imports(path):
        top = name.split(".")[0]
        if top in ONLY_IN:
            assert str(path.relative_to(SOURCE)) in ONLY_IN[top], f"{path.name} imports {top}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_file_is_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 420
    assert path.name != "utils.py"


def test_import_is_light() -> None:
    """`import symgrad` loads neither frameworks nor LLVM, SymPy or pictures."""
    heavy = {"torch", "jax", "tensorflow", "llvmlite", "sympy", "scipy", "matplotlib", "tqdm", "mpmath"}
    code = f"import sys, symgrad; print(sorted({heavy} & {{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_tracing_loads_nothing_needless() -> None:
    """The first gradient of a NumPy function loads no part of NumPy that is not its own: f2py alone takes 0.2 s."""
    code = (
        "import sys, numpy as np, symgrad as sg; sg.grad(lambda x: np.sum(np.sin(x)))(np.ones(3));"
        "print([m for m in ('numpy.f2py', 'numpy.testing', 'unittest') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_evaluation_of_text() -> None:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile", "__import__"), f"{path}: {node.func.id}"
