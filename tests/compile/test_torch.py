"""PyTorch out: plain code that PyTorch differentiates, maps and compiles, on the dtype and device of its inputs."""

from __future__ import annotations

import copy
import pickle
from typing import Any, NamedTuple

import numpy as np
import pytest
import sympy as sp
import torch

import symgrad as sg
from symgrad.compile.numpy import Reference

x, y, w = sp.symbols("x y w")
i, j, n = sp.symbols("i j n", integer=True)
a, b = sp.IndexedBase("a"), sp.IndexedBase("b")
TORCH_SCRIPT = pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")
LOSS = sg.function([w], sp.Sum((a[i] - w) ** 2, (i, 0, n - 1)) / n, name="loss")
DATA = np.array([1.0, 2.0, 6.0])


def close(got: Any, want: Any, rtol: float = 1e-13) -> None:
    np.testing.assert_allclose(got.detach().numpy(), want, rtol=rtol, atol=1e-13)


def compiled(module: Any) -> Any:
    torch._dynamo.reset()
    return torch.compile(module, fullgraph=True, backend="aot_eager")


def test_code_is_plain_torch():
    f = sg.function([x, y], x**2 + sp.exp(y))
    lines = f.torch().code.split("\n")
    assert [line.split(";")[0].strip() for line in lines if "=" in line] == [
        "exp = torch.exp(y)",
        "pow_1 = x ** 2",
        "add = exp + pow_1",
    ]
    A, v = sp.MatrixSymbol("A", 3, 3), sp.MatrixSymbol("v", 3, 1)
    assert "@" in sg.grad(sg.function([v], v.T * A * v)).torch().code


def test_calls_by_position_and_by_name():
    module = LOSS.torch()
    data = torch.tensor(DATA)
    want = LOSS(2.0, n=3, a=DATA)
    close(module(2.0, data, 3), want)
    close(module(torch.tensor(2.0, dtype=torch.float64), a=data, n=3), want)
    close(module(n=torch.tensor(3.0), a=data, w=2.0), want)
    with pytest.raises(sg.ArgumentError, match="missing: n"):
        module(2.0, data)
    with pytest.raises(sg.ArgumentError, match="did you mean 'w'"):
        module(ww=2.0, a=data, n=3)
    with pytest.raises(sg.ArgumentError, match="a must have shape"):
        module(2.0, torch.tensor(1.0), 3)


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta:UserWarning")
def test_results_nest_as_the_function_s():
    f = sg.function([x, y], sp.Matrix([x * y, sp.sin(x)]))
    value, slopes = sg.value_and_grad(sg.function([x, y], x * y)).torch()(2.0, 3.0)
    assert value.shape == ()
    assert [float(s) for s in slopes] == [3.0, 2.0]
    dense = sg.jacobian(f).torch()(0.5, 2.0)
    close(dense, sg.jacobian(f)(0.5, 2.0))
    sparse = sg.jacobian(f, sparse=True).torch()(0.5, 2.0)
    assert sparse.layout == torch.sparse_csr
    close(sparse.to_dense(), dense.numpy())


def test_scalars_take_batches():
    f = sg.hessian(sg.function([x, y], x**3 * y + 2 * y))
    xs, ys = np.linspace(0, 1, 5)[:, None], np.linspace(1, 2, 3)
    close(f.torch()(torch.tensor(xs), torch.tensor(ys)), f(xs, ys))
    constant = sg.grad(sg.function([x, y], 3 * x + y)).torch()(torch.zeros(4), torch.zeros(4))
    assert [tuple(c.shape) for c in constant] == [(4,), (4,)]


def test_batches_of_arrays_and_of_bounds():
    A, v = sp.MatrixSymbol("A", 3, 3), sp.MatrixSymbol("v", 3, 1)
    f = sg.grad(sg.function([v], v.T * A * v))
    vs, As = np.random.default_rng(0).normal(size=(2, 4, 3, 1)), np.random.default_rng(1).normal(size=(3, 3))
    close(f.torch()(torch.tensor(vs), torch.tensor(As)), f(vs, As))
    ws, ns = np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])
    want = Reference(*LOSS.program)([np.array([1.0, 2.0, 3.0]), DATA, ns])
    close(LOSS.torch()(torch.tensor(ws), torch.tensor(DATA), torch.tensor(ns)), want[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dtype_is_that_of_the_inputs(dtype: torch.dtype):
    before = torch.get_default_dtype()
    f = sg.function([x, y], sp.Piecewise((sp.sqrt(2) * x + sp.pi, y > 0), (1, True)) / 3 + sp.Max(x, sp.E))
    for g in (f, sg.grad(f), sg.hessian(f)):
        result = g.torch()(torch.tensor(0.5, dtype=dtype), torch.tensor(2.0, dtype=dtype))
        assert all(r.dtype == dtype for r in (result if isinstance(result, tuple) else (result,)))
    assert LOSS.torch()(2.0, torch.tensor(DATA, dtype=dtype), 3).dtype == dtype
    A = sp.MatrixSymbol("A", 2, 2)
    g = sg.hessian(sg.function([A], sp.Trace(A * A * A + sp.Identity(2))))
    assert g.torch()(torch.ones(2, 2, dtype=dtype)).dtype == dtype
    assert torch.get_default_dtype() == before


def test_device_is_that_of_the_inputs():
    """On the device without memory, that any constant left on the CPU would clash with."""
    A = sp.MatrixSymbol("A", 2, 2)
    for f in (sg.hessian(sg.function([A], sp.Trace(A * A * A))), sg.function([A], sp.Matrix([[1, 2], [3, 4]]) * A)):
        assert f.torch()(torch.ones(2, 2, device="meta")).device.type == "meta"
    assert LOSS.torch()(2.0, torch.ones(3, device="meta"), 3).device.type == "meta"


def test_second_derivatives_under_compile():
    """Where autograd's double backward is refused by torch.compile, ordinary forward code is not."""
    f = sg.grad(sg.grad(sg.function([x], x**4)))
    module = compiled(f.torch())
    given = torch.linspace(-1, 1, 5, requires_grad=True)
    close(module(given), 12 * given.detach().numpy() ** 2, 1e-6)
    module(given).sum().backward()
    assert given.grad is not None
    close(given.grad, 24 * given.detach().numpy(), 1e-6)


def test_whole_arrays_under_compile():
    def quartic(x: Any) -> Any:
        return np.sum(x**4)

    module = sg.grad(lambda x: np.sum(sg.grad(quartic)(x))).torch(torch.ones(3))
    given = torch.tensor([1.0, 2.0, 3.0])
    close(compiled(module)(given), 12 * given.numpy() ** 2, 1e-6)


@pytest.mark.slow
@TORCH_SCRIPT
def test_with_the_system_s_compiler():
    """One function through the whole of torch.compile."""
    torch._dynamo.reset()
    f = sg.grad(sg.function([x, y], sp.exp(-x) * sp.sin(y)))
    module = torch.compile(f.torch(), fullgraph=True)
    given = torch.linspace(0, 1, 8, dtype=torch.float64)
    for got, want in zip(module(given, 2 * given), f(given.numpy(), 2 * given.numpy()), strict=True):
        close(got, want)


def test_loops_under_compile():
    module, data = sg.value_and_grad(LOSS).torch(), torch.tensor(DATA)
    want = sg.value_and_grad(LOSS)(2.0, n=3, a=DATA)
    for count in (3, torch.tensor(3.0)):
        for got, exact in zip(compiled(module)(2.0, data, count), want, strict=True):
            close(got, exact)


LOOPS = {
    "recurrence": (sp.Sum(w**i * sp.Product(1 + w * a[j], (j, 0, i)), (i, 0, n - 1)), 3),
    "product": (sp.Product(1 + w * a[i], (i, 0, n - 1)), 3),
    "nested": (sp.Sum(a[i] * sp.Sum(w * b[i, j], (j, 0, i)), (i, 0, n - 1)), 3),
    "computed": (sp.Sum(w * a[2 - i] * a[i], (i, 0, n - 1)), 3),
    "empty": (sp.Sum(w * a[i], (i, 0, n - 1)), 0),
    "part": (sp.Sum(w * a[i], (i, 1, n - 1)), 2),
}


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("kind", [int, torch.tensor], ids=["number", "tensor"])
def test_loops(name: str, kind: Any):
    expression, count = LOOPS[name]
    f = sg.value_and_grad(sg.function([w], expression))
    arrays = {"a": DATA, "b": np.arange(9.0).reshape(3, 3)}
    given = {k: v for k, v in arrays.items() if k in f.names}
    start = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    tensors = {k: torch.tensor(v) for k, v in given.items()}
    value, slope = f.torch()(w=start, n=kind(count), **tensors)
    want = f(w=0.7, n=count, **given)
    close(value, want[0])
    close(slope, want[1])
    if value.requires_grad:
        close(torch.autograd.grad(value, start)[0], want[1])


def test_carries_in_a_loop():
    """A loop that is no sum: its derivative carries the value along."""
    f = sg.function([w], sp.Product(sp.sin(w + i), (i, 0, 4)))
    second = sg.hessian(f)
    close(second.torch()(torch.tensor(0.3, dtype=torch.float64)), second(0.3))


def test_elements_outside_an_array():
    module = LOSS.torch()
    with pytest.raises(sg.ArgumentError, match="index 3 is outside"):
        module(2.0, torch.tensor(DATA), 4)
    assert module(2.0, torch.tensor(DATA), torch.tensor(4.0)).isnan()
    away = sg.function([w], sp.Sum(w * a[i + 1], (i, 0, 2))).torch()
    assert away(2.0, torch.tensor(DATA)).isnan()
    with pytest.raises(sg.ArgumentError, match="must be an integer"):
        module(2.0, torch.tensor(DATA), float("nan"))


PIECES = {
    "root": sp.Piecewise((sp.sqrt(x), x > 0), (0, True)),
    "logarithm": sp.Piecewise((x * sp.log(x), x > 0), (x**2, True)),
    "exponential": sp.Piecewise((x * sp.exp(x**3), x < 2), (x, True)),
    "nested": sp.Piecewise((sp.sqrt(sp.Piecewise((sp.log(x), x > 1), (x**2, True))), x > 0), (-x, True)),
    "shared": sp.Piecewise((sp.sqrt(x), x > 0), (0, True)) + sp.Piecewise((1 / sp.sqrt(x), x > 1), (1, True)),
    "condition": sp.Piecewise((sp.sqrt(x), sp.sqrt(x) > 1), (3 * x, True)),
}


@pytest.mark.parametrize("name", PIECES)
def test_branches_not_taken_leave_no_nan(name: str):
    """Autograd's first, second and third derivatives, at points on both sides and at the kink."""
    f = sg.function([x], PIECES[name])
    points = np.array([-3.0, -0.5, 0.0, 0.25, 1.5, 5.0, 9.0])
    if name == "condition":
        points = points[2:]
    given = torch.tensor(points, requires_grad=True)
    found = f.torch()(given)
    close(found, f(points))
    for _ in range(3):
        f = sg.grad(f)
        (found,) = torch.autograd.grad(found.sum(), given, create_graph=True)
        want = np.broadcast_to(f(points), points.shape)
        smooth = np.isfinite(want)
        assert smooth.sum() >= 5
        np.testing.assert_allclose(found.detach().numpy()[smooth], want[smooth], rtol=1e-11, atol=1e-16)


@TORCH_SCRIPT
def test_functorch():
    f = sg.function([x, y], sp.Piecewise((sp.sqrt(x) * y, x > 0), (y**3, True)) + sp.tanh(x * y))
    module = f.torch()
    xs, ys = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64), torch.tensor([0.3, 1.0, -2.0], dtype=torch.float64)
    first = torch.func.vmap(torch.func.grad(module, (0, 1)))(xs, ys)
    for got, want in zip(first, sg.grad(f)(xs.numpy(), ys.numpy()), strict=True):
        close(got, want)
    second = torch.func.vmap(torch.func.hessian(module))(xs, ys)
    close(second, sg.hessian(f)(xs.numpy(), ys.numpy())[:, 0, 0])
    looped = torch.func.vmap(torch.func.grad(LOSS.torch()), in_dims=(0, None, None))(xs, torch.tensor(DATA), 3)
    close(looped, [sg.grad(LOSS)(float(s), n=3, a=DATA) for s in xs])


def test_trainable_parameters():
    module = LOSS.torch(trainable={w: 0.0})
    assert list(module.state_dict()) == ["w"]
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    data = torch.tensor(DATA)
    for _ in range(100):
        optimizer.zero_grad()
        module(data, 3).backward()
        optimizer.step()
    assert module.w.item() == pytest.approx(3.0)
    again = LOSS.torch(trainable={"w": 1.0})
    again.load_state_dict(module.state_dict())
    assert again(data, 3).item() == module(data, 3).item() == copy.deepcopy(module)(data, 3).item()
    assert module.to(torch.float32)(data.float(), 3).dtype == torch.float32
    with pytest.raises(sg.ArgumentError, match="no input 'v'"):
        LOSS.torch(trainable={"v": 0.0})
    with pytest.raises(sg.ArgumentError, match="can't be called 'forward'"):
        sg.function([sp.Symbol("forward")], sp.Symbol("forward") ** 2).torch(trainable={"forward": 0.0})
    with pytest.raises(sg.ArgumentError, match="must have shape"):
        LOSS.torch(trainable={"a": 0.0})


def test_pickled_modules():
    """Plain data: unpickling writes the program anew."""
    for module in (LOSS.torch(trainable={"w": 1.5}), net_module()):
        again = pickle.loads(pickle.dumps(module))
        data = torch.tensor(DATA)
        given = (data, 3) if list(module.state_dict()) else ({"layer": Weights(data, data[0])}, data[None])
        assert again.code == module.code
        assert str(again(*given)) == str(module(*given))


class Weights(NamedTuple):
    w: Any
    b: Any


def net(p: Any, X: Any, mode: str = "tanh") -> Any:
    z = X @ p["layer"].w + p["layer"].b
    return {"loss": np.mean(np.tanh(z) if mode == "tanh" else z), "z": (z, None)}


def net_module() -> Any:
    data = torch.tensor(DATA)
    return sg.function(net).torch({"layer": Weights(data, data[0])}, data[None])


def test_python_functions_of_pytrees():
    rng = np.random.default_rng(0)
    p, X = {"layer": Weights(rng.normal(size=3), 0.5)}, rng.normal(size=(4, 3))
    tensors = {"layer": Weights(torch.tensor(p["layer"].w), torch.tensor(0.5, dtype=torch.float64))}
    f = sg.function(net)
    want = f(p, X)
    module = f.torch(tensors, torch.tensor(X))
    for call in (module, compiled(module)):
        got = call(tensors, torch.tensor(X))
        close(got["loss"], want["loss"])
        close(got["z"][0], want["z"][0])
        assert got["z"][1] is None
    with pytest.raises(sg.ArgumentError, match="mode was 'tanh'"):
        module(tensors, torch.tensor(X), "linear")
    with pytest.raises(sg.ArgumentError, match="p must be nested like"):
        module([tensors], torch.tensor(X))
    loss = sg.function(lambda p, X: net(p, X)["loss"])
    slopes = sg.grad(loss).torch(tensors, torch.tensor(X))(tensors, torch.tensor(X))
    assert isinstance(slopes["layer"], Weights)
    close(slopes["layer"].w, sg.grad(loss)(p, X)["layer"].w)
    trained = loss.torch(tensors, torch.tensor(X), trainable=["p"])
    assert sorted(trained.state_dict()) == ["layer_0", "layer_1"]
    trained(torch.tensor(X)).backward()
    close(trained.layer_0.grad, slopes["layer"].w.numpy())


def test_names_that_python_has_not():
    odd = sp.Symbol("*/ evil; x")
    f = sg.function([odd, sp.Symbol("lambda")], odd * sp.Symbol("lambda"))
    assert float(f.torch()(2.0, 3.0)) == 6.0


def test_what_is_not_there_is_named():
    with pytest.raises(sg.UnsupportedError, match="PyTorch back end has no 'jv'"):
        sg.function([x], sp.besselj(0, x)).torch()


def test_modules_of_several_shapes_are_compiled_side_by_side() -> None:
    """The second time, torch.compile takes lengths for symbols."""
    torch.compiler.reset()
    for n in (2, 3, 4):
        x = torch.arange(float(n), dtype=torch.float64)
        module = torch.compile(sg.function(lambda x: np.sum(x**2)).torch(x), fullgraph=True, backend="eager")
        assert module(x) == (x**2).sum()


def test_parameters_of_any_number() -> None:
    def scaled(a, *xs):
        return a * xs[0] - xs[1]

    given = [torch.tensor(2.0), torch.tensor(3.0), torch.tensor(4.0)]
    assert sg.function(scaled).torch(*given)(*given) == 2.0
    assert sg.function(scaled).torch(*given, trainable=["a"])(*given[1:]) == 2.0
