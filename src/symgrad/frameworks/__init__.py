"""Python functions of arrays in PyTorch and JAX: pytrees of tensors in, pytrees of tensors out.

Such a function is traced for arrays of zeros that look like the tensors; its Function takes the tensors then.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError
from symgrad.tree import NUMBER, Structure, flatten


@dataclasses.dataclass(frozen=True)
class Slot:
    """Where number `k` stands in a pytree."""

    k: int

    def __repr__(self) -> str:
        return "*"


def zeros(shape: Sequence[int], dtype: str) -> Any:
    """An array that looks like a tensor, and takes no memory. Other floating-point dtypes count as float32."""
    known = dtype in ("bool", "float32", "float64") or "int" in dtype
    return np.broadcast_to(np.zeros((), dtype if known else "float32"), tuple(shape))


def traced(f: Any, values: Sequence[Any], like: Callable[[Any], Any]) -> tuple[Any, list[Any]]:
    """(what the PythonFunction `f` is for arguments that look like `values`, the numbers among their leaves).

    `like` makes an array of zeros of a tensor, and gives None for what is none.
    """
    leaves, spec = flatten(tuple(values))
    own: dict[int, Any] = {}
    looks = []
    for x in leaves:
        array = like(x)
        if array is not None:
            own[id(array)] = x
        looks.append(x if array is None else array)
    made, numbers = f._of_values(Structure(spec, (NUMBER,) * len(leaves)).nest(looks))
    return made, [own.get(id(x), x) for x in numbers]


def templates(arguments: Sequence[Structure]) -> list[Any]:
    """The arguments with a `Slot` in place of every number."""
    found, start = [], 0
    for a in arguments:
        found.append(a.nest([Slot(start + k) for k in range(a.size)]))
        start += a.size
    return found


def pick(template: Any, value: Any, into: dict[int, Any], where: str) -> None:
    """The numbers of a pytree by their slots. ArgumentError where it is not nested as the template."""
    if isinstance(template, Slot):
        into[template.k] = value
        return
    parts = _children(template)
    if parts is None:
        if value is not template and value != template:
            raise ArgumentError(f"{where} was {template!r} when the module was made, got {value!r:.60}; make another")
        return
    given = _children(value)
    if given is None or type(value) is not type(template) or given.keys() != parts.keys():
        raise ArgumentError(f"{where} must be nested like {template!r:.80}, got {type(value).__name__}")
    for key, part in parts.items():
        pick(part, given[key], into, f"{where}[{key!r}]")


def fill(template: Any, leaves: Sequence[Any]) -> Any:
    """The template with its numbers."""
    if isinstance(template, Slot):
        return leaves[template.k]
    parts = _children(template)
    if parts is None:
        return template
    own = {key: fill(part, leaves) for key, part in parts.items()}
    if isinstance(template, dict):
        return own
    if isinstance(template, list):
        return list(own.values())
    if isinstance(template, tuple):
        return type(template)(*own.values()) if hasattr(template, "_fields") else tuple(own.values())
    new = object.__new__(type(template))
    for key, x in own.items():
        object.__setattr__(new, key, x)
    return new


def _children(x: Any) -> dict[Any, Any] | None:
    if isinstance(x, dict):
        return dict(x)
    if isinstance(x, (list, tuple)):
        return dict(enumerate(x))
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        return {f.name: getattr(x, f.name) for f in dataclasses.fields(x)}
    return None
