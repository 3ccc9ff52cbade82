"""What sg.fit takes as data, and what it says to bad input."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

x, y, a, b = sp.symbols("x y a b")
MODEL = sp.Eq(y, a * sp.exp(-b * x))
XS = [0.0, 1.0, 2.0, 3.0, 4.0]
YS = [5.0, 3.1, 1.8, 1.2, 0.7]
START = {"a": 1.0, "b": 1.0}


def fit(start=START, model=MODEL, **columns):
    return sg.fit(model, {"x": XS, "y": YS} | columns, start)


class Frame:
    """The part of a data frame that counts: named columns, and iteration over names."""

    def __init__(self, columns):
        self._columns = columns

    def keys(self):
        return list(self._columns)

    def __getitem__(self, name):
        return self._columns[name]


class NA:
    """What pandas puts where a number is missing."""

    def __float__(self):
        raise TypeError("float() argument must be a string or a real number, not 'NAType'")


NA.__name__ = "NAType"


@pytest.mark.parametrize(
    "data",
    [
        {"x": np.array(XS), "y": np.array(YS)},
        {x: XS, y: YS},
        {"x": [0, 1, 2, 3, 4], "y": YS},
        {"x": tuple(range(5)), "y": YS},
        {"x": np.arange(5, dtype=np.int8), "y": np.array(YS, dtype=np.longdouble)},
        {"x": [Fraction(k) for k in range(5)], "y": [Decimal(str(v)) for v in YS]},
        {"x": XS, "y": YS, "note": ["not", "looked", "at", None, "!"]},
        Frame({"x": np.array(XS), "y": np.array(YS)}),
        np.array(list(zip(XS, YS, strict=True)), dtype=[("x", float), ("y", float)]),
    ],
    ids=["arrays", "symbols", "integers", "tuple", "dtypes", "numbers", "more columns", "frame", "structured"],
)
def test_columns_in_many_forms(data):
    assert sg.fit(MODEL, data, START).params == pytest.approx(fit().params, rel=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_row_and_column_of_what_is_not_finite_are_named(bad):
    with pytest.raises(sg.ArgumentError, match=r"'y' holds -?(nan|inf) in row 3 .*and 1 more"):
        fit(y=[1.0, 2.0, 3.0, bad, bad])


@pytest.mark.parametrize("missing", [None, NA()])
def test_missing_numbers_are_named(missing):
    with pytest.raises(sg.ArgumentError, match="'x' holds nan in row 1"):
        fit(x=[0.0, missing, 2.0, 3.0, 4.0])


def test_masked_numbers_are_missing():
    with pytest.raises(sg.ArgumentError, match="'x' holds nan in row 2"):
        fit(x=np.ma.array(XS, mask=[0, 0, 1, 0, 0]))


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (["a", "b", "c", "d", "e"], "row 0 holds 'a'"),
        ([1, 2, "3", 4, 5], "must be real numbers"),
        ([1, 2, [3], 4, 5], "rows differ in length"),
        ([1, 2, 3 + 1j, 4, 5], "must be real numbers"),
        (np.arange(5).astype("datetime64[D]"), "must be real numbers"),
        (np.ones((5, 2)), r"shape \(5, 2\)"),
    ],
    ids=["text", "some text", "ragged", "complex", "dates", "two axes"],
)
def test_what_is_no_column_of_numbers(column, says):
    with pytest.raises((sg.DtypeError, sg.ArgumentError), match=says):
        fit(x=column)


def test_unequal_lengths():
    with pytest.raises(sg.ArgumentError, match="x has 4, y has 5"):
        fit(x=XS[:4])


def test_no_rows():
    with pytest.raises(sg.ArgumentError, match="no rows"):
        fit(x=[], y=[])
    with pytest.raises(sg.ArgumentError, match="no column"):
        fit(x=1.0, y=2.0)


def test_fewer_rows_than_parameters():
    with pytest.raises(sg.ArgumentError, match="2 parameters need at least as many rows of data; there are 1"):
        fit(x=[1.0], y=[2.0])


def test_a_symbol_without_start_or_data():
    with pytest.raises(sg.ArgumentError, match="'b' is neither a data column"):
        fit(start={"a": 1.0})
    with pytest.raises(sg.ArgumentError, match=r"'x' is neither a data column.*did you mean 'xs'"):
        sg.fit(MODEL, {"xs": XS, "y": YS}, START)


def test_a_start_that_is_not_in_the_model():
    with pytest.raises(sg.ArgumentError, match="'bb', which is not in the model; did you mean 'b'"):
        fit(start=START | {"bb": 1.0})


def test_data_and_parameter_at_once():
    with pytest.raises(sg.ArgumentError, match="'a' is given as data and as a parameter"):
        fit(a=XS)


@pytest.mark.parametrize("start", [None, {}, [1.0, 2.0]])
def test_start_must_name_parameters(start):
    with pytest.raises(sg.ArgumentError, match="every parameter a value"):
        sg.fit(MODEL, {"x": XS, "y": YS}, start)


@pytest.mark.parametrize(
    ("value", "error"),
    [("x", sg.DtypeError), (np.nan, sg.ArgumentError), ([1, 2], sg.ArgumentError), ([[1]], sg.DtypeError)],
)
def test_start_must_be_numbers(value, error):
    with pytest.raises(error, match="'b'"):
        fit(start={"a": 1.0, "b": value})


def test_a_start_at_which_the_model_is_not_finite():
    with pytest.raises(sg.ArgumentError, match=r"the model is nan at the start, in row 0 \(counted from 0: x=0, y=5\)"):
        fit(model=sp.Eq(y, a * sp.log(x - b)))
    with pytest.raises(sg.ArgumentError, match="derivative by b is"):
        fit(model=sp.Eq(y, a * sp.sqrt(x + b)), start={"a": 1.0, "b": 0.0})


@pytest.mark.parametrize("model", [3, "y = a*x", sp.true, sp.Eq(y, y)])
def test_what_is_no_model(model):
    with pytest.raises(sg.SymgradError, match=r"fit takes|always true"):
        sg.fit(model, {"x": XS, "y": YS}, START)


def test_two_symbols_of_one_name():
    with pytest.raises(sg.ArgumentError, match="two different symbols named 'x'"):
        fit(model=sp.Eq(y, a * x + b * sp.Symbol("x", positive=True)))


def test_data_must_be_named():
    with pytest.raises(sg.DtypeError, match="must map names to columns"):
        sg.fit(MODEL, [XS, YS], START)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sigma": [1, 1, 0, 1, 1]}, "sigma must be positive; it is 0.0 in row 2"),
        ({"sigma": [1, 1]}, "sigma has 2 entries for 5 rows"),
        ({"sigma": "s"}, "'s' is not a data column"),
        ({"weights": [1, 1, -1, 1, 1]}, "weights must be at least 0"),
        ({"weights": np.zeros(5)}, "all weights are 0"),
        ({"weights": np.ones(5), "sigma": 1.0}, "not both"),
        ({"absolute_sigma": True}, "needs sigma"),
        ({"bounds": {"c": (0, 1)}}, "no parameter"),
        ({"bounds": {"a": (1, 1)}}, "low must be below high"),
        ({"bounds": {"a": 1}}, "must be a pair"),
        ({"bounds": {"a": (2, 3)}}, "outside its bounds"),
        ({"bounds": [(0, 1)]}, "must map parameters"),
        ({"solver": "bfgs"}, "it is 'auto', 'projected lm'"),
    ],
)
def test_bad_options(options, says):
    with pytest.raises(sg.SymgradError, match=says):
        sg.fit(MODEL, {"x": XS, "y": YS}, START, **options)
