"""From a Python function and the types of its arguments to a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from symgrad.define.numpy.messages import of_error
from symgrad.define.numpy.named import dispatching
from symgrad.define.numpy.place import defined, line_of
from symgrad.define.numpy.scope import entered, innermost
from symgrad.define.numpy.tracer import Array, Standing, node, widen
from symgrad.errors import SymgradError, TraceError
from symgrad.graph import INPUT, Graph, Type

ARGUMENT = "an argument would change the caller's array"


def current() -> Graph | None:
    """The graph of the function that is being traced, the innermost one; None where none is."""
    scope = innermost()
    return None if scope is None else scope.graph


class Traced(NamedTuple):
    """What a Python function computes."""

    graph: Graph
    inputs: list[int]
    outputs: list[int]
    leaves: list[Any]
    """What is in the value that the function returned."""
    numbers: list[bool]
    """Per leaf, whether it is an output."""
    structure: Any
    """How the leaves nest."""
    taken: dict[str, Array]
    """Arrays of a function around this one, by the names of the inputs that they stand for: the last ones."""


def trace(
    fn: Callable[..., Any],
    names: Sequence[str],
    types: Sequence[Type],
    weak: Sequence[type | None],
    call: Callable[[list[Any]], Any],
    flatten: Callable[[Any], tuple[list[Any], Any]],
    is_static: Callable[[Any], bool],
) -> Traced:
    """Call `fn` once with traced arrays.

    `weak` says which inputs stand for numbers of Python (int or float). `call(arrays)` calls `fn` with its arguments,
    in which `arrays` stand for the inputs. `flatten` gives the leaves of a pytree and its structure, `is_static` says
    which of them are no numbers; they may stand within a container.

    Raises WidenError where a Python float was given the dtype float32, and is needed as float64.
    """
    g = Graph()
    inputs = [g.input(n, t) for n, t in zip(names, types, strict=True)]
    with dispatching(fn), entered(g) as scope:
        try:
            arrays = [Array(g, i, fixed=ARGUMENT) for i in inputs]
            for array, kind in zip(arrays, weak, strict=True):
                array.weak = kind
            result = call(arrays)
        except SymgradError:
            raise
        except Exception as e:  # NumPy and SciPy raise errors of their own when they meet ours
            cause = e.__cause__
            while cause is not None and not isinstance(cause, TraceError):
                cause = cause.__cause__
            if cause is not None:
                raise cause from None
            told = of_error(e)
            if told:
                raise TraceError(told + line_of(e)) from None
            raise
        leaves, structure = flatten(result)
        numbers = [leaf is result or isinstance(leaf, (bool, np.bool_)) or not is_static(leaf) for leaf in leaves]
        outputs = []
        for leaf, is_number in zip(leaves, numbers, strict=True):
            if not is_number:
                continue
            widen(leaf)
            try:
                outputs.append(node(g, leaf))
            except (TypeError, ValueError) as e:
                if isinstance(leaf, Array):
                    raise
                name = getattr(fn, "__name__", "the function")
                wanted = "arrays, numbers, or containers of them"
                if isinstance(leaf, Standing):
                    wanted = "its real and imaginary parts, as arrays of their own"
                raise TraceError(
                    f"{name} returned {type(leaf).__name__} {leaf!r:.60}: return {wanted}{defined(fn)}"
                ) from e
    taken = {name: array for name, array, _ in scope.taken.values()}
    inputs += [i for _, _, i in scope.taken.values()]
    known = set(inputs)
    if any(needed and g.ops[i] is INPUT and i not in known for i, needed in enumerate(g.reach(outputs))):
        raise TraceError(
            "what the body of a loop (sg.scan, sg.while_loop, ...) or equation computed is used outside of it, by a "
            f"list or array that it wrote to: give it back as a y, or carry it{defined(fn)}"
        )
    return Traced(g, inputs, outputs, leaves, numbers, structure, taken)
