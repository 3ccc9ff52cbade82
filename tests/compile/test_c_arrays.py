"""Functions of arrays in C: every operation that has loops, its gradient, and functions as people write them."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import symgrad as sg
from symgrad import Function
from tests.ops.arrays import Case, scalar
from tests.ops.test_array_rules import CASES, EVERY

CC = shutil.which("cc") or shutil.which("gcc")
pytestmark = pytest.mark.skipif(CC is None, reason="no C compiler on this machine")
FLAGS = ["-std=c99", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-Wno-unused-variable"]
RNG = np.random.default_rng(0)


def function(case: Case) -> Function:
    g, inputs, y = case.graph()
    return Function(g, [i.id for i in inputs], [y.id])


def gradient(case: Case) -> Function:
    return sg.grad(function(scalar(case)), wrt=[f"x{k}" for k in case.active])


class Library:
    """Functions compiled together, by their names; what C has not, by what was said."""

    def __init__(self, folder: Path, functions: dict[str, Function]) -> None:
        self.functions, self.refused, self.headers = functions, {}, {}
        self.names: dict[str, str] = {}
        sources = []
        for n, (name, f) in enumerate(functions.items()):
            try:
                source, header = f.c(folder / f"f{n}")
            except sg.UnsupportedError as e:
                self.refused[name] = str(e)
                continue
            self.names[name], self.headers[name] = f"f{n}", header.read_text()
            sources.append(source)
        library = folder / "all.so"
        subprocess.run([CC, *FLAGS, "-shared", "-fPIC", *sources, "-lm", "-o", library], check=True)
        self.code = ctypes.CDLL(str(library))

    def __call__(self, name: str, values: list[Any]) -> tuple[int, list[Any]]:
        """(what the function returns, its results), of arguments in C order."""
        f = self.functions[name]
        types = [f.graph.types[o] for o in f.outputs]
        dtype = types[0].dtype if types[0].dtype in ("float32", "float64") else "float64"
        flat = [np.ravel(v) for v in values]
        given = np.concatenate([np.zeros(0), *flat]).astype(dtype)
        sizes = [int(np.prod(t.shape, dtype=int)) for t in types]
        out = np.full(sum(sizes), np.nan, dtype)
        call = getattr(self.code, self.names[name])
        head = self.headers[name]
        work = [np.full(int(head.split("work: memory for ")[1].split()[0]), np.nan, dtype)] if "work:" in head else []
        call.argtypes = [ctypes.c_void_p] * (2 + len(work))
        returned = call(*(a.ctypes.data for a in (given, out, *work)))
        parts = np.split(out, np.cumsum(sizes)[:-1])
        status = returned if f"int {self.names[name]}(" in head else 0
        return status, [p.reshape(t.shape) for p, t in zip(parts, types, strict=True)]


def check(library: Library, name: str, values: list[Any], rtol: float = 1e-11) -> None:
    if name in library.refused:
        assert "C code" in library.refused[name] or "C back end has no" in library.refused[name]
        pytest.skip(library.refused[name])
    status, results = library(name, values)
    assert status == 0
    want = library.functions[name](*values)
    for mine, theirs in zip(results, want if isinstance(want, tuple) else (want,), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=rtol)


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(tmp_path_factory.mktemp("operations"), {n: function(c) for n, c in EVERY.items()})


@pytest.fixture(scope="module")
def gradients(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(tmp_path_factory.mktemp("gradients"), {n: gradient(c) for n, c in CASES.items()})


@pytest.mark.parametrize("name", EVERY)
def test_every_operation(name: str, operations: Library) -> None:
    check(operations, name, EVERY[name].arguments())


@pytest.mark.parametrize("name", CASES)
def test_gradients(name: str, gradients: Library) -> None:
    check(gradients, name, CASES[name].arguments())


def logistic(w: Any, X: Any, y: Any) -> Any:
    return np.mean(np.logaddexp(0, -y * (X @ w)))


def network(p: Any, x: Any, y: Any) -> Any:
    hidden = np.tanh(x @ p["W"] + p["b"])
    return np.mean((hidden @ p["V"] - y) ** 2)


PLACES = np.array([3, 0, 3, 2])
POINTS = RNG.normal(size=(6, 3))
PARAMETERS = {"W": RNG.normal(size=(3, 5)), "b": RNG.normal(size=5), "V": RNG.normal(size=5)}
MADE = {
    "logistic": (sg.hessian(logistic), (RNG.normal(size=3), POINTS, RNG.choice([-1.0, 1.0], 6))),
    "network": (sg.value_and_grad(network), (PARAMETERS, POINTS, RNG.normal(size=6))),
    "softmax": (sg.hessian(lambda x: np.log(np.sum(np.exp(x)))), (RNG.normal(size=5),)),
    "distances": (
        sg.hessian(lambda x: np.sum(np.sqrt(np.sum((x[:, None] - x[None]) ** 2, -1) + 1))),
        (POINTS,),
    ),
    "factors": (
        sg.hessian(lambda U, T: np.sum((T - U @ U.T) ** 2)),
        (RNG.normal(size=(4, 2)), RNG.normal(size=(4, 4))),
    ),
    "gathered": (sg.grad(lambda x: np.sum(x[PLACES] ** 3)), (RNG.normal(size=5),)),
    "places": (sg.grad(lambda x, k: np.sum(x[k] ** 3)), (RNG.normal(size=5), PLACES)),
    "largest": (sg.value_and_grad(lambda X: np.sum(np.max(X, axis=1) * np.min(X, axis=1))), (POINTS,)),
    "product": (sg.value_and_grad(lambda x: np.prod(x)), (RNG.normal(size=6),)),
    "batch": (sg.vmap(lambda A, x: A @ np.exp(x), in_axes=(None, 0)), (POINTS, RNG.normal(size=(9, 3)))),
    "triangle": (sg.grad(lambda A: np.sum(np.tril(A, -1) ** 2)), (RNG.normal(size=(5, 5)),)),
    "big": (lambda A, B, C: np.exp(A @ B) @ np.sin(C), tuple(RNG.normal(size=(40, 40)) / 6 for _ in range(3))),
    "gram": (lambda X: X.T @ X + np.outer(X[0], X[1]), (RNG.normal(size=(20, 30)),)),
    "sparse": (sg.hessian(lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2), sparse=True), (RNG.normal(size=6),)),
    "conditions": (lambda x: np.where((x > 1) | ((x < 0) & (x > -1)), x, x**2), (POINTS,)),
    "identity": (lambda a, b: (b, a), (POINTS, 2.0)),
    "constant": (lambda x: (np.ones((2, 2)), np.arange(3.0), np.max(x) > 0), (RNG.normal(size=3),)),
    "empty": (lambda x: (np.sum(x[:0]), np.prod(x[:0]), np.concatenate([x[:0], x])), (RNG.normal(size=3),)),
}
MADE = {n: (f if isinstance(f, sg.PythonFunction) else sg.function(f), a) for n, (f, a) in MADE.items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(tmp_path_factory.mktemp("whole"), {n: f.specialise(*a) for n, (f, a) in MADE.items()})


@pytest.mark.parametrize("name", MADE)
def test_functions_as_people_write_them(name: str, whole: Library) -> None:
    assert name not in whole.refused, whole.refused[name]
    f, arguments = MADE[name]
    made, numbers = f._prepared(arguments, {})
    want = made.function(*numbers) if name != "sparse" else made.function(*numbers).data
    status, results = whole(name, numbers)
    assert status == 0
    for mine, theirs in zip(results, want if isinstance(want, tuple) else (want,), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)


def test_most_operations_have_loops(operations: Library, gradients: Library) -> None:
    """What C has not is what LAPACK does, sorting, transforms, and such."""
    assert len(operations.refused) < len(EVERY) / 6
    assert not any("einsum" in told or "slice" in told for told in (*operations.refused.values(),))


def test_large_work_is_an_argument(whole: Library) -> None:
    assert "double *work)" in whole.headers["big"]
    assert "work: memory for 3200 values" in whole.headers["big"]
    assert "work" not in whole.headers["logistic"].split("#ifndef")[1]


def test_a_place_outside_is_told(tmp_path: Path) -> None:
    f = sg.function(lambda x, k: x[k]).specialise(np.ones(5), PLACES)
    library = Library(tmp_path, {"f": f})
    assert "Returns 1 where an index was outside its array" in library.headers["f"]
    x = np.arange(5.0)
    status, (result,) = library("f", [x, PLACES])
    assert status == 0
    np.testing.assert_array_equal(result, x[PLACES])
    assert library("f", [x, np.array([0, 5, 1, 2])])[0] == 1
    assert library("f", [x, np.array([0, -6, 1, 2])])[0] == 1


def test_float32(tmp_path: Path) -> None:
    w, X, y = (a.astype("float32") for a in MADE["logistic"][1])
    f = sg.grad(logistic).specialise(w, X, y)
    library = Library(tmp_path, {"f": f})
    assert "const float *in, float *out" in library.headers["f"]
    check(library, "f", [w, X, y], rtol=2e-6)


def test_what_has_no_loops_is_refused_by_name(tmp_path: Path) -> None:
    f = sg.function(lambda A, b: scipy.linalg.solve(A, b))
    with pytest.raises(sg.UnsupportedError, match=r"C code has no solve: it has loops over elements"):
        f.c(tmp_path / "f", np.eye(3), np.ones(3))
    mixed = sg.function(lambda a, b: a.astype("float64") + b)
    with pytest.raises(sg.UnsupportedError, match="one dtype"):
        mixed.c(tmp_path / "f", np.ones(3, "float32"), np.ones(3))
    large = np.cos(np.arange(300_000.0))
    with pytest.raises(sg.UnsupportedError, match="make these arrays arguments"):
        sg.function(lambda x: np.sum(x * large)).c(tmp_path / "f", np.ones(300_000))
