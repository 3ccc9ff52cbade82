"""The short way of a call: from arguments like earlier ones (nesting, shapes, dtypes) to the Function made for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from symgrad.leaves import is_static
from symgrad.tree import flatten, flatten_call, unflatten

if TYPE_CHECKING:
    from symgrad.function import Function

Bound = Callable[[Sequence[Any], dict[str, Any]], Iterable[tuple[Any, bool]]]
_VALUES = frozenset({int, str, bool})
"""Classes of static values that are the same where they are equal."""


class Call(NamedTuple):
    """How to call a Function with the leaves of what is passed.

    Attributes:
        kind: what the caller knows of the arguments.
        result: how the result nests (a structure of optree); None where it does not. single: it is of one output.
        places: which of the leaves are inputs, in order; None: just all of them.
        rest: numbers that follow them: defaults.
        direct: whether the leaves are the inputs, and the output is the result.
    """

    function: Function
    kind: Any
    result: Any
    single: bool
    places: tuple[int, ...] | None = None
    rest: tuple[Any, ...] = ()
    direct: bool = False

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """The result."""
        numbers = leaves if self.places is None else [leaves[k] for k in self.places]
        value = self.function(*numbers, *self.rest)
        return value if self.result is None else unflatten(self.result, (value,) if self.single else value)


class Dispatch:
    """The calls whose kind is known: of NumPy arrays and floats, however nested, and of static values.

    What holds anything else takes the long way, as does what is traced.
    """

    def __init__(self) -> None:
        self.plain: dict[Any, Call] = {}
        """Of arguments that are not nested, by what they are."""
        self._nested: dict[Any, Call] = {}
        """By the structure of what is passed, and what its leaves are."""

    def find(self, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Call | None, Sequence[Any]]:
        """The call of arguments that are nested or named, and the leaves that it takes."""
        if not self._nested:
            return None, ()
        leaves, structure = flatten_call(args, named)
        return self._nested.get((structure, key(leaves))), leaves

    def remember(self, args: tuple[Any, ...], named: dict[str, Any], bound: Bound, made: Call) -> None:
        """Take the short way for such arguments from now on, if there is one.

        bound: the arguments of a call as one value per parameter, and whether that is static. made: the call of all
        numbers in order.
        """
        leaves, structure = flatten_call(args, named)
        places: list[int] = []
        rest: list[Any] = []
        standing: Any = unflatten(structure, [_Leaf(k) for k in range(len(leaves))])
        stands, by_name = standing if named else (standing, {})
        for value, static in bound(stands, by_name):
            for x in flatten(value)[0]:
                passed = isinstance(x, _Leaf)
                own = leaves[x.place] if passed else x
                kind = own.__class__
                if static or is_static(own):
                    if passed and kind not in _VALUES:
                        return
                elif kind not in (np.ndarray, float) or (passed and rest):
                    return
                else:
                    places.append(x.place) if passed else rest.append(x)
        every = places == list(range(len(leaves)))
        call = made._replace(
            places=None if every else tuple(places),
            rest=tuple(rest),
            direct=every and not rest and made.result is None,
        )
        if not named and len(leaves) == len(args) and all(x is a for x, a in zip(leaves, args, strict=True)):
            self.plain[key(args)] = call
        else:
            self._nested[structure, key(leaves)] = call


class _Leaf:
    """Stands for a leaf of what is passed."""

    def __init__(self, place: int) -> None:
        self.place = place


def key(leaves: Sequence[Any]) -> tuple[Any, ...]:
    """What the leaves are: of those that may be static, their values."""
    array = np.ndarray
    return tuple(
        [
            (x.shape, x.dtype) if (c := x.__class__) is array else (c, x) if c is not float and c in _VALUES else c
            for x in leaves
        ]
    )
