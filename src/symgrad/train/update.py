"""One training step as one function: loss, gradient and parameter update in the same graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from symgrad.errors import ArgumentError
from symgrad.function import Function
from symgrad.graph import REGISTER, Graph, Node, Type
from symgrad.train.optimizers import Optimizer
from symgrad.transforms import grad, value_and_grad, variables

STEP = "step"


class State(Mapping[str, Any]):
    """What training carries from step to step: the parameters (its items) and the optimizer's slots.

    The arrays stay where they are; a step updates them in place. A scalar parameter reads as a float.
    """

    def __init__(self, arrays: dict[str, Any], params: tuple[str, ...]) -> None:
        self.arrays = arrays
        self.params = params

    @property
    def steps(self) -> int:
        """Steps taken so far."""
        return int(self.arrays[STEP]) - 1

    def __getitem__(self, name: str) -> Any:
        if name not in self.params:
            raise KeyError(name)
        value = self.arrays[name]
        return value if value.ndim else float(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self.params)

    def __len__(self) -> int:
        return len(self.params)

    def __repr__(self) -> str:
        return f"State({', '.join(f'{n}={self[n]}' for n in self.params)}; {self.steps} steps)"


class TrainStep:
    """Made by `train_step`. Call it with a State and the data: it updates the state, and returns the loss.

    Attributes:
        function: the whole step as a Function: (parameters, slots, step, data) ->
            (loss, new parameters, new slots, new step).
        gradient: the gradient of the loss by the parameters, to look at (`.latex()`, `.python()`, `.sympy()`).
    """

    def __init__(self, loss: Function, optimizer: Optimizer, params: Any = None) -> None:
        chosen, _ = variables(loss, params)
        self.params = tuple(loss.names[k] for k in chosen)
        self.data = tuple(n for n in loss.names if n not in self.params)
        self._data = set(self.data)
        self.optimizer = optimizer
        self.gradient = grad(loss, chosen)
        both = value_and_grad(loss, chosen)
        g: Graph = both.graph.copy()
        at = dict(zip(both.names, both.inputs, strict=True))
        value, *gradients = both.outputs
        dtype = g.types[value].dtype
        if g.types[value].shape:  # the one number of a matrix
            value = g.build(REGISTER["einsum"], (value,), ("ij->",))
        step = g.input(_fresh(STEP, at), Type(dtype))
        inputs = [at[n] for n in self.params]
        outputs = []
        slot_inputs: list[int] = []
        slot_outputs: list[int] = []
        self.slots: list[tuple[str, str]] = []
        for name, d in zip(self.params, gradients, strict=True):
            slots = []
            for slot in optimizer.slots:
                key = _fresh(f"{name}_{slot}", at)
                slots.append(Node(g, g.input(key, g.types[at[name]])))
                self.slots.append((key, name))
            new, *new_slots = optimizer.update(Node(g, at[name]), Node(g, d), Node(g, step), *slots)
            outputs.append(new.id)
            slot_inputs += [s.id for s in slots]
            slot_outputs += [s.id for s in new_slots]
        following = (Node(g, step) + 1).id
        self.names = (*self.params, *(key for key, _ in self.slots), STEP)
        results = [value, *outputs, *slot_outputs, following]
        self.function = Function(
            g,
            [*inputs, *slot_inputs, step, *(at[n] for n in self.data)],
            results,
            name=f"train_step {loss.name}",
            tree=tuple(range(len(results))),
            parameters=self.data,
            symbols=loss.symbols,
            notes=[f"{optimizer.name} on {', '.join(self.params)}"],
        )
        self.dtype = dtype

    def init(self, **start: Any) -> State:
        """The state before the first step, from a value for every parameter; the slots are zero."""
        missing = [n for n in self.params if n not in start]
        unknown = [n for n in start if n not in self.params]
        if missing or unknown:
            what = f"missing: {', '.join(missing)}" if missing else f"unknown: {', '.join(unknown)}"
            raise ArgumentError(f"init takes a start for each of {', '.join(self.params)}; {what}")
        arrays = {n: np.array(start[n], dtype=self.dtype) for n in self.params}
        arrays |= {key: np.zeros_like(arrays[name]) for key, name in self.slots}
        arrays[STEP] = np.ones((), self.dtype)
        return State(arrays, self.params)

    def __call__(self, state: State, **data: Any) -> float:
        """One step, in place; the loss before it."""
        held = [state.arrays[n] for n in self.names]
        values = [a if a.ndim else a.item() for a in held]
        if data.keys() == self._data:  # by position, as machine code takes them
            value, *new = self.function(*values, *[data[n] for n in self.data])
        else:
            value, *new = self.function(*values, **data)  # says what is missing
        for array, result in zip(held, new, strict=True):
            array[...] = result
        return value

    def __repr__(self) -> str:
        return f"TrainStep({self.optimizer.name}; {', '.join(self.params)}; data {', '.join(self.data)})"


def _fresh(name: str, taken: Mapping[str, Any]) -> str:
    while name in taken:
        name += "_"
    return name


def train_step(loss: Function, optimizer: Optimizer, params: Any = None) -> TrainStep:
    """Derive the gradient of `loss` and the optimizer's update, and compile both to one function.

    Args:
        loss: a scalar function; its variables are trained, its parameters are the data.
        optimizer: `sg.sgd(...)`, `sg.momentum(...)` or `sg.adam(...)`.
        params: which inputs to train (names, positions or symbols), if not all variables.

    Example:
        >>> import numpy as np, sympy as sp, symgrad as sg
        >>> w, b, n = sp.symbols("w b n")
        >>> i = sp.Symbol("i", integer=True)
        >>> x, y = sp.IndexedBase("x"), sp.IndexedBase("y")
        >>> loss = sg.function([w, b], sp.Sum((y[i] - w * x[i] - b) ** 2, (i, 0, n - 1)) / n)
        >>> step = sg.train_step(loss, sg.sgd(0.05))
        >>> state = step.init(w=0.0, b=0.0)
        >>> xs = np.array([0.0, 1.0, 2.0, 3.0])
        >>> for _ in range(500):
        ...     last = step(state, n=4, x=xs, y=2 * xs + 1)
        >>> round(state["w"], 6), round(state["b"], 6)
        (2.0, 1.0)
    """
    return TrainStep(loss, optimizer, params)
