"""Readers of SymPy's special functions whose node depends on the arguments: a static order, a varying arity."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.define.sympy import OWN_WALK, Import, brief, reads
from symgrad.errors import UnsupportedError
from symgrad.graph import Node
from symgrad.ops import arith, compare, elementary
from symgrad.ops.elementary import HALF, scalar
from symgrad.ops.special import bessel, elliptic, exponential, gamma, hypergeometric, polynomials


def nodes(imp: Import, args: list[int]) -> list[Node]:
    return [Node(imp.graph, a) for a in args]


def whole(e: Any, value: Any, what: str, least: int | None = None) -> int:
    """The order of a function that is declared for fixed integer orders only."""
    if not value.is_Integer or (least is not None and value < least):
        wanted = "an integer" if least is None else f"an integer >= {least}"
        raise UnsupportedError(f"{brief(e)}: {what} must be {wanted} number, not {value}")
    return int(value)


@reads(sp.zeta)
def _zeta(imp: Import, e: Any, args: list[int]) -> int:
    s, *q = nodes(imp, args)
    return (gamma.zeta(s, q[0]) if q and e.args[1] != 1 else gamma.riemann_zeta(s)).id


@reads(sp.elliptic_e)
def _elliptic_e(imp: Import, e: Any, args: list[int]) -> int:
    return (elliptic.ellipe if len(args) == 1 else elliptic.ellipeinc)(*nodes(imp, args)).id


@reads(sp.elliptic_pi)
def _elliptic_pi(imp: Import, e: Any, args: list[int]) -> int:
    n, *phi, m = nodes(imp, args)
    return elliptic.ellippi(n, phi[0] if phi else HALF * scalar(m, "pi"), m).id


@reads(sp.LambertW)
def _lambertw(imp: Import, e: Any, args: list[int]) -> int:
    k = whole(e, e.args[1], "the branch") if len(args) == 2 else 0
    if k not in (0, -1):
        raise UnsupportedError(f"{brief(e)} is complex: the real branches of LambertW are 0 and -1")
    return exponential.lambertw(Node(imp.graph, args[0]), k=k).id


@reads(sp.polygamma)
def _polygamma(imp: Import, e: Any, args: list[int]) -> int:
    return gamma.polygamma(Node(imp.graph, args[1]), n=whole(e, e.args[0], "the order", 0)).id


@reads(sp.uppergamma)
def _uppergamma(imp: Import, e: Any, args: list[int]) -> int:
    s, x = nodes(imp, args)
    first = e.args[0]
    if first.is_Integer and first <= 0:  # DLMF 8.4.15: by the exponential integral
        n = 1 - int(first)
        return (x ** int(first) * exponential.expn(x, n=n)).id
    return gamma.uppergamma(s, x).id


@reads(sp.expint)
def _expint(imp: Import, e: Any, args: list[int]) -> int:
    order, x = e.args[0], Node(imp.graph, args[1])
    if order.is_Integer and order >= 0:
        return exponential.expn(x, n=int(order)).id
    if order.is_number and order < 1:
        v = Node(imp.graph, args[0])
        return (elementary.power(x, v - 1) * gamma.uppergamma(1 - v, x)).id
    raise UnsupportedError(f"{brief(e)}: the order of an exponential integral is an integer, or a number below 1")


@reads(sp.jn, sp.yn)
def _spherical(imp: Import, e: Any, args: list[int]) -> int:
    order, x = e.args[0], Node(imp.graph, args[1])
    first = isinstance(e, sp.jn)
    if order.is_Integer and order >= 0:
        return (bessel.spherical_jn if first else bessel.spherical_yn)(x, n=int(order)).id
    v = Node(imp.graph, args[0]) + HALF
    return (elementary.sqrt(scalar(x, "pi") / (2 * x)) * (bessel.jv if first else bessel.yv)(v, x)).id


@reads(sp.hermite, sp.hermite_prob)
def _hermite(imp: Import, e: Any, args: list[int]) -> int:
    op = polynomials.eval_hermite if isinstance(e, sp.hermite) else polynomials.eval_hermitenorm
    return op(Node(imp.graph, args[1]), n=whole(e, e.args[0], "the degree", 0)).id


@reads(sp.polylog)
def _polylog(imp: Import, e: Any, args: list[int]) -> int:
    s, z = e.args[0], Node(imp.graph, args[1])
    known = {
        2: lambda: exponential.spence(1 - z),
        1: lambda: -elementary.log1p(-z),
        0: lambda: z / (1 - z),
        -1: lambda: z / (1 - z) ** 2,
    }
    if s not in known:
        raise UnsupportedError(f"{brief(e)}: polylog is known for the orders 2, 1, 0 and -1")
    return known[int(s)]().id


OWN_WALK.add(sp.hyper)


@reads(sp.hyper)
def _hyper(imp: Import, e: Any, args: list[int]) -> int:
    above, below, z = e.args
    size = (len(above), len(below))
    forms: dict[tuple[int, int], Any] = {
        (0, 0): elementary.exp,
        (1, 0): lambda a, z: elementary.power(1 - z, -a),
        (0, 1): hypergeometric.hyp0f1,
        (1, 1): hypergeometric.hyp1f1,
        (2, 1): hypergeometric.hyp2f1,
    }
    if size not in forms:
        raise UnsupportedError(f"{brief(e)}: of hypergeometric functions, 0F1, 1F1 and 2F1 can be computed")
    return forms[size](*nodes(imp, imp.inner([*above, *below, z]))).id


@reads(sp.SingularityFunction)
def _singularity(imp: Import, e: Any, args: list[int]) -> int:
    n = whole(e, e.args[2], "the exponent", 0)
    x, a, _ = nodes(imp, args)
    inside = x - a
    value = inside**n if n else scalar(x, 1)
    return arith.where(compare.greater_equal(inside, 0), value, scalar(x, 0)).id


@reads(sp.factorial2)
def _factorial2(imp: Import, e: Any, args: list[int]) -> int:
    """gamma(n/2 + 1) 2**(n/2), and the factor sqrt(2/pi) for odd n, made smooth as SymPy has it."""
    n = Node(imp.graph, args[0])
    pi = scalar(n, "pi")
    odd = elementary.power(2 / pi, (1 - elementary.cos(pi * n)) / 4)
    return (gamma.gamma(HALF * n + 1) * elementary.power(scalar(n, 2), HALF * n) * odd).id


@reads(sp.fibonacci, sp.lucas)
def _fibonacci(imp: Import, e: Any, args: list[int]) -> int:
    """Binet's formula, with cos(pi n) for (-1)**n."""
    if len(args) > 1:
        raise UnsupportedError(f"{brief(e)}: Fibonacci polynomials are known for a number n only; call .doit()")
    n = Node(imp.graph, args[0])
    ratio = scalar(n, "GoldenRatio")
    up, down = elementary.power(ratio, n), elementary.cos(scalar(n, "pi") * n) * elementary.power(ratio, -n)
    return (up + down if isinstance(e, sp.lucas) else (up - down) / elementary.sqrt(scalar(n, 5))).id


OWN_WALK.add(sp.Contains)


@reads(sp.Contains)
def _contains(imp: Import, e: Any, args: list[int]) -> int:
    x, where = e.args
    try:
        condition = where.as_relational(x)
    except (AttributeError, NotImplementedError, TypeError, ValueError):  # SymPy's, by the kind of set
        raise UnsupportedError(f"{brief(e)}: the set can't be written as inequalities") from None
    return imp.inner([condition])[0]


OWN_WALK.add(sp.Equivalent)  # its arguments are a set


@reads(sp.Equivalent)
def _equivalent(imp: Import, e: Any, args: list[int]) -> int:
    first, *rest = nodes(imp, imp.inner(sorted(e.args, key=str)))
    out = scalar(first, True)
    for p in rest:
        out = compare.logical_and(out, compare.logical_not(compare.logical_xor(first, p)))
    return out.id


@reads(sp.im)
def _im(imp: Import, e: Any, args: list[int]) -> int:
    return imp.graph.const(0, imp.dtype)


@reads(sp.core.numbers.NaN)
def _nan(imp: Import, e: Any, args: list[int]) -> int:
    return imp.graph.const(float("nan"), imp.dtype)


@reads(sp.dirichlet_eta)
def _dirichlet_eta(imp: Import, e: Any, args: list[int]) -> int:
    (s,) = nodes(imp, args[:1])
    value = (1 - elementary.power(scalar(s, 2), 1 - s)) * gamma.riemann_zeta(s)
    return arith.where(compare.equal(s, 1), elementary.log(scalar(s, 2)), value).id
