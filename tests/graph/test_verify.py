"""The verifier: legal graphs pass, each broken invariant is named."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
import sympy as sp

import symgrad as sg
from symgrad.graph import CONST, REGISTER, Graph, Op, Type
from symgrad.graph.body import Body
from symgrad.graph.verify import _KINDS, verify

x, y = sp.symbols("x y")
k, n = sp.symbols("k n", integer=True)
FORMULAS = [
    x**2 * y + sp.sin(x) / 3 + sp.pi,
    sp.Piecewise((x, x < 1), (sp.sqrt(x), y > 2), (sp.Max(x, y), True)),
    sp.Sum(sp.sin(k * x) / k, (k, 1, n)),
    [x, sp.besselj(2, y) + 0.5],
    sp.Matrix([[x, 1], [sp.Rational(1, 3), x * y]]),
]


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_what_the_transforms_make_is_legal(formula):
    f = sg.function([x, y], formula)
    for made in (f, sg.jacobian(f), sg.jacobian(sg.jacobian(f)), sg.jvp(f), sg.vjp(f)):
        verify(made.graph, made.inputs, made.outputs)
        verify(*made.program)


def small() -> Graph:
    """0: x, 1: y, 2: x + y, 3: 2, 4: (x + y) * 2 as a product."""
    g = Graph()
    a, b = g.input("x", Type("float64")), g.input("y", Type("float64"))
    total = g.add(REGISTER["add"], (a, b))
    g.add(REGISTER["multiply"], (total, g.const(2)))
    return g


def _set(part: str, i: int, value: object) -> Callable[[Graph], None]:
    def change(g: Graph) -> None:
        getattr(g, part)[i] = value

    return change


ADD, SIN = REGISTER["add"], REGISTER["sin"]
BROKEN = [
    ("come before", _set("args", 2, (0, 2))),
    ("come before", _set("args", 2, (0, 4))),
    ("come before", _set("args", 2, (-1, 0))),
    ("come before", _set("args", 2, (0, True))),
    ("come before", _set("args", 2, (0, "y"))),
    ("tuples", _set("args", 2, [0, 1])),
    ("3 arguments", _set("args", 2, (0, 1, 1))),
    ("2 arguments", _set("ops", 2, SIN)),
    ("no registered", _set("ops", 2, Op("add", "elementwise", 2))),
    ("no registered", _set("ops", 2, "add")),
    ("1 attributes", _set("attrs", 2, (1,))),
    ("its type is given as float32", _set("types", 2, Type("float32"))),
    ("its type is given as", _set("types", 2, Type("float64", (2,)))),
    ("no type", _set("types", 2, ("float64", ()))),
    ("no type", _set("types", 2, Type("complex128"))),
    ("no shape", _set("types", 0, Type("float64", (-1,)))),
    ("the same as node 0", _set("attrs", 1, ("x", Type("float64")))),
    ("attribute name", _set("attrs", 0, (3, Type("float64")))),
    ("attribute type", _set("attrs", 0, ("x", "float64"))),
    ("attribute value", _set("attrs", 3, ("tau", "float64"))),
    ("attribute value", _set("attrs", 3, (b"2", "float64"))),
    ("attribute dtype", _set("attrs", 3, (2, "float16"))),
    ("no constant of bool", _set("attrs", 3, (2, "bool"))),
    ("no constant of int64", _set("attrs", 3, (Fraction(1, 2), "int64"))),
    ("4 entries in types", lambda g: g.types.pop()),
]


@pytest.mark.parametrize(("message", "break_it"), BROKEN)
def test_a_broken_graph_is_named(message, break_it):
    g = small()
    verify(g, [0, 1], [4])
    break_it(g)
    with pytest.raises(sg.FormulaError, match=message):
        verify(g, [0, 1], [4])


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ([0], [4], "'y' is needed"),
        ([0, 1], [5], "no node 5"),
        ([0, 1], [-1], "no node -1"),
        ([0, 1, 2], [4], "no input node"),
        ([0, 0, 1], [4], "one name"),
        ([0, 1], ["4"], "no node"),
    ],
)
def test_inputs_and_outputs_are_checked(inputs, outputs, message):
    with pytest.raises(sg.FormulaError, match=message):
        verify(small(), inputs, outputs)


def test_shapes_of_elementwise_arguments_agree():
    g = Graph()
    a, b = g.input("a", Type("float64", (3,))), g.input("b", Type("float64", (4,)))
    g.ops.append(ADD)
    g.args.append((a, b))
    g.attrs.append(())
    g.types.append(Type("float64", (3,)))
    with pytest.raises(sg.FormulaError, match="differ"):
        verify(g, [a, b], [2])


def test_loops_are_checked_inside_and_at_their_border():
    f = sg.function([x, n], sp.Sum(x**k, (k, 1, n)))
    graph, inputs, outputs = f.graph, f.inputs, f.outputs
    i = next(i for i, op in enumerate(graph.ops) if op.name == "fold")
    body, take = graph.attrs[i]
    for attrs, message in [((body, 1), "carry 1"), ((body, -1), "attribute take"), (("body", take), "attribute body")]:
        g = graph.copy()
        g.attrs[i] = attrs
        with pytest.raises(sg.FormulaError, match=message):
            verify(g, inputs, outputs)
    inner = body.graph.copy()
    last = len(inner) - 1
    inner.args[last] = (last, *inner.args[last][1:])
    g = graph.copy()
    g.attrs[i] = (Body.of(inner, body.inputs, body.outputs), take)
    with pytest.raises(sg.FormulaError, match="come before"):
        verify(g, inputs, outputs)


def test_the_kind_of_every_attribute_is_known():
    assert {name for op in REGISTER.values() for name in op.attrs} <= set(_KINDS)
    assert not any(_KINDS[name](object()) for name in _KINDS)
    assert CONST.attrs == ("value", "dtype")


@pytest.mark.parametrize(
    ("name", "shapes", "attrs", "message"),
    [
        ("element", [(3,)], ((3,),), "outside shape"),
        ("element", [(3,)], ((-1,),), "attribute index"),
        ("element", [(3,)], ((0, 0),), "does not fit"),
        ("basis", [], (3, 3, "float64"), "axis 3 of 3"),
        ("delta", [], (-1, "float64"), "no shape"),
        ("einsum", [(3,), (4,)], ("i,i->",), "3 and 4 long"),
        ("einsum", [(3,)], ("i",), "letters"),
        ("einsum", [(3,)], ("...->...",), "letters"),
        ("einsum", [(3,)], ("i->j",), "in no operand"),
        ("broadcast", [(3,)], ((2, 4),), "not the end"),
        ("reshape", [(3,)], ((2, 2),), "not the elements"),
        ("inv", [(3, 4)], (), "square"),
        ("solve", [(3, 3), (4,)], (), "right side"),
        ("stack", [(3,)], ((1,),), "fill"),
    ],
)
def test_arrays_that_do_not_fit(name, shapes, attrs, message):
    g = Graph()
    args = tuple(g.input(f"x{k}", Type("float64", s)) for k, s in enumerate(shapes))
    g.ops.append(REGISTER[name])
    g.args.append(args)
    g.attrs.append(attrs)
    g.types.append(Type("float64", (-1, -1)) if name == "delta" else Type("float64"))
    with pytest.raises(sg.FormulaError, match=message):
        verify(g, list(args), [len(args)])
