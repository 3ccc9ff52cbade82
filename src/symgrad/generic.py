"""Python functions of arrays: traced once for each kind of arguments (nesting, shapes, dtypes, static values).

A `PythonFunction` has no shapes of its own. Called, it looks at its arguments, and makes a `Function` for arguments
of their kind, or takes the one that it made before. Transforms take a PythonFunction and return one.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symgrad.dispatch import Call, Dispatch, key
from symgrad.errors import ArgumentError, DtypeError, SymgradError, WidenError
from symgrad.function import Function
from symgrad.graph import FLOATS, Type
from symgrad.graph.tree import leaves_of
from symgrad.leaves import DEFINING, Fixed, as_array, is_static, is_traced, static_key, type_of
from symgrad.shown import Shown
from symgrad.tree import NUMBER, Structure, flatten, names_of, tuple_of, unflatten

Numbers = Any


@dataclass(frozen=True)
class Kind:
    """What a PythonFunction knows of its arguments when it is specialised: all but the numbers."""

    arguments: tuple[Structure, ...]
    """One per argument."""
    types: tuple[Type, ...]
    """Of the leaves that are numbers, over all arguments in order."""
    weak: tuple[type | None, ...] = ()
    """Which of them are Python's own, int or float, whose dtypes adapt to arrays; () for none."""

    @property
    def numbers(self) -> tuple[type | None, ...]:
        """`weak`, one entry per number."""
        return self.weak or (None,) * len(self.types)

    def widened(self) -> Kind | None:
        """With float64 for Python's floats that were taken as float32; None where there are none."""
        types = [Type("float64") if w is float else t for t, w in zip(self.types, self.numbers, strict=True)]
        return None if tuple(types) == self.types else Kind(self.arguments, tuple(types), self.weak)

    def slots(self, k: int) -> range:
        """Where the numbers of argument `k` stand."""
        start = sum(a.size for a in self.arguments[:k])
        return range(start, start + self.arguments[k].size)

    def first(self, n: int) -> Kind:
        """The kind of the first `n` arguments."""
        count = sum(a.size for a in self.arguments[:n])
        return Kind(self.arguments[:n], self.types[:count], self.weak[:count])


@dataclass(frozen=True)
class Specialised:
    """A function for arguments of one kind: the Function of their numbers, and how its outputs nest."""

    function: Function
    kind: Kind
    result: Structure
    taken: dict[str, Any] = field(default_factory=dict)
    """Traced arrays of a function around this one, for the inputs of these names."""

    @property
    def is_whole(self) -> bool:
        """Whether a call is one of the Function, and all numbers of its result are its outputs."""
        plain = self.__class__ is Specialised and not self.taken
        return plain and self.result.size == len(self.result.fixed) > 0

    def __call__(self, numbers: Sequence[Any]) -> Any:
        numbers = self.filled(numbers, self.taken)
        if any(map(is_traced, numbers)):  # within a function that is being traced: a part of its graph
            from symgrad.define.numpy.inline import inlined

            own = self.function
            return self.result.nest(inlined(own.graph, own.inputs, own.outputs, numbers))
        value = self.function(*numbers)
        return self.result.nest((value,) if self.result.size == 1 else value)

    def filled(self, values: Sequence[Any], taken: dict[str, Any]) -> Sequence[Any]:
        """One value per input of the function: `values` in order, and those of `taken` at their names."""
        if not taken:
            return values
        rest = iter(values)
        return [taken[n] if n in taken else next(rest) for n in self.function.names]


class PythonFunction(Shown):
    """A Python function of NumPy arrays, to be differentiated, compiled and shown.

    Made by `sg.function(f)`, by `@sg.function`, and by the transforms. Arguments may be numbers, arrays, or pytrees
    of them (tuples, lists, dicts, namedtuples, dataclasses); texts, truth values, functions and what `static` names
    are part of the definition, and whole numbers (also tuples of them) that are left to their defaults. The function
    is traced at its first call with arguments of a kind.

    Example:
        >>> import numpy as np, symgrad as sg
        >>> @sg.function
        ... def f(x):
        ...     return np.sum(x**3)
        >>> sg.grad(f)(np.array([1.0, 2.0]))
        array([ 3., 12.])
    """

    def __init__(
        self,
        name: str,
        signature: inspect.Signature,
        build: Callable[[Kind, tuple[str, ...]], Specialised],
        static: frozenset[str] = frozenset(),
        floats: frozenset[int] = frozenset(),
        parent: PythonFunction | None = None,
    ) -> None:
        self.name = name
        self.__name__ = name
        self.signature = signature
        self.names = tuple(signature.parameters)
        self._build = build
        self.pickled: Callable[[PythonFunction], tuple[Any, ...]] | None = None
        """How to make this again, where it is no transform."""
        self._static = static
        self._floats = floats
        shared = parent is not None and parent.names == self.names
        self._latest_kind: list[Kind] = parent._latest_kind if parent is not None and shared else []
        """Of the latest call of this function or of a relative that takes the same arguments."""
        self._made: dict[Any, Specialised] = {}
        self._transformed: dict[Any, PythonFunction] = {}
        """Its gradient and other transforms, by what they were asked for."""
        self._known = Dispatch()
        self._latest: Specialised | None = None
        kinds = {p.kind for p in signature.parameters.values()}
        self._plain = kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY}

    def __call__(self, /, *args: Any, **named: Any) -> Any:
        call, leaves = None if named else self._known.plain.get(key(args)), args
        if call is None:
            call, leaves = self._known.find(args, named)
        if call is not None:
            self._latest_kind[0] = call.kind
            return call.function(*leaves) if call.direct else call(leaves)
        made, numbers = self._prepared(args, named)
        if made.is_whole:
            result = None if made.result.is_leaf else made.result.spec
            call = Call(made.function, made.kind, result, made.result.size == 1)
            self._known.remember(args, named, self._with_static, call)
        return made(numbers)

    def specialise(self, /, *args: Any, **named: Any) -> Function:
        """The Function for arguments like these: its inputs are the arrays in them, its outputs those of the result."""
        return self._prepared(args, named)[0].function

    def _prepared(self, args: Sequence[Any], named: dict[str, Any]) -> tuple[Specialised, list[Any]]:
        return self._of_values(self._bound(args, named))

    def _of_values(self, values: tuple[Any, ...]) -> tuple[Specialised, list[Any]]:
        """(the function for such values of the parameters, the numbers among their leaves)."""
        leaves, spec = flatten(values)
        if any(type(x) is int for x in leaves) and self._floats:
            values = tuple(_with_floats(v) if k in self._floats else v for k, v in enumerate(values))
            leaves, spec = flatten(values)
        static = self._static_slots(values) if self._static else None
        key: list[Any] = [spec]
        numbers: list[Any] = []
        for k, x in enumerate(leaves):
            if static is not None and k in static:
                key.append(static_key(x))
            elif x.__class__ is np.ndarray or (isinstance(x, np.generic) and not isinstance(x, np.bool_)):
                key.append((x.shape, x.dtype))
                numbers.append(x)
            elif x.__class__ is float or x.__class__ is int:
                key.append(x.__class__)
                numbers.append(x)
            elif is_static(x):
                key.append(static_key(x))
            else:
                array = as_array(self.name, x)
                key.append((array.shape, array.dtype))
                numbers.append(array)
        made = self._made.get(tuple(key))
        if made is None:
            kind = self._kind(values)
            try:
                made = self.of_kind(kind)
            except WidenError:
                wider = kind.widened()
                if wider is None:  # those of a function around this one
                    raise
                made = self.of_kind(wider)
            self._made[tuple(key)] = made
        self._latest = made
        self._latest_kind[:] = [made.kind]
        return made, numbers

    def _bound(self, args: Sequence[Any], named: dict[str, Any]) -> tuple[Any, ...]:
        """One value per parameter."""
        if self._plain and not named and len(args) == len(self.names):
            return tuple(args)
        try:
            bound = self.signature.bind(*args, **named)
        except TypeError as e:
            known = ", ".join(self.names)
            close = [m[0] for n in named if n not in self.names and (m := difflib.get_close_matches(n, self.names, 1))]
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ArgumentError(f"{self.name}: {e}{hint or '.'} It takes: {known}") from None
        given = set(bound.arguments)
        bound.apply_defaults()
        values = [bound.arguments[n] for n in self.names]
        for k, n in enumerate(self.names):
            if n not in given and k not in self._floats:
                values[k] = _fixed(values[k])
        return tuple(values)

    def _with_static(self, args: Sequence[Any], named: dict[str, Any]) -> list[tuple[Any, bool]]:
        """One value per parameter, and whether it is static."""
        return [(v, n in self._static) for n, v in zip(self.names, self._bound(args, named), strict=True)]

    def _static_slots(self, values: Sequence[Any]) -> set[int]:
        found, start = set(), 0
        for n, v in zip(self.names, values, strict=True):
            count = len(flatten(v)[0])
            if n in self._static:
                found |= set(range(start, start + count))
            start += count
        return found

    def _kind(self, values: Sequence[Any]) -> Kind:
        arguments, types = [], []
        for n, v in zip(self.names, values, strict=True):
            leaves, spec = flatten(v)
            number = [n not in self._static and not is_static(x) for x in leaves]
            arguments.append(
                Structure(spec, tuple(NUMBER if is_number else x for x, is_number in zip(leaves, number, strict=True)))
            )
            types += [type_of(self.name, n, x) for x, is_number in zip(leaves, number, strict=True) if is_number]
        numbers = [x for a, v in zip(arguments, values, strict=True) for x in _numbers(a, v)]
        weak = [x.__class__ if x.__class__ in (int, float) else getattr(x, "weak", None) for x in numbers]
        strong = {t.dtype for t, w in zip(types, weak, strict=True) if w is not float and t.dtype in FLOATS}
        if strong == {"float32"}:  # as NumPy: a Python float adapts to the arrays
            types = [Type("float32") if w is float else t for t, w in zip(types, weak, strict=True)]
        return Kind(tuple(arguments), tuple(types), tuple(weak))

    def of_kind(self, kind: Kind) -> Specialised:
        """The function for arguments of this kind."""
        names = []
        for n, a in zip(self.names, kind.arguments, strict=True):
            own = names_of(n, a.spec)
            names += [leaf for leaf, f in zip(own, a.fixed, strict=True) if f is NUMBER]
        if len(set(names)) < len(names):
            names = []
            for n, a in zip(self.names, kind.arguments, strict=True):
                paths = ["_".join(map(str, (n, *p))) for p in a.spec.paths()]
                names += [leaf for leaf, f in zip(paths, a.fixed, strict=True) if f is NUMBER]
        return self._build(kind, tuple(names))

    def chosen(self, wrt: Any) -> tuple[list[int], bool]:
        """Positions of the arguments that `wrt` means (the first, unless given), and whether it means one."""
        many = isinstance(wrt, (list, tuple))
        found = []
        for w in wrt if many else [0 if wrt is None else wrt]:
            if isinstance(w, int) and not isinstance(w, bool) and -len(self.names) <= w < len(self.names):
                found.append(w % len(self.names))
            elif str(w) in self.names:
                found.append(self.names.index(str(w)))
            else:
                raise ArgumentError(f"wrt={w!r}: not an argument of {self.name}; it has {', '.join(self.names)}")
        if len(set(found)) < len(found):
            raise ArgumentError(f"wrt names an argument twice: {wrt}")
        for k in found:
            if self.names[k] in self._static:
                raise ArgumentError(f"wrt={self.names[k]!r} is static in {self.name}")
        return found, not many

    def kept(self, key: Any, made: PythonFunction) -> PythonFunction:
        """The transform of this function that was first made for `key`: `sg.grad(f)(x)` in a loop derives once."""
        return self._transformed.setdefault(key, made)

    def _shown(self, args: Sequence[Any], named: dict[str, Any]) -> Function:
        """What to show: for these arguments, or of the kind of the latest call."""
        if args or named:
            return self.specialise(*args, **named)
        if not self._latest_kind:
            given = ", ".join(self.names)
            raise ArgumentError(
                f"{self.name} has no shapes yet: call it first, or give arguments, as in .latex({given})"
            )
        if self._latest is None or self._latest.kind is not self._latest_kind[0]:
            self._latest = self.of_kind(self._latest_kind[0])
        return self._latest.function

    def profile(self, /, *args: Any, **named: Any) -> Any:
        """Where the time of a call with these arguments goes, kernel by kernel: `print` it, or `.plot()`."""
        made, numbers = self._prepared(args, named)
        return made.function.profile(*numbers)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by the name that a decorator gave it, or as the plain function. TypeError for a transform."""
        if self.pickled is None:
            raise TypeError(f"{self.name} can't be pickled; pickle its .specialise(...), or the function itself")
        return self.pickled(self)

    def __repr__(self) -> str:
        known = f"; traced for {len(self._made)} kinds of arguments" if len(self._made) > 1 else ""
        if self._latest_kind:
            with suppress(SymgradError):  # of arguments of a relative's kind, which this may not take
                return repr(self._shown((), {}))[:-1] + known + ")"
        return f"Function({self.name}: {', '.join(self.names)}; traced at its first call)"


DEFINING.append(PythonFunction)


def variable_slots(f: PythonFunction, made: Specialised, wrt: Any) -> tuple[list[int], Structure]:
    """Inputs of the Function that `wrt` means, and how a derivative by them nests. DtypeError for integers."""
    chosen, single = f.chosen(wrt)
    slots = [s for k in chosen for s in made.kind.slots(k)]
    for k in chosen:
        for s in made.kind.slots(k):
            if made.kind.types[s].dtype not in FLOATS:
                raise DtypeError(
                    f"{f.name}: {made.function.names[s]} is {made.kind.types[s].dtype}, and derivatives are by "
                    f"floating-point numbers; give {f.names[k]} as float64, or leave it out of wrt="
                )
    if not slots:
        raise ArgumentError(
            f"{f.name}: there is no number in {', '.join(f.names[k] for k in chosen)} to differentiate by"
        )
    parts = [made.kind.arguments[k].without_fixed() for k in chosen]
    free = [k for k, n in enumerate(made.function.names) if n not in made.taken]
    return [free[s] for s in slots], parts[0] if single else tuple_of(parts)


def flat(f: Function) -> Function:
    """The same function with its outputs in one tuple; a single one bare."""
    leaves = leaves_of(f.tree)
    tree = leaves[0] if len(leaves) == 1 else tuple(leaves)
    if f.tree == tree:
        return f
    return Function(f.graph, f.inputs, f.outputs, name=f.name, tree=tree, notes=f._notes, simple=f._simple)


def lifted(
    f: PythonFunction,
    name: str,
    wrt: Any,
    derive: Callable[[Function, list[int]], Function],
    result: Callable[[Structure, Structure], Structure],
    *options: Any,
) -> PythonFunction:
    """The transform of a PythonFunction: `derive(function, inputs)` for each kind of arguments.

    `result(value, variables)` says how the outputs nest; `options` tell transforms of one name apart.
    """
    chosen, single = f.chosen(wrt)

    def build(kind: Kind, names: tuple[str, ...]) -> Specialised:
        parent = f.of_kind(kind)
        slots, variables = variable_slots(f, parent, wrt)
        derived = flat(derive(parent.function.dense(), slots))
        return Specialised(derived, kind, result(parent.result, variables), parent.taken)

    floats = f._floats | frozenset(chosen)
    made = PythonFunction(f"{name} {f.name}", f.signature, build, f._static, floats, parent=f)
    return f.kept((name, tuple(chosen), single, options), made)


def _numbers(a: Structure, value: Any) -> list[Any]:
    return [x for x, f in zip(flatten(value)[0], a.fixed, strict=True) if f is NUMBER]


def _fixed(default: Any) -> Any:
    """A default of whole numbers alone, such as a count or a shape, as part of the definition."""
    leaves, spec = flatten(default)
    if not leaves or any(type(x) is not int for x in leaves):
        return default
    return unflatten(spec, [Fixed(x) for x in leaves])


def _with_floats(value: Any) -> Any:
    """The pytree with Python's integers as floats: variables of a derivative."""
    leaves, spec = flatten(value)
    return Structure(spec, (NUMBER,) * len(leaves)).nest([float(x) if type(x) is int else x for x in leaves])


RESULTS: dict[str, Callable[[Structure, Structure], Structure]] = {
    "gradient": lambda value, variables: variables,
    "value_and_gradient": lambda value, variables: tuple_of([value, variables]),
    "jacobian": lambda value, variables: value.of_each(variables),
    "hessian": lambda value, variables: variables.of_each(variables),
    "value": lambda value, variables: value,
}
"""How the results of the transforms nest, given the nesting of the value and of the variables."""
