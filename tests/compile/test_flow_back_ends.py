"""One matrix: loops and branches, times back ends. Values, gradients, Hessians equal to rounding.

What they should be is worked out by the same loops written out in Python.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optree
import pytest
import torch

import symgrad as sg
from symgrad.compile.numpy import Reference
from symgrad.show.python import identifier
from tests.compile.test_c_arrays import CC, Library
from tests.test_control import CASES, MATRICES, newton, rnn


class Case(NamedTuple):
    """A function of arrays with a number as result, the same without symgrad, and its arguments."""

    f: Callable[..., Any]
    written: Callable[..., Any]
    args: list[Any]


def powers(x, n):
    """A loop whose length is an input."""
    return sg.fori_loop(0, n, lambda i, y: y * np.sin(x) + i, x)


def powers_written_out(x, n):
    y = x
    for i in range(n):
        y = y * np.sin(x) + i
    return y


def branch(x, a):
    return sg.cond(np.sum(a) > 0, lambda: x**2 * np.sum(np.log1p(a)), lambda: np.sum(x * a**3))


def yes(x, a):
    return x**2 * np.sum(np.log1p(a))


def no(x, a):
    return np.sum(x * a**3)


def root(a):
    return newton(a)


def many_roots(a):
    """A loop per point, of its own length."""
    return np.sum(sg.vmap(root)(a) ** 3)


def branches_in_a_loop(x, a):
    """A branch that is taken anew in every pass; whole numbers and truth values are carried as well."""

    def step(state, u):
        c, n, up = state
        c = sg.cond(up, lambda: c + np.exp(u) * x, lambda: c * u)
        return (c, n + 1, ~up), c / (n + 1)

    (c, n, _), ys = sg.scan(step, (x, 0, True), a)
    return c * n + np.sum(ys**2)


def branches_in_a_loop_written_out(x, a):
    c, n, up, total = x, 0, True, 0.0
    for u in a:
        c = c + np.exp(u) * x if up else c * u
        total = total + (c / (n + 1)) ** 2
        n, up = n + 1, not up
    return c * n + total


def lean(memory):
    """A loop that may keep few of its carries."""

    def f(x, a):
        last, ys = sg.scan(lambda c, u: (np.sin(c) + 0.1 * u * c, c**2), x, a, memory=memory)
        return last + np.sum(ys * np.cos(a))

    return f


def lean_written_out(x, a):
    c, total = x, 0.0
    for u in a:
        total = total + c**2 * np.cos(u)
        c = np.sin(c) + 0.1 * u * c
    return c + total


RNG = np.random.default_rng(3)
EVERY = {name: Case(*case) for name, case in CASES.items()} | {
    "while": Case(root, np.sqrt, [2.0]),
    "while, checkpoints": Case(lambda a: newton(a, limit=12, memory=80), np.sqrt, [2.0]),
    "length of a loop": Case(lambda x: powers(x, 4), lambda x: powers_written_out(x, 4), [0.7]),
    "yes": Case(branch, yes, [0.7, np.array([0.5, 0.25])]),
    "no": Case(branch, no, [0.7, np.array([-0.5, 0.25])]),
    "vmap": Case(many_roots, lambda a: np.sum(a**1.5), [np.array([2.0, 3.0, 100.0, 1e-3])]),
    "branches in a loop": Case(branches_in_a_loop, branches_in_a_loop_written_out, [0.7, RNG.normal(size=5)]),
    "checkpoints": Case(lean(100), lean_written_out, [0.7, RNG.normal(size=24)]),
    "checkpoints of checkpoints": Case(lean(0), lean_written_out, [0.7, RNG.normal(size=8)]),
}


def by_reference(f: Any, args: list[Any]) -> Any:
    own = f.specialise(*args).dense()
    leaves = Reference(own.graph, own.inputs, own.outputs)([np.asarray(a, "float64") for a in args])
    return leaves if isinstance(own.tree, tuple) else leaves[own.tree]


def by_program(f: Any, args: list[Any]) -> Any:
    return f.specialise(*args).compile()(*args)


def by_jax(f: Any, args: list[Any]) -> Any:
    with jax.enable_x64(True):
        call, given = f.jax(), [jnp.asarray(a) for a in args]
        return jax.tree.map(np.asarray, quick(call)(*given))


quick = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
"""jax.jit, compiling in half the time."""


def tensors(args: list[Any]) -> list[Any]:
    return [torch.as_tensor(np.asarray(a), dtype=torch.float64) for a in args]


def by_torch(f: Any, args: list[Any]) -> Any:
    return optree.tree_map(lambda x: x.detach().numpy(), f.torch(*args)(*tensors(args)))


def by_source(f: Any, args: list[Any]) -> Any:
    own, scope = f.specialise(*args), {}
    exec(own.python(), scope)  # our own text, as a user would run it
    with np.errstate(all="ignore"):
        return scope[identifier(own.name)](*args)


def by_c(f: Any, args: list[Any]) -> Any:
    if CC is None:
        pytest.skip("no C compiler on this machine")
    with tempfile.TemporaryDirectory() as folder:
        library = Library(Path(folder), {"f": f.specialise(*args)})
        assert not library.refused
        status, results = library("f", args)
    assert status == 0
    return results


BACK_ENDS = {
    "source": by_source,
    "reference": by_reference,
    "program": by_program,
    "torch": by_torch,
    "jax": by_jax,
    "c": by_c,
}


def closely(got: Any, want: Any, rtol: float = 1e-9) -> None:
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(1.0, float(np.max(np.abs(b)))))


@cache
def derived(f: Callable[..., Any], order: int, wrt: int | tuple[int, ...]) -> Any:
    """A function, its gradient or its Hessian."""
    return (sg.function(f), sg.grad(f, wrt=wrt), sg.hessian(f, wrt=wrt))[order]


def wanted(written: Callable[..., Any], args: list[Any], order: int) -> Any:
    """A value, gradient or Hessian by every argument of the loop written out."""
    return derived(written, order, tuple(range(len(args))))(*args)


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("name", EVERY)
def test_values_gradients_and_hessians(name: str, back_end: str) -> None:
    f, written, args = EVERY[name]
    run, every = BACK_ENDS[back_end], tuple(range(len(args)))
    closely(run(derived(f, 0, every), args), wanted(written, args, 0))
    closely(run(derived(f, 1, every), args), wanted(written, args, 1))
    wrt, want = every, wanted(written, args, 2)
    if back_end != "reference":  # the others by one argument, as they take longer
        wrt, want = 0, jax.tree.leaves(want)[0]
    closely(run(derived(f, 2, wrt), args), want, 1e-7)


@pytest.mark.parametrize("name", EVERY)
def test_jax_differentiates_what_it_is_given(name: str) -> None:
    f, written, args = EVERY[name]
    every = tuple(range(len(args)))
    with jax.enable_x64(True):
        call, given = sg.function(f).jax(), [jnp.asarray(a) for a in args]
        gradient = wanted(written, args, 1)
        closely(quick(jax.jacfwd(call, every))(*given), gradient)
        if name not in ("while", "while, checkpoints", "vmap"):  # whose lengths only a call knows
            closely(quick(jax.grad(call, every))(*given), gradient)
            closely(quick(jax.jacfwd(jax.grad(call)))(*given), derived(written, 2, 0)(*args), 1e-7)
        else:
            with pytest.raises(ValueError, match="Reverse-mode"):
                jax.grad(call)(*given)
            closely(quick(jax.jacfwd(sg.grad(f).jax()))(*given), derived(written, 2, 0)(*args), 1e-7)


def test_jax_vmap() -> None:
    a = np.array([2.0, 3.0, 100.0])
    with jax.enable_x64(True):
        for f, want in ((sg.function(root), np.sqrt(a)), (sg.grad(root), 0.5 / np.sqrt(a))):
            closely(jax.jit(jax.vmap(f.jax()))(a), want)
        X = np.stack([MATRICES[4], 2 * MATRICES[4]])
        many = jax.vmap(jax.grad(sg.function(rnn).jax()), (None, None, None, None, 0))(*MATRICES[:4], X)
        closely(many, np.stack([sg.grad(rnn)(*MATRICES[:4], x) for x in X]))
        call = jax.vmap(sg.grad(branch, wrt=(0, 1)).jax(), (None, 0))
        sides = np.array([[0.5, 0.25], [-0.5, 0.25]])
        for k, part in enumerate(call(0.7, sides)):
            closely(part, np.stack([sg.grad(branch, wrt=(0, 1))(0.7, side)[k] for side in sides]))


def test_a_length_that_only_a_call_knows_in_jax() -> None:
    with jax.enable_x64(True):
        call = jax.jit(sg.function(powers).jax())
        for n in (0, 1, 5):
            closely(call(0.7, n), powers_written_out(0.7, n))
        closely(jax.jit(sg.grad(powers).jax())(0.7, 5), sg.grad(lambda x: powers_written_out(x, 5))(0.7))


@pytest.mark.parametrize("memory", ["1MB", 50])
def test_jax_marks_a_loop_that_would_go_on(memory: Any) -> None:
    """Called with numbers it says so; in traced code, which can't, results and derivatives are NaN."""

    def endless(x):
        return sg.while_loop(lambda s: s > 0, lambda s: np.sqrt(s) * x, x, limit=20, memory=memory)

    with jax.enable_x64(True):
        for f in (sg.function(endless), sg.grad(endless), sg.grad(sg.grad(endless)))[: 3 if memory == "1MB" else 2]:
            assert np.isnan(jax.jit(f.jax())(0.9))
            with pytest.raises(sg.ConvergenceError, match=r"20 passes.*limit="):
                f.jax()(0.9)


def test_numbers_of_32_bits_in_jax() -> None:
    with jax.enable_x64(False):
        for f, want in ((sg.function(rnn), rnn(*MATRICES)), (sg.grad(rnn), sg.grad(rnn)(*MATRICES))):
            got = jax.jit(f.jax())(*[jnp.asarray(a, jnp.float32) for a in MATRICES])
            assert got.dtype == jnp.float32
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
        assert sg.function(powers).jax()(0.5, 3).dtype == jnp.float32


@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")  # in PyTorch's forward mode
@pytest.mark.parametrize("name", EVERY)
def test_torch_differentiates_what_it_is_given(name: str) -> None:
    f, written, args = EVERY[name]
    module, given = sg.function(f).torch(*args), [x.requires_grad_() for x in tensors(args)]
    gradient = torch.autograd.grad(module(*given), given, create_graph=True)
    closely([x.detach().numpy() for x in gradient], list(wanted(written, args, 1)))
    second = torch.func.hessian(module)(*tensors(args))
    closely(second.numpy(), derived(written, 2, 0)(*args), 1e-7)
    tangents = tensors([RNG.normal(size=np.shape(a)) for a in args])
    _, along = torch.func.jvp(module, tuple(tensors(args)), tuple(tangents))
    closely(along.numpy(), sum(float((g.detach() * t).sum()) for g, t in zip(gradient, tangents, strict=True)))


@pytest.mark.parametrize("name", ["rnn", "reverse", "nested", "yes", "no", "branches in a loop"])
def test_torch_compiles_loops_of_known_length_and_branches_whole(name: str) -> None:
    f, written, args = EVERY[name]
    torch.compiler.reset()  # it compiles one piece of code for few modules only
    whole = partial(torch.compile, fullgraph=True, backend="aot_eager")
    given = [x.requires_grad_() for x in tensors(args)]
    gradient = torch.autograd.grad(whole(sg.function(f).torch(*args))(*given), given)
    closely([x.numpy() for x in gradient], list(wanted(written, args, 1)))
    closely(whole(sg.grad(f).torch(*args))(*tensors(args)).numpy(), wanted(written, args, 1)[0])


@pytest.mark.parametrize("name", ["while", "vmap"])
def test_torch_compiles_around_loops_that_ask_a_condition(name: str) -> None:
    f, written, args = EVERY[name]
    torch.compiler.reset()
    module = torch.compile(sg.grad(f).torch(*args), backend="eager")
    closely(module(*tensors(args)).numpy(), wanted(written, args, 1)[0])


def guarded(x, A):
    return sg.cond(x > 0, lambda: np.sum(np.linalg.inv(A)), lambda: x * np.sum(A))


def test_only_one_branch_runs_in_the_frameworks() -> None:
    torch.compiler.reset()
    args = [-2.0, np.zeros((2, 2))]
    for f, want in ((sg.function(guarded), 0.0), (sg.grad(guarded, wrt=1), -2 * np.ones((2, 2)))):
        closely(by_torch(f, args), want)
        closely(by_jax(f, args), want)
        module = torch.compile(f.torch(*args), backend="eager")
        closely(module(*tensors(args)).numpy(), want)


def test_torch_takes_batches() -> None:
    """Each point takes its own way: axes in front of an argument's own, or torch.vmap where nothing is counted."""
    a = np.array([[2.0, 3.0], [100.0, 1e-3]])
    for f, want in ((sg.function(root), np.sqrt(a)), (sg.grad(root), 0.5 / np.sqrt(a))):
        closely(f.torch(2.0)(torch.tensor(a)).numpy(), want, 1e-8)
    sides = np.array([[0.5, 0.25], [-0.5, 0.25], [-2.0, -3.0]])
    module, derived = (f.torch(0.7, sides[0]) for f in (sg.function(branch), sg.grad(branch, wrt=1)))
    x, several = tensors([0.7, sides])
    want = np.stack([sg.grad(branch, wrt=1)(0.7, side) for side in sides])
    closely(derived(x, several).numpy(), want)
    closely(torch.vmap(derived, (None, 0))(x, several).numpy(), want)
    # log1p of the branch that is not taken has no derivative at -2 and -3
    closely(torch.vmap(torch.func.grad(module, 1), (None, 0))(x, several).numpy(), want)
    X = np.stack([MATRICES[4], 2 * MATRICES[4]])
    many = torch.vmap(sg.grad(rnn).torch(*MATRICES), (None, None, None, None, 0))(*tensors([*MATRICES[:4], X]))
    closely(many.numpy(), np.stack([sg.grad(rnn)(*MATRICES[:4], x) for x in X]))


def test_what_torch_vmap_can_not_do_says_what_to_write() -> None:
    with pytest.raises(sg.UnsupportedError, match=r"torch\.vmap.*sg\.vmap"):
        torch.vmap(sg.function(root).torch(2.0))(torch.tensor([2.0, 3.0]))
    with pytest.raises(sg.ConvergenceError, match=r"5 passes.*limit="):
        sg.function(lambda x: sg.while_loop(lambda s: s > 0, lambda s: s, x, limit=5)).torch(1.0)(torch.tensor(1.0))


def test_no_passes_and_lengths_of_calls_in_the_frameworks() -> None:
    def f(x, xs):
        return sg.scan(lambda c, u: (c * u, c), x, xs)

    args = [2.0, np.zeros(0)]
    for run in (by_torch, by_jax):
        last, ys = run(sg.function(f), args)
        assert last == 2.0
        assert ys.shape == (0,)
    module = sg.function(powers).torch(0.7, 5)
    for n in (0, 1, 5):
        closely(module(torch.tensor(0.7, dtype=torch.float64), torch.tensor(n)).numpy(), powers_written_out(0.7, n))


def test_numbers_of_32_bits_in_torch() -> None:
    """Also where the body has no floating-point argument to say so."""

    def f(x):
        return x * sg.scan(lambda k, _: (k + 1, np.sin(k * 0.5)), 0, length=3)[1]

    got = sg.function(f).torch(1.0)(torch.tensor(1.0, dtype=torch.float32))
    assert got.dtype == torch.float32
    np.testing.assert_allclose(got.numpy(), np.sin([0.0, 0.5, 1.0]), rtol=1e-6)
    got = sg.grad(rnn).torch(*MATRICES)(*[x.float() for x in tensors(MATRICES)])
    assert got.dtype == torch.float32
    np.testing.assert_allclose(got.numpy(), sg.grad(rnn)(*MATRICES), rtol=1e-4, atol=1e-5)


def test_c_says_that_a_loop_would_go_on(tmp_path: Path) -> None:
    if CC is None:
        pytest.skip("no C compiler on this machine")
    f = sg.function(lambda x: sg.while_loop(lambda s: s > 0, lambda s: s * x, x, limit=20)).specialise(2.0)
    library = Library(tmp_path, {"f": f})
    assert "2 where a loop's condition still held" in library.headers["f"]
    assert library("f", [2.0])[0] == 2
    assert library("f", [-2.0]) == (0, [-2.0])
