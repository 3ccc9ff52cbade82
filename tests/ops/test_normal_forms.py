"""What construction folds, and what it leaves alone: only what IEEE arithmetic allows."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest

from symgrad.compile.numpy import Reference
from symgrad.graph import REGISTER, Graph, Node, Type
from symgrad.ops import arith, compare, elementary

INF, NAN = math.inf, math.nan


@pytest.fixture
def g() -> Graph:
    return Graph()


def inputs(g: Graph, count: int, dtype: str = "float64") -> list[Node]:
    return [Node(g, g.input(f"x{k}", Type(dtype))) for k in range(count)]


def const(g: Graph, value: Any, dtype: str = "float64") -> Node:
    return Node(g, g.const(value, dtype))


def test_equal_expressions_are_one_node(g: Graph) -> None:
    x, y = inputs(g, 2)
    assert (x + y).id == (y + x).id
    assert (x * y).id == (y * x).id
    assert (x * x).id == (x**2).id
    assert (x**2 * x**3).id == (x**5).id
    assert ((x**2) ** 3).id == (x**6).id
    assert (x + x).id == (2 * x).id
    assert (2 * (3 * x)).id == (6 * x).id
    minus = -x
    assert (-minus).id == x.id
    assert ((-x) * (-y)).id == (x * y).id
    assert ((-x) * y).id == (-(x * y)).id
    assert (x - (-y)).id == (x + y).id
    assert (-(x - y)).id == (y - x).id
    assert ((-x) + y).id == (y - x).id
    assert (x / (1 / y)).id == (x * y).id
    assert (x * (1 / y)).id == (x / y).id
    assert (x / 4).id == (Fraction(1, 4) * x).id
    assert elementary.sin(-x).id == (-elementary.sin(x)).id
    assert elementary.cos(-x).id == elementary.cos(x).id
    assert elementary.maximum(x, x).id == x.id
    assert elementary.maximum(x, y).id == elementary.maximum(y, x).id


def test_neutral_elements(g: Graph) -> None:
    (x,) = inputs(g, 1)
    for same in (x + 0, 0 + x, x - 0, x * 1, 1 * x, x / 1, x**1, elementary.power(x, 1)):
        assert same.id == x.id
    assert (0 - x).id == (-x).id
    assert (x**0).op.name == "const"
    assert (x**-2).id == (1 / x**2).id
    assert elementary.power(x, Fraction(1, 2)).id == elementary.sqrt(x).id
    assert elementary.power(x, 3.0).id == (x**3).id


@pytest.mark.parametrize("value", [0.0, 2.0, -3.0, INF, NAN])
def test_nothing_is_lost_at_zero_infinity_and_nan(g: Graph, value: float) -> None:
    (x,) = inputs(g, 1)
    nodes = [0 * x, x - x, x / x, x * 0.0, x + 0, -(x * 0)]
    with_numpy = Reference(g, [x.id], [n.id for n in nodes])([value])
    plain = [0 * value, value - value, value / value if value else NAN, value * 0.0, value + 0, -(value * 0)]
    for got, want in zip(with_numpy, plain, strict=True):
        assert (math.isnan(got) and math.isnan(want)) or got == want


def test_constants_fold_exactly(g: Graph) -> None:
    third, half = const(g, Fraction(1, 3)), const(g, Fraction(1, 2))
    assert g.value((third + half).id) == Fraction(5, 6)
    assert g.value((third * 3).id) == 1
    assert g.value((third - third).id) == 0
    assert g.value((half / third).id) == Fraction(3, 2)
    assert g.value((const(g, 2) ** 10).id) == 1024
    assert g.value((const(g, 0.1) + const(g, 0.2)).id) == 0.1 + 0.2
    assert (const(g, 10) ** 60).op.name == "integer_power"  # too many digits to read
    assert (const(g, "pi") + 0).op.name == "const"
    assert (const(g, "pi") * 2).op.name == "multiply"  # names stay


def test_constants_are_told_apart_by_their_bits(g: Graph) -> None:
    assert g.const(0.0) != g.const(-0.0)
    assert g.const(NAN) == g.const(NAN)
    assert g.const(1) != g.const(1.0)
    assert g.const(True, "bool") != g.const(1)
    assert g.const(1, "float32") != g.const(1, "float64")
    assert g.const(Fraction(4, 2)) == g.const(2)


def test_choices_fold(g: Graph) -> None:
    x, y = inputs(g, 2)
    c = x < y
    assert arith.where(c, x, x).id == x.id
    assert arith.where(const(g, True, "bool"), x, y).id == x.id
    assert arith.where(const(g, False, "bool"), x, y).id == y.id
    assert arith.where(compare.logical_not(c), x, y).id == arith.where(c, y, x).id
    assert arith.mask(const(g, True, "bool"), x).id == x.id
    assert arith.mask(c, arith.mask(c, x)).id == arith.mask(c, x).id
    assert (arith.mask(c, x) * y).id == arith.mask(c, x * y).id
    assert (arith.mask(c, x) + arith.mask(c, y)).id == arith.mask(c, x + y).id
    assert (arith.mask(c, x) + arith.mask(compare.logical_not(c), y)).id == arith.where(c, x, y).id
    assert (arith.mask(c, x) - arith.mask(c, y)).id == arith.mask(c, x - y).id
    assert (-arith.mask(c, x)).id == arith.mask(c, -x).id


@pytest.mark.parametrize(
    ("name", "true"),
    [("less", 1), ("less_equal", 1), ("greater", 0), ("greater_equal", 0), ("equal", 0), ("not_equal", 1)],
)
def test_relations_between_numbers_fold(g: Graph, name: str, true: int) -> None:
    op = REGISTER[name]
    assert g.value(op(const(g, 1), const(g, Fraction(3, 2))).id) is bool(true)
    assert g.value(op(const(g, NAN), const(g, 1.0)).id) is (name == "not_equal")
    assert g.value(op(const(g, 2), const(g, 2.0)).id) is (name in ("less_equal", "greater_equal", "equal"))
    (x,) = inputs(g, 1)
    assert op(x, x).op is op  # NaN is not equal to itself
    assert op(const(g, "pi"), 3).op is op


def test_relations_evaluate(g: Graph) -> None:
    x, y = inputs(g, 2)
    names = ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"]
    run = Reference(g, [x.id, y.id], [REGISTER[n](x, y).id for n in names])
    assert [bool(v) for v in run([1.0, 2.0])] == [True, True, False, False, False, True]
    assert [bool(v) for v in run([2.0, 2.0])] == [False, True, False, True, True, False]
    assert [bool(v) for v in run([NAN, 2.0])] == [False, False, False, False, False, True]
    assert all(g.types[REGISTER[n](x, y).id].dtype == "bool" for n in names)


def test_booleans_fold_and_evaluate(g: Graph) -> None:
    p, q = inputs(g, 2, "bool")
    yes, no = const(g, True, "bool"), const(g, False, "bool")
    assert compare.logical_and(p, p).id == p.id
    assert compare.logical_and(p, yes).id == p.id
    assert compare.logical_and(no, p).id == no.id
    assert compare.logical_or(p, no).id == p.id
    assert compare.logical_or(yes, p).id == yes.id
    assert compare.logical_not(compare.logical_not(p)).id == p.id
    assert compare.logical_not(yes).id == no.id
    assert compare.logical_and(p, q).id == compare.logical_and(q, p).id
    ops = (compare.logical_and, compare.logical_or, compare.logical_xor)
    run = Reference(g, [p.id, q.id], [*(op(p, q).id for op in ops), compare.logical_not(p).id])
    for a in (False, True):
        for b in (False, True):
            assert [bool(v) for v in run([a, b])] == [a and b, a or b, a != b, not a]


def test_numbers_take_the_dtype_of_their_node(g: Graph) -> None:
    (x,) = inputs(g, 1, "float32")
    for node in (2 * x, x + 1, 1 - x, x / 3, x**-1, elementary.sinh(x) * Fraction(1, 3), abs(x) - 0.5):
        assert node.type.dtype == "float32"
        assert all(g.types[i].dtype == "float32" for i in range(len(g)))


def test_a_node_has_no_truth_value(g: Graph) -> None:
    (x,) = inputs(g, 1)
    with pytest.raises(TypeError, match="where"):
        bool(x < 1)
    with pytest.raises(TypeError, match="can't stand in a graph"):
        x + b"abc"  # type: ignore[operator]


def test_every_operation_can_be_lowered() -> None:
    from symgrad.dialects.numpy import lowering

    for op in REGISTER.values():
        if op.kind not in ("leaf", "control", "flow") and op.name != "implicit":  # those run bodies: compile.numpy
            assert lowering(op) is not None or op.fallback is not None, op.name
