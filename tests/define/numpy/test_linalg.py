"""numpy.linalg and scipy.linalg, traced: values as theirs, derivatives as differences of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from scipy.linalg import cho_factor, cho_solve

import symgrad as sg
from symgrad.define.numpy.messages import REFUSED
from symgrad.define.numpy.named import NAMED, NAMED_REFUSED
from symgrad.define.numpy.tracer import FUNCTIONS
from tests.define.numpy.agreement import Case, S, disagreement, slope_disagreement

L = np.linalg
RNG = np.random.default_rng(0)
A = RNG.normal(size=(4, 4)) + np.diag([2.0, 3.0, 4.0, 5.0])
B = RNG.normal(size=(2, 3, 3)) / 2 + np.diag([2.0, 3.0, 4.0])
TALL = RNG.normal(size=(5, 3))
WIDE = RNG.normal(size=(3, 5))
V, R = RNG.normal(size=4), RNG.normal(size=3)
M, MB = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 3, 2))
INT = np.array([[2, 1], [1, 3]])
SINGLE = A.astype(np.float32)
ORDERS = (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)


def s(a: Any) -> Any:
    """A symmetric positive definite matrix: NumPy and SciPy read one triangle of those that are not."""
    return a @ np.swapaxes(a, -1, -2) + np.eye(a.shape[-1], dtype=a.dtype)


def sym(a: Any) -> Any:
    return a + np.swapaxes(a, -1, -2)


def by_cholesky(a: Any, b: Any, lower: bool) -> Any:
    return scipy.linalg.cho_solve(scipy.linalg.cho_factor(a, lower=lower), b)


def scipy_(name: str, **keywords: Any) -> Callable[..., Any]:
    """The function of this name, looked up when it is called."""
    return lambda *args: getattr(scipy.linalg, name)(*args, **keywords)


CASES: dict[str, list[tuple[Any, ...]]] = {
    "solve": [
        *[(L.solve, A, V), (L.solve, B, R), (L.solve, B, M), (L.solve, B, MB), (L.solve, B[0], MB)],
        *[(L.solve, B[:1], MB), (L.solve, S(B), R), (L.solve, B, S(M)), (L.solve, INT, INT), (L.solve, A, V[:3])],
        *[(L.solve, SINGLE, V.astype(np.float32)), (L.solve, SINGLE, V), (L.solve, TALL, V)],
    ],
    "inv": [(L.inv, A), (L.inv, B), (L.inv, INT), (L.inv, SINGLE), (L.inv, TALL), (L.inv, V)],
    "det": [(L.det, A), (L.det, B), (L.slogdet, A), (L.slogdet, -B), (L.det, TALL)],
    "cholesky": [
        *[(lambda a: L.cholesky(s(a)), A), (lambda a: L.cholesky(s(a)), B)],
        (lambda a: L.cholesky(s(a), upper=True), B),
    ],
    "eigh": [
        *[(lambda a: L.eigvalsh(sym(a)), A), (lambda a: L.eigvalsh(sym(a), UPLO="U"), B)],
        *[(lambda a: L.eigh(sym(a))[0], B), (lambda a: L.eigh(sym(a)).eigenvectors ** 2, B)],
    ],
    "svd": [
        *[(lambda a: L.svd(a)[1], A), (lambda a: L.svd(a, full_matrices=False).U ** 2, TALL)],
        *[(lambda a: L.svd(a, full_matrices=False).Vh ** 2, WIDE), (lambda a: L.svd(a, compute_uv=False), WIDE)],
        (L.svdvals, B),
    ],
    "qr": [
        *[(L.qr, A), (L.qr, TALL), (L.qr, WIDE), (L.qr, B), (lambda a: L.qr(a, mode="r"), TALL)],
        (lambda a: L.qr(a, mode="complete").Q, WIDE),
    ],
    "pinv": [
        *[(L.pinv, TALL), (L.pinv, WIDE), (L.pinv, B), (lambda a: L.pinv(a, rtol=1e-3), TALL)],
        (lambda a: L.pinv(a, rcond=1e-3), WIDE),
    ],
    "lstsq": [
        *[(lambda a, b: L.lstsq(a, b)[0], TALL, RNG.normal(size=5)), (lambda a, b: L.lstsq(a, b)[0], WIDE, R)],
        *[(lambda a, b: L.lstsq(a, b)[1::2], TALL, RNG.normal(size=(5, 2))), (lambda a, b: L.lstsq(a, b)[1], WIDE, M)],
        (lambda b: L.lstsq(TALL, b)[0], RNG.normal(size=5)),
    ],
    "rank": [(L.matrix_rank, TALL), (L.matrix_rank, np.outer(R, V)), (L.matrix_rank, B), (L.matrix_rank, 0 * V)],
    "cond": [(lambda a, p=p: L.cond(a, p), B) for p in (None, 1, "fro", -2, np.inf)],
    "matrix_power": [(lambda a, n=n: L.matrix_power(a, n), B) for n in (-2, -1, 0, 1, 2, 3, 5)],
    "multi_dot": [
        *[(lambda a, b: L.multi_dot([a, b]), TALL, WIDE)],
        (lambda a, b, c: L.multi_dot([c, a, b, a]), TALL, WIDE, TALL[:, 0]),
        *[(lambda a, b, c: L.multi_dot([a, b, c]), WIDE, TALL, R), (lambda a: L.multi_dot([a]), TALL)],
    ],
    "tensorsolve": [
        *[(lambda a, b: L.tensorsolve(a.reshape(2, 2, 4), b.reshape(2, 2)), A, V)],
        *[(lambda a: L.tensorinv(a.reshape(4, 2, 2), ind=1), A), (lambda a: L.tensorinv(a.reshape(2, 2, 4)), A)],
        (lambda a, b: L.tensorsolve(a.reshape(2, 4, 2), b.reshape(2, 2), axes=(1,)), A, V),
    ],
    "norm of vectors": [(lambda x, p=p: L.norm(x, p), V) for p in (None, 1, 2, 3, 2.5, 0, -1, np.inf, -np.inf)],
    "norm of matrices": [(lambda x, p=p: L.norm(x, p), TALL) for p in ORDERS],
    "norm along axes": [
        *[(lambda x, p=p: L.norm(x, p, axis=(0, 2), keepdims=True), B) for p in ORDERS],
        *[(lambda x, p=p: L.norm(x, p, axis=(2, 0)), B) for p in (1, np.inf)],
        *[(lambda x, p=p: L.norm(x, p, axis=1, keepdims=True), B) for p in (None, 1, 2, np.inf)],
        *[(lambda x, p=p: L.norm(x, p, axis=-1), B) for p in (None, 1, 2, np.inf)],
        *[(L.norm, B), (lambda x: L.norm(x, keepdims=True), B), (lambda x: L.norm(x, 5), TALL)],
        *[(lambda x: L.vector_norm(x, axis=(0, 2), keepdims=True), B), (lambda x: L.vector_norm(x, ord=3), B)],
        *[(lambda x: L.matrix_norm(x, ord=1), B), (lambda x: L.norm(x, 1), B), (lambda x: L.norm(x, "fro"), V)],
    ],
    "others": [
        *[(lambda x: L.trace(x, offset=1), B), (lambda x: L.diagonal(x, offset=-1), B), (L.matrix_transpose, B)],
        *[(L.matmul, B, MB), (L.outer, V, R), (L.cross, R, R[::-1] + 1), (L.vecdot, B, B + 1), (L.tensordot, A, A)],
    ],
    "scipy solve": [
        *[(scipy_("solve"), A, V), (scipy_("solve"), B[0], M), (scipy_("solve", transposed=True), A, V)],
        (lambda a, b: scipy.linalg.solve(np.triu(a), b, assume_a="upper triangular"), A, V),
        (lambda a, b: scipy.linalg.solve(np.tril(a), b, assume_a="lower triangular", transposed=True), A, V),
    ],
    "scipy triangles": [
        *[
            (scipy_("solve_triangular", trans=t, lower=low, unit_diagonal=unit), B[0], M)
            for t in (0, 1, "T")
            for low in (False, True)
            for unit in (False, True)
        ],
        (scipy_("solve_triangular"), B, MB),
        *[(lambda a, b, low=low: by_cholesky(s(a), b, low), B[0], x) for low in (True, False) for x in (M, R)],
        (lambda b: by_cholesky(s(B[0]), b, False), R),
        *[(lambda a: scipy.linalg.cholesky(s(a)), A), (lambda a: scipy.linalg.cholesky(s(a), lower=True), A)],
    ],
    "scipy eigenvalues": [
        *[(lambda a: scipy.linalg.eigvalsh(sym(a)), A), (lambda a, b: scipy.linalg.eigvalsh(sym(a), s(b)), A, A.T)],
        (lambda a, b: scipy.linalg.eigh(sym(a), s(b))[1] ** 2, B[0], B[1]),
        (lambda a: scipy.linalg.eigh(sym(a), subset_by_index=[1, 2])[0], A),
        (scipy_("eigh_tridiagonal", eigvals_only=True), V, R),
    ],
    "scipy decompositions": [
        *[(scipy_("svdvals"), TALL), (lambda a: scipy.linalg.svd(a, full_matrices=False)[0] ** 2, TALL)],
        *[(lambda a: scipy.linalg.qr(a, mode="economic")[0] ** 2, TALL), (scipy_("qr"), WIDE)],
        *[(scipy_("qr", mode="r"), A), (scipy_("polar"), A), (scipy_("polar", side="left"), A)],
        *[(scipy_("orthogonal_procrustes"), TALL, TALL[::-1] + 1), (scipy_("inv"), A), (scipy_("det"), A)],
        *[(scipy_("pinv"), TALL), (scipy_("pinv", return_rank=True), TALL), (lambda a: scipy.linalg.pinvh(s(a)), A)],
        *[(lambda a, b: scipy.linalg.lstsq(a, b)[0], TALL, RNG.normal(size=5)), (scipy_("norm"), TALL)],
    ],
    "scipy functions of a matrix": [
        *[(scipy_("expm"), A / 3), (scipy_("expm"), B / 3), (scipy_("coshm"), A / 3), (scipy_("sinhm"), A / 3)],
        *[(scipy_("tanhm"), A / 3), (scipy_("expm_frechet"), A / 3, A.T)],
        (scipy_("expm_frechet", compute_expm=False), A / 3, A),
    ],
    "scipy matrices": [
        *[(scipy_("block_diag"), A, TALL, R), (scipy_("toeplitz"), R), (scipy_("hankel"), R), (scipy_("circulant"), R)],
        (lambda c, r: scipy.linalg.toeplitz(c, np.concatenate([c[:1], r])), R, V),
        (lambda c, r: scipy.linalg.hankel(c, np.concatenate([c[-1:], r])), R, V),
        (lambda b: scipy.linalg.solve_toeplitz((np.array([3, 1, 0.5, 0.2]), np.array([3, 0.1, 0.2, 0.3])), b), V),
        (lambda c, x: scipy.linalg.matmul_toeplitz(c, x), R, M),
        *[(lambda c, b: scipy.linalg.solve_circulant(c, b), R + 2, R), (scipy_("khatri_rao"), WIDE, WIDE + 1)],
    ],
}  # fmt: skip


def cases(name: str) -> list[Case]:
    return [Case(f, args, {}) for f, *args in CASES[name]]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CASES)
def test_values(name: str) -> None:
    assert [d for c in cases(name) if (d := disagreement(c))] == []


@pytest.mark.parametrize("name", CASES)
def test_slopes(name: str) -> None:
    rng = np.random.default_rng(1)
    assert [d for c in cases(name) if (d := slope_disagreement(c, rng))] == []


def test_all_of_least_squares() -> None:
    """The rank is an integer of 64 bits where NumPy has 32."""
    for a, b in ((TALL, RNG.normal(size=5)), (WIDE, M), (np.outer(R, V), R)):
        found = sg.function(L.lstsq)(a, b)
        wanted = L.lstsq(a, b)
        np.testing.assert_allclose(found[0], wanted[0], rtol=1e-9, atol=1e-12)
        assert int(found[2]) == wanted[2]
        if np.linalg.matrix_rank(a) == min(a.shape):
            np.testing.assert_allclose(found[1], wanted[1], rtol=1e-9)


def test_names_of_results() -> None:
    @sg.function
    def f(a: Any) -> Any:
        q, r = L.qr(a)
        return L.slogdet(a).logabsdet, L.eigh(a).eigenvalues, L.svd(a).S, q @ r

    logabsdet, w, singular, product = f(s(A))
    np.testing.assert_allclose(logabsdet, L.slogdet(s(A))[1])
    np.testing.assert_allclose(w, L.eigvalsh(s(A)))
    np.testing.assert_allclose(singular, L.svdvals(s(A)))
    np.testing.assert_allclose(product, s(A))


REFUSALS: list[tuple[Any, Any, str]] = [
    (L.eig, A, "write np.linalg.eigh"),
    (L.svd, TALL, "full_matrices=False"),
    (lambda a: L.qr(a, mode="complete"), TALL, "mode='reduced'"),
    (scipy_("svd"), TALL, "full_matrices=False"),
    (scipy_("qr"), TALL, "mode='economic'"),
    (scipy_("qr", mode="economic", pivoting=True), TALL, "pivoting"),
    (scipy_("sqrtm"), A, "np.linalg.eigh"),
    (scipy_("lu_factor"), A, "scipy.linalg.solve"),
    (scipy_("null_space"), A, "choose the columns"),
    (scipy_("eigh", subset_by_value=(0, 1)), A, "choose from all"),
    (scipy_("pinv", atol=0.1), A, "rtol"),
    (lambda a: L.pinv(a, rcond=a[0, 0]), A, "give a number"),
]


@pytest.mark.parametrize(("fn", "argument", "message"), REFUSALS)
def test_what_is_refused(fn: Any, argument: Any, message: str) -> None:
    with pytest.raises(sg.TraceError, match=message):
        sg.function(lambda a: fn(a))(argument)


def test_every_function_of_numpy_linalg_is_decided() -> None:
    names = [n for n in L.__all__ if n != "LinAlgError"]
    assert [n for n in names if getattr(L, n) not in FUNCTIONS and getattr(L, n) not in REFUSED] == []


def test_names_are_those_of_scipy() -> None:
    mine = [n.removeprefix("scipy.linalg.") for n in (*NAMED, *NAMED_REFUSED) if n.startswith("scipy.linalg.")]
    assert len(mine) > 40
    assert [n for n in mine if not hasattr(scipy.linalg, n)] == []


def test_functions_by_other_names() -> None:
    """Held by a closure, and among the names of the module."""
    expm = scipy.linalg.expm

    def f(a: Any) -> Any:
        return np.trace(expm(a)) + np.sum(cho_solve(cho_factor(s(a)), V))

    def g(a: Any) -> Any:
        return np.sum(np.linalg.inv(s(a)) @ V)

    want = expm(A / 3).T + sg.grad(g)(A / 3)
    np.testing.assert_allclose(sg.grad(f)(A / 3), want, rtol=1e-12, atol=1e-12)
    assert expm is scipy.linalg.expm


FORMULAS: dict[str, tuple[Any, str]] = {
    "slogdet": (lambda a: L.slogdet(a)[1], "A^{-T}"),
    "det": (L.det, r"\det\left(A\right) A^{-T}"),
    "squared norm": (lambda a: L.norm(a) ** 2, "2 A"),
    "trace of inverse": (lambda a: np.trace(L.inv(a)), r"-\left(A^{-2}\right)^{T}"),
    "trace of power": (lambda a: np.trace(L.matrix_power(a, 3)), r"3 \left(A^{2}\right)^{T}"),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_gradients_read_as_in_a_textbook(name: str) -> None:
    fn, wanted = FORMULAS[name]
    assert sg.grad(lambda A: fn(A)).latex(A) == wanted
