"""One training step as one function: loss, gradient and parameter update in the same graph, in place."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.defining import take_as_function
from symgrad.errors import ArgumentError, DtypeError
from symgrad.function import Function
from symgrad.generic import PythonFunction
from symgrad.graph import FLOATS, REGISTER, Graph, Node, Type
from symgrad.leaves import as_array, is_static
from symgrad.profile import Profile, in_place
from symgrad.run.inplace import InPlace
from symgrad.train.optimizers import Optimizer
from symgrad.train.state import STEP, State
from symgrad.transforms import grad, value_and_grad, variables
from symgrad.tree import NUMBER, Structure, flatten, names_of, tuple_of


class Built:
    """The step for one flat loss: arrays of known types.

    Attributes:
        function: (parameters, slots, step, data) -> (loss, new parameters, new slots, new step).
        places: of the data among the loss's inputs.
        slots: (name, parameter) of what the optimizer keeps.
    """

    def __init__(self, loss: Function, chosen: Sequence[int], optimizer: Optimizer) -> None:
        names = [loss.names[k] for k in chosen]
        self.places = [k for k in range(len(loss.names)) if k not in chosen]
        data = [loss.names[k] for k in self.places]
        both = value_and_grad(loss, list(chosen))
        g: Graph = both.graph.copy()
        at = dict(zip(both.names, both.inputs, strict=True))
        value, *gradients = both.outputs
        dtype = g.types[value].dtype
        if g.types[value].shape:  # the one number of a matrix
            value = g.build(REGISTER["einsum"], (value,), ("ij->",))
        shapes = [g.types[i].shape for i in at.values()]
        self._arrays = any(shapes) and not any(None in s for s in shapes)
        self.count = Type("float64" if self._arrays else dtype)
        """What the number of the step is."""
        taken = {*at, own := _fresh(STEP, at)}
        step = g.input(own, self.count)
        outputs, slot_inputs, slot_outputs = [], [], []
        self.slots: list[tuple[str, str]] = []
        for name, d in zip(names, gradients, strict=True):
            slots = []
            for slot in optimizer.slots:
                key = _fresh(f"{name}_{slot}", taken)
                taken.add(key)
                slots.append(Node(g, g.input(key, g.types[at[name]])))
                self.slots.append((key, name))
            new, *new_slots = optimizer.update(Node(g, at[name]), Node(g, d), Node(g, step), *slots)
            outputs.append(new.id)
            slot_inputs += [s.id for s in slots]
            slot_outputs += [s.id for s in new_slots]
        results = [value, *outputs, *slot_outputs, (Node(g, step) + 1).id]
        self.function = Function(
            g,
            [*(at[n] for n in names), *slot_inputs, step, *(at[n] for n in data)],
            results,
            name=f"train_step {loss.name}",
            tree=tuple(range(len(results))),
            parameters=data,
            symbols=loss.symbols,
            notes=[f"{optimizer.name} on {', '.join(names)}"],
        )
        self._in_place: InPlace | None = None

    def run(self) -> tuple[Callable[..., float], Any]:
        """The step in place, of the state's arrays, the data, and the memory to work in that comes with it."""
        f = self.function
        changed = len(f.outputs) - 1
        if not self._arrays:
            f.compile()

            def through(*values: Any) -> float:
                held = values[:changed]
                value, *new = f(*[a if a.ndim else a.item() for a in held], *values[changed:-1])
                for array, result in zip(held, new, strict=True):
                    array[...] = result
                return value

            return through, None
        if self._in_place is None:
            self._in_place = InPlace(*f.program, {k + 1: k for k in range(changed)}, f.name)
        return self._in_place.call, self._in_place.workspace()

    def profile(self, arrays: Sequence[Any]) -> Profile:
        """Where the time of a step goes that changes these arrays."""
        self.run()
        if self._in_place is None:
            return self.function.profile(*[a.item() if a.__class__ is np.ndarray and not a.ndim else a for a in arrays])
        return in_place(self._in_place, [np.asarray(a) for a in arrays])

    def explain(self, steps: bool = False) -> str:
        """What runs."""
        self.run()
        return self._in_place.explain(steps) if self._in_place is not None else self.function.explain(steps)


class TrainStep:
    """Made by `train_step`. Call it with a State and the data: it updates the state, and returns the loss before it.

    Attributes:
        gradient: the gradient of the loss by the parameters, to look at (`.latex()`, `.python()`, `.sympy()`).
    """

    def __init__(self, loss: Any, optimizer: Optimizer, params: Any = None) -> None:
        self.loss = take_as_function(loss)
        self.optimizer = optimizer
        self._built: dict[Function, Built] = {}
        self._latest: Built | None = None
        if isinstance(self.loss, Function):
            self._chosen, _ = variables(self.loss, params)
            self.gradient = grad(self.loss, self._chosen)
            every = self.loss.names
            self._latest = self._of(self.loss, self._chosen)
        else:
            self._chosen, self._single = self.loss.chosen(params)
            self.gradient = grad(self.loss, params)
            every = self.loss.names
        self.params = tuple(every[k] for k in self._chosen)
        self.data = tuple(n for n in every if n not in self.params)

    @property
    def function(self) -> Function:
        """The whole step: (parameters, slots, step, data) -> (loss, new parameters, new slots, new step).

        Of a Python function, for data like those of the latest call.
        """
        return self._shown().function

    def explain(self, steps: bool = False) -> str:
        """How it was derived and what runs it; of a Python function, for data like those of the latest call."""
        return self._shown().explain(steps)

    def profile(self, state: State, *data: Any, **named: Any) -> Profile:
        """Where the time of a step goes, kernel by kernel: `print` it, or `.plot()`. The state stays as it is."""
        built, numbers, _ = self._bound(state, data, named)
        return built.profile([*(a.copy() for a in state.held), *numbers])

    def _shown(self) -> Built:
        if self._latest is None:
            raise ArgumentError(f"{self!r} has no shapes yet: take a step first")
        return self._latest

    def init(self, *params: Any, **named: Any) -> State:
        """The state before the first step: copies of the parameters, and zero for what the optimizer keeps.

        Of a Python function, give the parameters as it takes them; of a Function, one value per variable by its name.
        """
        if isinstance(self.loss, PythonFunction):
            return self._nested(params, named)
        start = dict(zip(self.params, params, strict=False)) | named
        self._check_names(start)
        types = dict(zip(self.loss.names, (self.loss.graph.types[i] for i in self.loss.inputs), strict=True))
        arrays = {n: np.array(start[n], dtype=types[n].dtype, order="C") for n in self.params}
        for n, a in arrays.items():
            if a.shape != types[n].shape:
                raise ArgumentError(f"init: {n} has shape {types[n].shape}, got {a.shape}")
        return self._state(arrays, self._shown().count.dtype, None)

    def begin(self, params: Any) -> State:
        """`init` of parameters in one value: of several arguments, a tuple in their order or a dict by their names."""
        if isinstance(self.loss, PythonFunction) and self._single:
            return self.init(params)
        if isinstance(params, Mapping):
            return self.init(**params)
        if not isinstance(params, (tuple, list)) or len(params) > len(self.params):
            raise ArgumentError(f"params: a tuple of {', '.join(self.params)} in this order, or a dict by these names")
        return self.init(*params)

    def _nested(self, params: Sequence[Any], named: dict[str, Any]) -> State:
        start = dict(zip(self.params, params, strict=False)) | named
        if len(params) > len(self.params):
            raise ArgumentError(f"init takes {', '.join(self.params)}, got {len(params)} values")
        self._check_names(start)
        structures, leaves, names = [], [], []
        for n in self.params:
            own, spec = flatten(start[n])
            fixed = [x if is_static(x) else NUMBER for x in own]
            structures.append(Structure(spec, tuple(fixed)))
            names += [p for p, f in zip(names_of(n, spec), fixed, strict=True) if f is NUMBER]
            numbers = [x for x, f in zip(own, fixed, strict=True) if f is NUMBER]
            leaves += [x if isinstance(x, (int, float)) else as_array(self.loss.name, x) for x in numbers]
        if len(set(names)) < len(names):
            every = [(n, p, f) for n, s in zip(self.params, structures, strict=True) for p, f in _paths(s)]
            names = ["_".join(map(str, (n, *p))) for n, p, f in every if f is NUMBER]
        if not leaves:
            raise ArgumentError(f"{self.loss.name}: there is no number in {', '.join(self.params)} to train")
        whole = structures[0] if self._single else tuple_of(structures)
        arrays = {n: np.array(x, dtype=d, order="C") for n, x, d in zip(names, leaves, _dtypes(leaves), strict=True)}
        return self._state(arrays, "float64", whole.nest)

    def _state(self, arrays: dict[str, Any], count: str, nest: Any) -> State:
        names = tuple(arrays)
        for name in names:
            for slot in self.optimizer.slots:
                arrays[_fresh(f"{name}_{slot}", arrays)] = np.zeros_like(arrays[name])
        arrays[_fresh(STEP, arrays)] = np.ones((), count)
        return State(arrays, names, nest)

    def _check_names(self, start: Mapping[str, Any]) -> None:
        missing = [n for n in self.params if n not in start]
        unknown = [n for n in start if n not in self.params]
        if missing or unknown:
            what = f"missing: {', '.join(missing)}" if missing else f"unknown: {', '.join(unknown)}"
            raise ArgumentError(f"init takes a start for each of {', '.join(self.params)}; {what}")

    def __call__(self, state: State, *data: Any, **named: Any) -> float:
        """One step, in place; the loss before it. Data by position or by name, as the loss takes them.

        Data that lie in the state's own arrays are copied, as the step changes those while it runs.
        """
        if state.__class__ is not State:
            got = type(state).__name__
            raise ArgumentError(f"a step takes its state first: state = step.init(start), step(state, ...); got {got}")
        data = tuple([a.copy() if a.__class__ is np.ndarray and state.holds(a) else a for a in data])
        key = (self, *[(a.shape, a.dtype) if a.__class__ is np.ndarray else a.__class__ for a in data])
        if not named:
            ready = state.prepared.get(key)
            if ready is not None:
                return ready[0](*state.held, *data, ready[1])
        built, numbers, plain = self._bound(state, data, named)
        own = state.prepared.get(built)
        if own is None:
            own = state.prepared[built] = built.run()
        if plain and not named:
            state.prepared[key] = own
        return own[0](*state.held, *numbers, own[1])

    def _bound(self, state: State, data: Sequence[Any], named: dict[str, Any]) -> tuple[Built, list[Any], bool]:
        """(the step for data like these, their numbers, whether data of this kind are taken as they are)."""
        if isinstance(self.loss, Function):
            built = self._shown()
            if len(data) > len(self.data) or set(named) != set(self.data[len(data) :]):
                raise ArgumentError(f"{self!r}: data are {', '.join(self.data)}; got {len(data)} and {sorted(named)}")
            return built, [*data, *(named[n] for n in self.data[len(data) :])], True
        args, named = self.arguments(state, data, named)
        made, numbers = self.loss._prepared(args, named)
        slots = [s for k in self._chosen for s in made.kind.slots(k)]
        built = self._latest = self._of(made.function.dense(), slots, made.function)
        plain = all(a.__class__ is np.ndarray or a.__class__ is float for a in data)
        return built, [_apart(numbers[k], state) for k in built.places], plain

    def arguments(
        self, state: State, data: Sequence[Any], named: Mapping[str, Any] | None = None
    ) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a loss of Python: the parameters as they are, in their places among the data."""
        params = state.params
        args = list(data)
        given = dict(zip(self.params, [params] if self._single else params, strict=True))
        for k, n in sorted(zip(self._chosen, self.params, strict=True)):
            if k <= len(args):
                args.insert(k, given.pop(n))
        return args, dict(named or {}) | given

    def _of(self, loss: Function, chosen: Sequence[int], key: Function | None = None) -> Built:
        key = key or loss
        if key not in self._built:
            self._built[key] = Built(loss, chosen, self.optimizer)
        return self._built[key]

    def __repr__(self) -> str:
        return f"TrainStep({self.optimizer.name}; {', '.join(self.params)}; data {', '.join(self.data)})"


def _apart(x: Any, state: State) -> Any:
    """x, or a copy of it where it may share memory with what a step changes."""
    shared = isinstance(x, np.ndarray) and any(np.may_share_memory(x, a) for a in state.held)
    return x.copy() if shared else x


def _paths(s: Structure) -> list[tuple[tuple[Any, ...], Any]]:
    return list(zip(s.spec.paths(), s.fixed, strict=True))


def _dtypes(leaves: Sequence[Any]) -> list[str]:
    """What parameters are kept in: their own floating-point dtype; numbers that have none follow the others."""
    own = [np.asarray(x).dtype.name if hasattr(x, "dtype") else "" for x in leaves]
    for d in own:
        if d and d not in FLOATS and np.dtype(d).kind == "f":
            raise DtypeError(f"parameters are float32 or float64, got {d}")
    others = {d for d in own if d in FLOATS}
    rest = "float32" if others == {"float32"} else "float64"
    return [d if d in FLOATS else rest for d in own]


def _fresh(name: str, taken: Container[str]) -> str:
    while name in taken:
        name += "_"
    return name


def train_step(loss: Any, optimizer: Optimizer, params: Any = None) -> TrainStep:
    """Derive the gradient of `loss` and the optimizer's update, and compile both to one function.

    Parameters and what the optimizer keeps are changed in place, and a step allocates no array.

    Args:
        loss: a scalar function. Of a Python function, one argument (the first, unless `params` says otherwise) is
            trained, an array or a pytree of arrays; the others are the data. Of a Function of SymPy's symbols, its
            variables are trained, and its parameters are the data.
        optimizer: `sg.sgd(...)`, `sg.momentum(...)` or `sg.adam(...)`.
        params: which arguments to train (names, positions or symbols).

    Example:
        >>> import numpy as np, symgrad as sg
        >>> def loss(p, x, y):
        ...     return np.mean((p["w"] * x + p["b"] - y) ** 2)
        >>> step = sg.train_step(loss, sg.sgd(0.05))
        >>> state = step.init({"w": 0.0, "b": 0.0})
        >>> x = np.array([0.0, 1.0, 2.0, 3.0])
        >>> for _ in range(500):
        ...     last = step(state, x, 2 * x + 1)
        >>> round(state["w"], 6), round(state["b"], 6)
        (2.0, 1.0)
    """
    return TrainStep(loss, optimizer, params)
