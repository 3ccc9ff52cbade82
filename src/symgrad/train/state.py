"""What training carries from step to step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

STEP = "step"


class State(Mapping[str, Any]):
    """The parameters (its items, by name) and what the optimizer keeps. Made by `TrainStep.init`.

    The arrays stay where they are; a step updates them in place. A scalar parameter reads as a float.

    Attributes:
        arrays: every array by name: parameters, the optimizer's slots, at last the number of the next step.
        names: of the parameters.
    """

    def __init__(
        self, arrays: dict[str, Any], names: Sequence[str], nest: Callable[[Sequence[Any]], Any] | None = None
    ) -> None:
        self.arrays = arrays
        self.names = tuple(names)
        self.held = list(arrays.values())
        self._own = {id(a) for a in self.held}
        self.prepared: dict[Any, tuple[Callable[..., float], Any]] = {}
        """For data of a kind, the step and the memory that it works in."""
        self._nest = nest

    @property
    def params(self) -> Any:
        """The parameters, nested as they were given: the very arrays that steps change."""
        leaves = self.held[: len(self.names)]
        return dict(zip(self.names, leaves, strict=True)) if self._nest is None else self._nest(leaves)

    @property
    def steps(self) -> int:
        """Steps taken so far."""
        return int(self.held[-1]) - 1

    def holds(self, x: Any) -> bool:
        """Whether x, an array of NumPy, is one of the arrays or a view of one."""
        return id(x) in self._own or id(x.base) in self._own

    def __getstate__(self) -> dict[str, Any]:
        """Copied and pickled without machine code, which a step makes anew."""
        return vars(self) | {"prepared": {}}

    def __setstate__(self, found: dict[str, Any]) -> None:
        vars(self).update(found)
        self._own = {id(a) for a in self.held}

    def copy_from(self, arrays: Mapping[str, Any]) -> None:
        """Take over the numbers of arrays of these names. KeyError, ValueError where they are not of this state."""
        for name, own in self.arrays.items():
            given = np.asarray(arrays[name])
            if given.shape != own.shape or given.dtype != own.dtype:
                raise ValueError(f"{name} is {own.dtype} of shape {own.shape}, got {given.dtype} of {given.shape}")
            own[...] = given

    def __getitem__(self, name: str) -> Any:
        if name not in self.names:
            raise KeyError(name)
        value = self.arrays[name]
        return value if value.ndim else float(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        shown = [f"{n}={self[n]}" if not self.arrays[n].ndim else f"{n}{list(self.arrays[n].shape)}" for n in self]
        return f"State({', '.join(shown)}; {self.steps} steps)"
