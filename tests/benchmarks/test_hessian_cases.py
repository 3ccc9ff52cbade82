"""The Hessians of the benchmark: derived by hand, they are those of the functions, however a peer writes these."""

from __future__ import annotations

from typing import Any

import hessian_cases
import numpy as np
import pytest
from hessian_cases import CASES
from hessian_measure import difference, flat
from hessian_peers import PEERS

SMALL = {
    "logistic": (9, 4),
    "factorisation": (5, 2),
    "net": (7, 3, 4),
    "softmax": (8, 3, 4),
    "precision": (6, 3),
    "mean": (6, 3),
    "quadratic": (5,),
    "distances": (6,),
}


def data(name: str) -> dict[str, Any]:
    return CASES[name].data(np.random.default_rng(1), *SMALL[name])


@pytest.mark.parametrize("name", list(CASES))
def test_hand_forms_are_differences_of_gradients(name: str) -> None:
    """Second differences of the NumPy function itself."""
    from hessian_peers import symgrad as functions

    case, arguments = CASES[name], data(name)
    hand = case.hand(**arguments)
    blocks = hand if isinstance(hand, tuple) else ((hand,),)
    rng = np.random.default_rng(2)
    directions = [rng.standard_normal(arguments[n].shape) for n in case.wrt]

    def along(t: float) -> float:
        moved = {n: arguments[n] + t * d for n, d in zip(case.wrt, directions, strict=True)}
        return float(getattr(functions, case.function)(**(arguments | moved)))

    h = 1e-3
    steps = np.array([along(k * h) for k in (-2, -1, 0, 1, 2)])
    second = steps @ np.array([-1, 16, -30, 16, -1]) / (12 * h * h)
    expected = sum(
        np.tensordot(u, np.tensordot(np.asarray(block), v, v.ndim), u.ndim)
        for u, row in zip(directions, blocks, strict=True)
        for v, block in zip(directions, row, strict=True)
    )
    assert second == pytest.approx(expected, rel=1e-6)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # torch.func itself uses it
@pytest.mark.parametrize("peer", list(PEERS))
@pytest.mark.parametrize("name", list(CASES))
def test_peers_agree(name: str, peer: str) -> None:
    entry = PEERS[peer]
    if entry.package == "jax":
        pytest.skip("sets 64 bits for the whole process; the benchmark compares it in a process of its own")
    if entry.absent():
        pytest.skip(f"{entry.package} is {entry.absent()}")
    module, arguments, case = entry.load(), data(name), CASES[name]
    call = module.prepare(getattr(module, case.function), arguments, case.wrt, entry.variant)
    assert difference(flat(module.dense(call())), flat(case.hand(**arguments))) < 1e-10


def test_every_case_has_a_size_for_a_quick_run() -> None:
    assert set(SMALL) == set(hessian_cases.CASES)
    for case in CASES.values():
        assert np.prod(case.quick) < np.prod(case.size)
