"""Results in chunks: the same numbers, little memory, every row once."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.chunks import Chunks

RNG = np.random.default_rng(5)


def distances(X):
    d = X[:, None, :] - X[None, :, :]
    return np.sum(np.sqrt(np.sum(d**2, axis=2) + 0.1))


def network(W, X):
    return np.sum(np.tanh(X @ W) ** 2)


def scans(x):
    return np.sum(np.cumsum(x) ** 3) + np.max(x) ** 2 + np.sum(np.sort(x) * np.arange(len(x)))


def windows(x):
    return np.sum((x[2:] - x[:-2]) ** 4) + np.prod(x[:5])


CASES = {
    "distances": (distances, (RNG.normal(size=(11, 3)),)),
    "network": (network, (RNG.normal(size=(4, 6)), RNG.normal(size=(9, 4)))),
    "scans": (scans, (RNG.normal(size=23),)),
    "windows": (windows, (RNG.normal(size=17),)),
    "diagonal": (lambda x: np.sum(x**4), (RNG.normal(size=19),)),
}


@pytest.mark.parametrize("name", CASES)
def test_chunks_are_the_rows_of_the_whole(name):
    f, args = CASES[name]
    dense = sg.hessian(f)(*args)
    H = sg.hessian(f, memory=dense.nbytes // 2)(*args)
    assert isinstance(H, Chunks)
    assert H.shape == dense.shape
    assert H.nbytes == dense.nbytes
    assert len(H) > 1
    seen = []
    for place, block in H:
        seen += list(range(place.start, place.stop))
        np.testing.assert_allclose(block, dense[place], rtol=1e-10, atol=1e-10)
    assert seen == list(range(dense.shape[0]))
    np.testing.assert_allclose(H.into(np.empty(H.shape)), dense, rtol=1e-10, atol=1e-10)
    with pytest.raises(ValueError, match="out has shape"):
        H.into(np.empty(3))


def test_what_fits_is_an_array():
    f, args = CASES["scans"]
    assert isinstance(sg.hessian(f, memory="1GB")(*args), np.ndarray)
    with pytest.raises(sg.ArgumentError, match="no amount of memory"):
        sg.hessian(f, memory="much")


def test_blocks_of_two_variables():
    f, args = CASES["network"]
    dense = sg.hessian(f, wrt=("W", "X"))(*args)
    parts = sg.hessian(f, wrt=("W", "X"), memory=4000)(*args)
    for a in range(2):
        for b in range(2):
            assert isinstance(parts[a][b], Chunks)
            np.testing.assert_allclose(
                parts[a][b].into(np.empty(dense[a][b].shape)), dense[a][b], rtol=1e-10, atol=1e-12
            )


def test_rows_are_computed_without_the_others():
    """No node of a chunk's program has as many elements as the whole."""
    f, args = CASES["distances"]
    H = sg.hessian(f, memory=2000)(*args)
    g = H._block.graph
    live = g.reach(H._block.outputs)
    largest = max(int(np.prod(g.types[i].lengths)) for i, needed in enumerate(live) if needed)
    assert largest * 3 <= np.prod(H.shape)


def test_jacobians_of_sympy_functions():
    import sympy as sp

    A = sp.MatrixSymbol("A", 4, 4)
    J = sg.jacobian(sg.function([A], A * A.T), memory=500)
    at = RNG.normal(size=(4, 4))
    np.testing.assert_allclose(J(at).into(np.empty((4,) * 4)), sg.jacobian(sg.function([A], A * A.T))(at), rtol=1e-12)
