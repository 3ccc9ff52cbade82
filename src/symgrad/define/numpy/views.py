"""Views of traced arrays: `v = a[1:]` shares its numbers with `a`, and what is written to one is seen in the other.

A view knows the array that owns the numbers, and the steps that lead from there to it. Read after the owner was
written to, it takes these steps anew; written to, it puts the numbers back to where they are in the owner: the same
steps, taken with the places 0, 1, 2, ... in an array of NumPy, say where that is.

Whether `a.reshape(...)` is a view depends on the order of `a` in memory, which a traced array has not. It counts as
one where it is for the orders "C" and "F", as no view where it is for neither, and is else refused when it matters.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from symgrad.define.numpy.place import refuse
from symgrad.define.numpy.scope import innermost

if TYPE_CHECKING:
    from symgrad.define.numpy.tracer import Array

Step = tuple[Any, ...]
"""The name of a function, and what it takes beside the array."""
_FUNCTIONS: dict[str, Any] = {
    n: getattr(np, n) for n in ("transpose", "reshape", "expand_dims", "squeeze", "broadcast_to", "flip", "diagonal")
}
"""NumPy's own: while a function is traced, the names in its module lead elsewhere."""
_FUNCTIONS["getitem"] = operator.getitem
_EINSUM = np.einsum
_FUNCTIONS["einsum"] = lambda a, subscripts: _EINSUM(subscripts, a)
_SHARING = """
transpose permute_dims matrix_transpose swapaxes moveaxis rollaxis reshape ravel expand_dims squeeze flip fliplr flipud
rot90 broadcast_to broadcast_arrays diagonal diag atleast_1d atleast_2d atleast_3d split array_split hsplit vsplit
dsplit unstack einsum meshgrid real imag real_if_close diff nan_to_num asarray asanyarray
ascontiguousarray asfortranarray
"""
SHARING = frozenset(getattr(np, n) for n in _SHARING.split() if hasattr(np, n)) | {
    getattr(np.linalg, n) for n in ("matrix_transpose", "diagonal") if hasattr(np.linalg, n)
}
"""Functions of NumPy whose results may share their numbers with an argument; those of the others are new."""
_ASKS = tuple(map(int, np.__version__.split(".")[:2])) >= (2, 1)
"""Whether np.reshape takes copy=False."""


AROUND = "an array of the function around this one"


class View:
    """Where the numbers of an array come from."""

    __slots__ = ("layouts", "owner", "parent", "step", "version")

    def __init__(self, parent: Array, step: Step) -> None:
        above = parent.origin
        self.parent = parent
        self.step = step
        self.owner: Array = parent if above is None else above.owner
        self.version = self.owner.version
        """Of the owner when the steps were last taken."""
        self.layouts: list[Any] | None = None


def _chain(array: Array) -> list[tuple[Array, View]]:
    """The views from the owner (left out) to this one, and where their numbers come from."""
    found = []
    while array.origin is not None:
        found.append((array, array.origin))
        array = array.origin.parent
    return found[::-1]


def _without_copy(a: Any, shape: Any) -> Any:
    """np.reshape; None where it would copy."""
    try:
        if _ASKS:
            return np.reshape(a, shape, copy=False)
        a = a.view()
        a.shape = shape
    except (ValueError, AttributeError):
        return None
    return a


def _layouts(array: Array) -> list[Any]:
    """Arrays of one byte that lie in memory as this one would, of owners in the orders C and F; None for a copy."""
    if array.origin is None:
        n = array.shape
        return [
            as_strided(np.zeros(1, np.int8), n, [int(np.prod(part, dtype=np.int64)) for part in parts])
            for parts in ([n[k + 1 :] for k in range(len(n))], [n[:k] for k in range(len(n))])
        ]
    chain = _chain(array)
    at = next((k for k in range(len(chain), 0, -1) if chain[k - 1][1].layouts is not None), 0)
    found: Any = chain[at - 1][1].layouts if at else _layouts(array.origin.owner)
    for _, origin in chain[at:]:
        name, *more = origin.step
        step = _without_copy if name == "reshape" else _FUNCTIONS[name]
        found = origin.layouts = [None if a is None else step(a, *more) for a in found]
    return found


def reshaped_view(parent: Array, id: int, shape: Any) -> Array:
    """The view `parent.reshape(shape)`, whose node is `id`; an array of its own where NumPy copies."""
    made = type(parent)(parent.graph, id, view_of=parent, by=("reshape", tuple(shape)))
    if parent.origin is not None and all(a is None for a in _layouts(made)):
        made.origin = None
    return made


def own(result: Any, arguments: Any) -> Any:
    """What a function that makes new arrays gave, whose meaning may be written with views of its own."""
    from symgrad.define.numpy.tracer import Array, elements

    if isinstance(result, Array) and any(result is a for a in arguments):
        return result.copy()
    for a in elements(result):
        if isinstance(a, Array) and a.origin is not None:
            a.renew(a.id)
            a.origin = None
    return result


def _is_certain(view: Array) -> bool:
    return all(a is not None for a in _layouts(view))


def refresh(view: Array) -> None:
    """Take the steps anew: the owner was written to."""
    from symgrad.define.numpy.indexing import read
    from symgrad.define.numpy.tracer import FUNCTIONS, Array

    assert view.origin is not None
    owner = view.origin.owner
    if not _is_certain(view):
        refuse(
            "reading x.reshape(...) after x was written to: whether they share memory depends on the order of x in it; "
            "reshape after writing, or take x.reshape(...).copy()"
        )
    above = owner
    for v, origin in _chain(view):
        if origin.version != owner.version:
            name, *more = origin.step
            x = Array(owner.graph, above.id)
            meaning = read if name == "getitem" else FUNCTIONS[_EINSUM if name == "einsum" else _FUNCTIONS[name]]
            v.renew(meaning(*((more[0], x) if name == "einsum" else (x, *more))).id)
            origin.version = owner.version
        above = v


def assign(array: Array, id: int) -> None:
    """Let the numbers of `array` be those of node `id`, of its own shape; also in what it is a view of.

    TraceError for an argument, for an array of a function around this one, for a view that NumPy does not write to.
    """
    from symgrad.define.numpy.indexing import placed
    from symgrad.define.numpy.tracer import Array

    origin = array.origin
    owner = array if origin is None else origin.owner
    scope = innermost()
    fixed = owner.fixed or (AROUND if scope is not None and scope.graph is not array.graph else "")
    if fixed:
        refuse(f"writing to {fixed}: write to x.copy(), or x = x + y in place of x += y")
    if origin is None:
        array.renew(id)
        array.version += 1
        return
    layouts = _layouts(array)
    if not _is_certain(array):
        refuse(
            "writing to x.reshape(...): whether it shares memory with x depends on the order of x in it; "
            "write to x itself, or to x.reshape(...).copy()"
        )
    if not layouts[0].flags.writeable:
        refuse("writing to a view that is read-only in NumPy, as np.broadcast_to and np.diagonal give it: take .copy()")
    places = np.arange(owner.size).reshape(owner.shape)
    for _, view in _chain(array):
        name, *more = view.step
        places = _FUNCTIONS[name](places, *more)
    owner.renew(placed(Array(owner.graph, owner.id), places, id).id)
    owner.version += 1


class Flat:
    """`x.flat`: the elements in C order, to be read, gone through and written."""

    __slots__ = ("_array",)

    def __init__(self, array: Array) -> None:
        self._array = array

    def __len__(self) -> int:
        return self._array.size

    def __iter__(self) -> Iterator[Any]:
        return iter(np.ravel(self._array))  # type: ignore[call-overload]

    def __getitem__(self, key: Any) -> Any:
        found = np.ravel(self._array)[key]  # type: ignore[call-overload]
        return found.copy() if found.ndim else found

    def __setitem__(self, key: Any, value: Any) -> None:
        x = self._array
        flat = np.ravel(x).copy()  # type: ignore[call-overload]
        flat[key] = value
        x[...] = np.reshape(flat, x.shape)

    def copy(self) -> Any:
        return np.ravel(self._array).copy()  # type: ignore[call-overload]
