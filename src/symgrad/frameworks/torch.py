"""A Python function of arrays as a torch.nn.Module of pytrees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from symgrad.compile.torch import TorchFunction
from symgrad.errors import ArgumentError
from symgrad.frameworks import fill, pick, templates, traced, zeros


class NestedModule(TorchFunction):
    """A Python function of arrays for arguments of one kind: of these shapes, nested like this.

    Arguments named in `trainable` are parameters, with the values given;
    the `state_dict` has the names of their arrays.
    """

    def __init__(self, f: Any, args: Sequence[Any], named: dict[str, Any], trainable: Sequence[str]) -> None:
        for n in trainable:
            if n not in f.names:
                raise ArgumentError(f"trainable={n!r}: not an argument of {f.name}; it has {', '.join(f.names)}")
        made, numbers = traced(f, f._bound(args, named), _like)
        names = made.function.names
        slots = [s for k, n in enumerate(f.names) if n in trainable for s in made.kind.slots(k)]
        super().__init__(*made.function.plain(), trainable={names[s]: numbers[s] for s in slots})
        self._arguments = dict(zip(f.names, templates(made.kind.arguments), strict=True))
        for n in trainable:
            del self._arguments[n]
        stars = [n for n, q in f.signature.parameters.items() if q.kind is q.VAR_POSITIONAL and n in self._arguments]
        self._star = stars[0] if stars else None
        self._slots = [s for s in range(len(names)) if s not in slots]
        self._result = templates([made.result])[0]
        self._single = made.result.size == 1
        self._name = f.name

    def forward(self, *args: Any, **named: Any) -> Any:
        if self._star is not None:  # *xs takes all the others
            k = list(self._arguments).index(self._star)
            args = (*args[:k], tuple(args[k:]))
        if len(args) > len(self._arguments):
            raise ArgumentError(f"{self._name} takes {len(self._arguments)} arguments, got {len(args)}")
        given = dict(zip(self._arguments, args, strict=False)) | named
        found: dict[int, Any] = {}
        for n, template in self._arguments.items():
            if n in given:
                pick(template, given[n], found, n)
        unknown = [n for n in named if n not in self._arguments]
        missing = [s for s in self._slots if s not in found]
        if missing or unknown:
            raise ArgumentError(f"{self._name} takes {', '.join(self._arguments)}; got {', '.join(given)}")
        value = super().forward(*[found[s] for s in self._slots])
        return fill(self._result, (value,) if self._single else value)


def _like(x: Any) -> Any:
    return zeros(x.shape, str(x.dtype).removeprefix("torch.")) if isinstance(x, torch.Tensor) else None
