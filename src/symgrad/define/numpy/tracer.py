"""The traced array: it stands for an argument's numbers, and writes into a graph what NumPy is asked to do with them.

NumPy hands every ufunc and function over by its protocols (NEP 13, NEP 18). What stands in no table raises a
TraceError that names the user's line; so does what would take numbers that are not there (`float(x)`, `if x > 0`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from symgrad.define.numpy.dtypes import own_dtype, python_number
from symgrad.define.numpy.messages import (
    METHOD_HINTS,
    STATIC_HINT,
    as_decision,
    as_index,
    as_numbers,
    method_hint,
    missing,
    module_of,
    ufunc_name,
)
from symgrad.define.numpy.operators import Operators
from symgrad.define.numpy.place import located, refuse
from symgrad.define.numpy.scope import innermost
from symgrad.define.numpy.signatures import STATIC, elements, named
from symgrad.define.numpy.views import AROUND, SHARING, Flat, Step, View, assign, own, refresh
from symgrad.errors import SymgradError, TraceError, WidenError
from symgrad.graph import REGISTER, Graph
from symgrad.ops.literal import constant_array

UFUNCS: dict[Any, Callable[..., Any]] = {}
"""What a call of each ufunc means: `meaning(*inputs)`. Filled by `ufuncs`."""
UNKNOWN: list[Callable[[Any], Callable[..., Any] | None]] = []
"""Who may know what a ufunc means that stands in no table yet: those of SciPy are known by their names."""
METHODS: dict[str, Callable[..., Any]] = {}
"""What a ufunc's own methods mean: `meaning(ufunc, *inputs, **keywords)` for reduce, accumulate, outer."""
FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""What each NumPy function means, of the same arguments. Filled by `implements`."""


def implements(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The decorated function is what these NumPy functions mean when an argument is traced."""

    def enter(meaning: Callable[..., Any]) -> Callable[..., Any]:
        for f in functions:
            FUNCTIONS[f] = meaning
        return meaning

    return enter


class Standing:
    """What stands for numbers while a function is traced: arrays, and complex ones."""

    __slots__ = ()


class Array(Operators, Standing):
    """A traced array of known shape and dtype; its numbers come when the function is called.

    It has the attributes, operators and methods of `numpy.ndarray` that can be differentiated or written down.
    """

    __array_priority__ = 1000.0
    __pandas_priority__ = 10_000  # its operators leave it to ours
    __slots__ = ("__weakref__", "_id", "fixed", "graph", "origin", "version", "weak")

    def __init__(self, graph: Graph, id: int, *, view_of: Array | None = None, by: Step = (), fixed: str = "") -> None:
        """`by` is the step from the array that this is a view of; `fixed` says why it can't be written to."""
        self.graph = graph
        self._id = id
        self.fixed = fixed
        self.version = 0
        """How often it was written to."""
        self.weak: type | None = None
        """int or float, where it stands for a Python number: as NumPy's, its dtype adapts to the arrays it meets."""
        self.origin = None if view_of is None else View(view_of, by)

    @property
    def id(self) -> int:
        """The node."""
        if self.origin is not None and self.origin.version != self.origin.owner.version:
            refresh(self)
        return self._id

    def renew(self, id: int) -> None:
        """The node of other numbers, of the same type."""
        self._id = id

    @property
    def shape(self) -> tuple[int, ...]:
        return self.graph.types[self._id].lengths

    @shape.setter
    def shape(self, shape: Any) -> None:
        refuse("x.shape = ...: write x = x.reshape(...)")

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.graph.types[self._id].dtype)

    @property
    def ndim(self) -> int:
        return len(self.graph.types[self._id].shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def T(self) -> Array:
        return np.transpose(self)  # type: ignore[call-overload]

    @property
    def mT(self) -> Array:
        return np.swapaxes(self, -1, -2)  # type: ignore[call-overload]

    @property
    def real(self) -> Array:
        return self

    @property
    def imag(self) -> Any:
        return np.zeros_like(self)  # type: ignore[call-overload]

    @property
    def flat(self) -> Flat:
        return Flat(self)

    @flat.setter
    def flat(self, value: Any) -> None:
        self.flat[:] = value

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[k] for k in range(self.shape[0]))

    def __getitem__(self, key: Any) -> Array:
        from symgrad.define.numpy.indexing import read

        return guarded("indexing", read, self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        from symgrad.define.numpy.indexing import write

        origin = value.origin if isinstance(value, Array) else None
        if origin is not None and origin.parent is self and origin.step[-1] is key:
            return  # the end of x[key] += y: it was written to the view x[key] already
        assign(self, guarded("writing to an index", write, self, key, value).id)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if keywords.pop("out", None) is not None:
            refuse(
                f"{ufunc_name(ufunc)} into an existing array (out=, or += on a NumPy array): "
                "write x = x + y, or start from a traced array such as np.zeros_like(x)"
            )
        name = ufunc_name(ufunc) + ("" if method == "__call__" else f".{method}")
        if method != "__call__":
            meaning = METHODS.get(method)
            if meaning is None:
                refuse(f"{name} can't be traced{METHOD_HINTS.get(method, '')}")
            return guarded(name, meaning, ufunc, *inputs, **keywords)
        where = keywords.pop("where", True)
        keywords = {k: v for k, v in keywords.items() if k not in ("casting", "order", "subok")}
        if where is not True:
            refuse(f"{name} with where=: write np.where(condition, {name}(...), otherwise)")
        dtype = keywords.pop("dtype", None)
        meaning = UFUNCS.get(ufunc) or next(filter(None, (known(ufunc) for known in UNKNOWN)), None)
        if meaning is None or keywords:
            refuse(missing(name, ufunc) if meaning is None else f"{name} with {', '.join(keywords)}= can't be traced")
        if all(python_number(v) or getattr(v, "weak", None) for v in inputs):
            widen(inputs)
        result = own(guarded(name, meaning, *inputs), inputs)
        return result if dtype is None else result.astype(dtype)

    def __array_function__(self, func: Any, types: Any, args: Any, keywords: Any) -> Any:
        name = f"{module_of(func)}.{func.__name__}"
        meaning = FUNCTIONS.get(func)
        if meaning is None:
            refuse(missing(name, func))
        if func not in ADAPTING:
            widen((args, tuple(keywords.values())))
        given = named(meaning, args, keywords)
        if given.get("out") is not None:
            refuse(f"{name} with out=: a traced result can't go into an existing array; use the returned one")
        for what in STATIC.intersection(given):
            if has_traced(given[what]):
                refuse(f"{name}: {what} must be known, and is traced: {STATIC_HINT}")
        keywords.pop("out", None)
        result = guarded(name, meaning, *args, **keywords)
        return result if func in SHARING else own(result, args)

    def __array__(self, *args: Any, **keywords: Any) -> NoReturn:
        refuse(as_numbers("a NumPy array"))

    def __float__(self) -> NoReturn:
        refuse(as_numbers("a Python float"))

    def __int__(self) -> NoReturn:
        refuse(as_numbers("a Python int"))

    def __complex__(self) -> NoReturn:
        refuse(as_numbers("a Python complex"))

    def __index__(self) -> NoReturn:
        refuse(as_index())

    def __bool__(self) -> NoReturn:
        refuse(as_decision())

    def __round__(self, digits: int | None = None) -> Array:
        return np.round(self, digits or 0)  # type: ignore[return-value]

    def __trunc__(self) -> NoReturn:
        refuse(as_numbers("a Python int"))

    __floor__ = __ceil__ = __trunc__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __delitem__(self, key: Any) -> NoReturn:
        refuse("del x[i]: arrays keep their length; write np.delete(x, i)")

    def item(self, *args: Any) -> Any:
        refuse(as_numbers("a Python number"))

    def tolist(self) -> Any:
        refuse(as_numbers("a list"))

    def __hash__(self) -> int:
        refuse("a traced value as a key of a dict or an element of a set: its number is not known")

    def __repr__(self) -> str:
        return f"<traced {self.graph.types[self._id]}>"

    def __getattr__(self, name: str) -> Any:
        """Methods of arrays that are functions of NumPy, too."""
        if name in _BY_FUNCTION:
            function = getattr(np, name)
            return lambda *args, **keywords: function(self, *args, **keywords)
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"a traced array has no attribute {name!r}")
        return refuse(f"the method {name} of an array can't be traced" + method_hint(name))

    def astype(self, dtype: Any, *args: Any, **keywords: Any) -> Array:
        return cast(self, dtype)

    def copy(self, *args: Any) -> Array:
        return Array(self.graph, self.id)

    def view(self, *args: Any) -> Array:
        return refuse("x.view: reinterpreting the memory of a traced array; write x.astype(dtype)")

    def flatten(self, order: str = "C") -> Array:
        return np.ravel(self, order).copy()  # type: ignore[call-overload]

    def transpose(self, *axes: Any) -> Array:
        order: Any = axes[0] if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))) else axes
        return np.transpose(self, order or None)  # type: ignore[call-overload]

    def reshape(self, *shape: Any, order: str = "C") -> Array:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)  # type: ignore[call-overload]

    def conj(self) -> Array:
        return self

    conjugate = conj


_BY_FUNCTION = frozenset(
    {
        *("all", "any", "argmax", "argmin", "argsort", "clip", "cumprod", "cumsum", "diagonal"),
        *("dot", "max", "mean", "min", "prod", "ravel", "repeat", "round", "searchsorted"),
        *("squeeze", "std", "sum", "swapaxes", "take", "trace", "var"),
    }
)


def guarded(name: str, meaning: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
    """`meaning(...)`; what is wrong with its arguments is said with the user's line."""
    scope = innermost()
    if scope is not None and scope.outer is not None:
        args = tuple(_within(scope.graph, a) for a in args)
        keywords = {n: _within(scope.graph, a) for n, a in keywords.items()}
    try:
        try:
            return meaning(*args, **keywords)
        except AttributeError:  # the first argument may be a plain array, and only another one traced
            if not args or isinstance(args[0], Array):
                raise
            g = graph_of(*args, *keywords.values())
            return meaning(lifted(g, args[0]), *args[1:], **keywords)
    except TraceError:
        raise
    except SymgradError as e:
        raise type(e)(located(f"{name}: {e}")) from e
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, NotImplementedError) as e:
        raise TraceError(located(f"{name}: {e}")) from e


def _own(g: Graph, value: Array) -> Array:
    """A traced array, of this function or of one around it, as one of `g`."""
    scope = innermost()
    if value.graph is g:
        return value
    if scope is None or scope.graph is not g or not scope.surrounds(value.graph):
        refuse("a traced array of another function, kept in a global or in an object: give it as an argument")
    return Array(g, scope.take(value), fixed=AROUND)


def _within(g: Graph, value: Any) -> Any:
    """`value` with the arrays in it, some of them of a function around this one, as those of `g`."""
    if isinstance(value, Array):
        return _own(g, value)
    if type(value) in (list, tuple) and has_traced(value):
        return type(value)([_within(g, v) for v in value])
    return value


def graph_of(*values: Any) -> Graph:
    """The graph that the traced ones among `values` (or in lists of them) are written to."""
    if (scope := innermost()) is not None and scope.outer is not None:
        return scope.graph
    stack = list(values)
    while stack:
        v = stack.pop()
        if isinstance(v, Array):
            return v.graph
        if isinstance(v, (list, tuple)):
            stack.extend(v)
    raise TypeError("no argument is traced")


def is_traced(value: Any) -> bool:
    return isinstance(value, Array)


def has_traced(value: Any) -> bool:
    """Whether it is traced, or a list that has something traced in it."""
    return any(isinstance(v, Standing) for v in elements(value))


ADAPTING = frozenset({np.where, np.clip, np.result_type})
"""Functions of NumPy, beside ufuncs, in which Python's numbers adapt to the arrays."""


def widen(values: Any) -> None:
    """WidenError if one of them is a Python float that was taken as float32: here NumPy has a float64."""
    for v in elements(values):
        if isinstance(v, Array) and v.weak is float and v.graph.types[v.id].dtype == "float32":
            raise WidenError


def node(g: Graph, value: Any, dtype: Any = None) -> int:
    """The node of a traced array, a NumPy array or a number; converted to `dtype` where one is given.

    Lists of traced values are stacked.
    """
    if isinstance(value, Array):
        value = _own(g, value)
        return value.id if dtype is None else cast(value, dtype).id
    if isinstance(value, (list, tuple)) and has_traced(value):
        return node(g, np.stack([lifted(g, v) for v in value]), dtype)  # type: ignore[arg-type]
    array = np.asarray(value)
    wanted = own_dtype(array.dtype if dtype is None else dtype)
    return constant_array(g, array.astype(wanted))


def lifted(g: Graph, value: Any) -> Array:
    """A traced array of any value."""
    return value if isinstance(value, Array) else Array(g, node(g, value))


def cast(x: Array, dtype: Any) -> Array:
    """`x` in another dtype."""
    wanted = own_dtype(dtype)
    own = x.graph.types[x.id].dtype
    if wanted == own:
        return Array(x.graph, x.id)
    if wanted == "float64":
        widen(x)
    if wanted == "bool":
        return np.not_equal(x, 0)  # type: ignore[return-value]
    return Array(x.graph, x.graph.build(REGISTER["cast"], (x.id,), (wanted,)))


def shapes(values: Sequence[Any]) -> list[tuple[int, ...]]:
    """The shape of each value: traced, not traced, or a list with both."""
    found = []
    for v in values:
        lengths = []
        while isinstance(v, (list, tuple)) and has_traced(v):
            lengths.append(len(v))
            v = next(x for x in v if has_traced(x))
        found.append((*lengths, *(v.shape if isinstance(v, Array) else np.shape(v))))
    return found
