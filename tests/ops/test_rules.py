"""Every rule of the register against 40 digits; the check itself against rules made wrong on purpose."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from symgrad.compile.numpy import Reference
from symgrad.derive.local import MINUS_ONE, ONE, SHORT
from symgrad.dialects import sympy as sympy_dialect
from symgrad.dialects.numpy import lowering
from symgrad.errors import UnsupportedError
from symgrad.graph import REGISTER, Graph, Node, Op, Type
from symgrad.ops.declare import Unknown
from tests.ops.checking import EPS, derive, evaluate, passive, scale, worst
from tests.ops.sampling import cases, points
from tests.ops.truth import TRUTH

ELEMENTWISE = sorted(name for name, op in REGISTER.items() if op.kind == "elementwise")
CONSTANT = sorted(name for name, op in REGISTER.items() if op.kind == "constant")
EVERY_CASE = [(name, attrs) for name in ELEMENTWISE for attrs in cases(REGISTER[name])]

ULPS = 60.0
"""What a derivative may be off, in units of the last place of |D| + sum |x dD/dx|."""

WIDER: dict[str, tuple[float, str]] = {
    "beta": (400, "digamma(x) - digamma(x + y) cancels where y << x"),
    "betaln": (400, "digamma(x) - digamma(x + y) cancels where y << x"),
    "binom": (200, "differences of digamma"),
    "betainc": (200, "exp of a difference of logarithms"),
    "ellipd3inc": (500, "by m: a difference of order m**2"),
    "ellipdinc": (200, "by m: a difference of order m"),
    "ellippart": (3e4, "by n and m: differences that vanish at n = 0 and n = m"),
    "ellippi": (3e4, "by n and m: differences that vanish at n = m"),
    "elliprd": (1e4, "second derivatives are divided differences of nearby arguments"),
    "ellipmoment": (1000, "recurrences divide by m as often as it was differentiated"),
    "elliprf": (1e4, "second derivatives are divided differences of nearby arguments"),
    "elliprj": (1e4, "second derivatives are divided differences of nearby arguments"),
    "erfcx": (2000, "2 x y - 2/sqrt(pi) cancels for large x"),
    "eval_chebyt": (3000, "SciPy's value, by a hypergeometric series"),
    "eval_chebyu": (2000, "SciPy's value, by a hypergeometric series"),
    "eval_gegenbauer": (1000, "SciPy's value, by a hypergeometric series"),
    "eval_jacobi": (3e4, "SciPy's value, by a hypergeometric series"),
    "eval_legendre": (500, "SciPy's value, by a hypergeometric series"),
    "gammainc": (200, "exp of a difference of logarithms"),
    "gammaincc": (200, "exp of a difference of logarithms"),
    "hyp1f1": (2000, "SciPy's value"),
    "hyp2f1": (4000, "SciPy's value"),
    "jv": (500, "SciPy's value at a real order"),
    "kv": (500, "SciPy's value at a real order"),
    "log_ndtr": (1e4, "erfcx, to the left"),
    "lpmv": (200, "SciPy's value"),
    "riemann_zeta": (200, "SciPy's value for s < 0"),
    "spence": (200, "SciPy's hyp2f1 near its pole"),
    "yv": (500, "SciPy's value at a real order"),
}
"""Operations that may be further off, and why."""

SLOW = {"elliprj", "ellippi", "ellippart", "lpmv"}
"""Their truth takes long: fewer points here."""
HIGHEST = {"lpmv": 2, "elliprf": 2, "elliprd": 2, "elliprj": 2, "ellippi": 2, "ellippart": 1}
"""Orders up to which a rule promises accuracy, where that is not any order."""


def allowed(name: str) -> float:
    return WIDER[name][0] if name in WIDER else ULPS


def check(op: Op, attrs: dict[str, Any], order: int, count: int, **more: Any) -> None:
    order = min(order, HIGHEST.get(op.name, order))
    for orders, (error, point) in worst(op, attrs, order, count, **more).items():
        assert error <= allowed(op.name), f"{op.name} {attrs} derivative {orders} at {point}: {error:.3g} ulps"


@pytest.mark.parametrize(("name", "attrs"), EVERY_CASE)
def test_value_first_and_second_derivatives(name: str, attrs: dict[str, Any]) -> None:
    check(REGISTER[name], attrs, 2, 2 if name in SLOW else 6)


@pytest.mark.parametrize(("name", "attrs"), [c for c in EVERY_CASE if c[0] not in SLOW | {"elliprd", "kv"}])
def test_third_derivatives(name: str, attrs: dict[str, Any]) -> None:
    check(REGISTER[name], attrs, 3, 3, seed=1)


@pytest.mark.parametrize(("p", "q"), [(1, 0), (1, 1), (2, 1), (3, 2)])
@pytest.mark.parametrize(("phi", "m"), [(0.7, -2.5), (-1.4, 0.8), (2.5, 0.0), (1.1, 1e-9)])
def test_moments_truth_is_the_integral(phi: float, m: float, p: int, q: int) -> None:
    integral = mp.quad(
        lambda t: mp.sin(t) ** (2 * p) * (1 - m * mp.sin(t) ** 2) ** (-q - mp.mpf(1) / 2), mp.linspace(0, phi, 5)
    )
    assert abs(TRUTH["ellipmoment"](mp.mpf(phi), mp.mpf(m), p, q) - integral) < 1e-13 * abs(integral)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "attrs"), EVERY_CASE)
def test_many_points(name: str, attrs: dict[str, Any]) -> None:
    check(REGISTER[name], attrs, 3, 10 if name in SLOW else 60, seed=2)


@pytest.mark.parametrize(("name", "attrs"), [c for c in EVERY_CASE if passive(REGISTER[c[0]])])
def test_passive_arguments_as_constants(name: str, attrs: dict[str, Any]) -> None:
    """Rules may take a constant order or degree apart (J_0' = -J_1)."""
    check(REGISTER[name], attrs, 2, 3, fixed=True, seed=3)


@pytest.mark.parametrize("name", CONSTANT)
def test_values_of_operations_without_derivative(name: str) -> None:
    op = REGISTER[name]
    if name not in TRUTH:
        assert op.typing is not None  # comparisons and booleans: tests/ops/test_compare.py
        pytest.skip("not a real function")
    g = Graph()
    args = [g.input(f"x{k}", Type("float64")) for k in range(len(op.domain))]
    rows = points(op, 30)
    columns = [np.array([r[k] for r in rows], float) for k in range(len(args))]
    got = Reference(g, args, [g.add(op, tuple(args))])(columns)[0]
    assert got.tolist() == [float(TRUTH[name](*r)) for r in rows]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_declared_completely(name: str) -> None:
    """A truth to be checked against, a NumPy lowering or fallback, and a form in SymPy."""
    op = REGISTER[name]
    assert name in TRUTH
    assert lowering(op) is not None or op.fallback is not None
    written = {*sympy_dialect.SAME.values(), *sympy_dialect.FOLDED.values(), *sympy_dialect.WRITTEN}
    assert name in written or op.means is not None
    assert len(op.rule) == len(op.domain) == op.arity


@pytest.mark.parametrize(("name", "attrs"), EVERY_CASE)
def test_float32(name: str, attrs: dict[str, Any]) -> None:
    """The same program in float32, against float64 at arguments that float32 holds exactly."""
    op = REGISTER[name]
    rows = [tuple(v if isinstance(v, bool) else float(np.float32(v)) for v in r) for r in points(op, 12, seed=4)]
    order = min(2, HIGHEST.get(name, 2))
    got = {}
    for dtype in ("float32", "float64"):
        own = {"dtype": dtype} if name == "cast" else attrs
        got[dtype] = evaluate(derive(op, own, dtype, order + 1), rows, dtype)
    compared = 0
    for orders, exact in got["float64"].items():
        if sum(orders) > order:
            continue
        assert got["float32"][orders].dtype == np.float32
        for k, row in enumerate(rows):
            size = scale(got["float64"], orders, row, k)
            if not 1e-30 < size < 1e30:
                continue  # out of float32's range, or no real number
            error = abs(float(got["float32"][orders][k]) - float(exact[k])) / size / EPS["float32"]
            assert error <= max(allowed(name), 100), f"{name} {attrs} {orders} at {row}: {error:.3g} ulps"
            compared += 1
    assert compared > 0


@pytest.mark.parametrize(
    ("name", "attrs"),
    [c for c in EVERY_CASE if REGISTER[c[0]].fallback is not None and lowering(REGISTER[c[0]]) is not None],
)
def test_fallback_equals_lowering(name: str, attrs: dict[str, Any]) -> None:
    """What a back end without the operation computes instead."""
    op = REGISTER[name]
    rows = points(op, 40, seed=5)
    g = Graph()
    args = [g.input(f"x{k}", Type("float64")) for k in range(len(op.domain))]
    own = g.add(op, tuple(args), tuple(attrs[a] for a in op.attrs))
    other = op.fallback(*(Node(g, a) for a in args), **attrs).id
    a, b = Reference(g, args, [own, other])([np.array(c, float) for c in zip(*rows, strict=True)])
    slope = evaluate(derive(op, attrs, "float64", 1), rows, "float64")
    for k in range(len(rows)):
        zero = tuple(0 for _ in args)
        size = scale(slope, zero, rows[k], k)
        if math.isfinite(size):
            assert abs(a[k] - b[k]) <= 200 * EPS["float64"] * size, (name, attrs, rows[k], a[k], b[k])


@pytest.mark.parametrize(
    ("name", "k"),
    [(n, k) for n in ELEMENTWISE for k, r in enumerate(REGISTER[n].rule) if isinstance(r, Unknown)],
)
def test_refused_derivatives_say_which(name: str, k: int) -> None:
    op = REGISTER[name]
    g = Graph()
    args = [g.input(f"x{j}", Type("float64")) for j in range(len(op.domain))]
    root = g.add(op, tuple(args))
    from symgrad.derive.accumulate import forward, reverse

    for mode in (forward, reverse):
        with pytest.raises(UnsupportedError, match=r"has no closed form; hold .* constant"):
            mode(g, [root], [args[k]])


def _mutants(name: str) -> list[tuple[str, int, Any]]:
    """Wrong rules: each partial derivative with the wrong sign, and off by one part in a million."""
    out = []
    op = REGISTER[name]
    for k, rule in enumerate(op.rule):
        if rule is None or isinstance(rule, Unknown) or k in passive(op):
            continue
        for factor in (-1, 1 + 1e-6):

            def wrong(*nodes: Any, _rule: Any = rule, _factor: Any = factor, **attrs: Any) -> Any:
                p = _rule(*nodes, **attrs)
                return None if p is None else p * _factor

            out.append((f"argument {k} times {factor}", k, wrong))
    return out


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_wrong_rules_are_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check fails for a wrong sign and for a relative error of 1e-6 in any partial derivative."""
    op = REGISTER[name]
    attrs = cases(op)[0]
    monkeypatch.delitem(SHORT, name, raising=False)
    for what, k, wrong in _mutants(name):
        with monkeypatch.context() as patch:
            patch.setattr(op, "rule", tuple(wrong if j == k else r for j, r in enumerate(op.rule)))
            try:
                check(op, attrs, 1, 4)
            except AssertionError:
                continue
            pytest.fail(f"{name}: {what} was not caught")


@pytest.mark.parametrize("name", sorted(SHORT))
def test_shortcuts_are_the_declared_rules(name: str) -> None:
    g = Graph()
    x, y = g.input("x", Type("float64")), g.input("y", Type("float64"))
    z = g.add(REGISTER[name], (x, y))
    nodes = [Node(g, i) for i in (x, y, z)]
    declared = [rule(*nodes) for rule in REGISTER[name].rule]
    expected = [{1: ONE, -1: MINUS_ONE}[p] if isinstance(p, int) else p.id for p in declared]
    assert list(SHORT[name]((x, y))) == expected
