"""What benchmarks/training.py compares: symgrad's losses are those of PyTorch and JAX on the same batches."""

from argparse import Namespace

import numpy as np
import pytest
from children import Outcome
from training import compare, times
from training_cases import CASES, CURVE, Case
from training_peers import PEERS


@pytest.fixture
def own_settings():
    """The peers' files set what a process of their own may set."""
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    wide, threads = jax.config.jax_enable_x64, torch.get_num_threads()
    for peer in PEERS.values():
        peer.load()
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", wide)
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("own_settings")
@pytest.mark.parametrize("peer", ["JAX", "torch", "torch, fused"])
@pytest.mark.parametrize("model", ["regression", "softmax", "network", "deep"])
def test_losses_are_those_of_the_peers(peer, model):
    widths = {"regression": (5, 2), "softmax": (6, 4), "network": (6, 7, 4), "deep": (6, 7, 5, 4)}[model]
    for optimizer in ("sgd", "momentum", "adam"):
        case = Case(model, 12, widths, optimizer, "float64")
        curves = []
        for p in ("symgrad", peer):
            module = PEERS[p].load()
            run = module.prepare(getattr(module, model), case, case.params(), case.batches(), PEERS[p].variant)
            curves.append([float(x) for x in run(CURVE)])
        np.testing.assert_allclose(curves[0], curves[1], rtol=1e-9)
        assert np.ptp(curves[0]) > 0.05


def test_wrong_losses_are_found():
    name = next(iter(CASES))
    row = {p: Outcome({"step": 1e-6 * k}) for k, p in enumerate(("symgrad", "JAX", "torch"), 1)}
    good = np.linspace(2.0, 1.0, CURVE)
    compare(name, row, {"symgrad": good, "JAX": good, "torch": good * 1.01})
    assert [o.stopped for o in row.values()] == [None, None, "wrong"]

    table = times({name: row}, Namespace(peers=list(row), markdown=False))
    assert "1.00 (1.00)" in table
    assert "WRONG" in table
