"""`structure="auto"`: derivatives by arrays that stay products of small arrays, or their nonzeros alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from symgrad.arrays import Derived
from symgrad.derive.factored import factored
from symgrad.derive.pattern import Crowded
from symgrad.errors import ArgumentError
from symgrad.function import Function
from symgrad.graph.tree import Factored, leaves_of, replaced


def structured(
    f: Function, structure: str, rows: Sequence[int], sparse: Callable[[], Derived] | None = None
) -> Derived:
    """A derivative whose large arrays stay factors where those are much smaller; `rows`: how many axes of each are.

    Where none does, what `sparse` gives, if that finds few nonzeros (Crowded if not).
    """
    if structure == "dense":
        return Derived(f.graph, list(f.outputs), f.tree, list(f._notes))
    if structure != "auto":
        raise ArgumentError(f'structure={structure!r}: "dense" or "auto"')
    outputs: list[int] = []
    leaves: list[Any] = []
    for o, rank in zip(f.outputs, rows, strict=True):
        is_array = f.graph.types[o].shape
        made, leaf = factored(f.graph, o, rank, len(outputs)) if is_array else ([o], len(outputs))
        leaves.append(leaf)
        outputs += made
    whole = [leaf for leaf in leaves if isinstance(leaf, Factored) and leaf.is_whole]
    if sparse is not None and whole and len(whole) == len(leaves):
        with suppress(Crowded):
            found = sparse()
            matrices = [
                m._replace(axes=w.shape, rows=w.rows) for m, w in zip(leaves_of(found.tree), whole, strict=True)
            ]
            return found._replace(tree=replaced(f.tree, matrices))
    return Derived(f.graph, outputs, replaced(f.tree, leaves), list(f._notes))
