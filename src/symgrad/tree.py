"""Arguments and results as pytrees: nested tuples, lists, dicts, namedtuples, dataclasses with arrays as leaves."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import optree

_NAMESPACE = "symgrad"
_KNOWN: set[type] = set()


class Structure(NamedTuple):
    """The nesting of a pytree, and which of its leaves are numbers; the others (text, None, ...) stay as they are."""

    spec: Any
    fixed: tuple[Any, ...]
    """Per leaf, `NUMBER` or the value that it always has."""

    @property
    def size(self) -> int:
        """Number of leaves that are numbers."""
        return sum(f is NUMBER for f in self.fixed)

    @property
    def is_leaf(self) -> bool:
        """Whether it is one number by itself."""
        return self.fixed == (NUMBER,) and self.spec.is_leaf()

    def nest(self, leaves: Sequence[Any]) -> Any:
        """The pytree with these numbers."""
        if self.size == len(self.fixed):
            return optree.tree_unflatten(self.spec, leaves)
        numbers = iter(leaves)
        return optree.tree_unflatten(self.spec, [next(numbers) if f is NUMBER else f for f in self.fixed])

    def of_each(self, inner: Structure) -> Structure:
        """This nesting with `inner` in place of every leaf, as a Jacobian has it."""
        blank = tuple(f if f is NUMBER else None for f in inner.fixed)
        fixed = [x for f in self.fixed for x in (blank if f is NUMBER else (None,) * len(blank))]
        return Structure(self.spec.compose(inner.spec), tuple(fixed))

    def without_fixed(self) -> Structure:
        """The same with None where a leaf is no number: the structure of a gradient."""
        return Structure(self.spec, tuple(f if f is NUMBER else None for f in self.fixed))


class _Number:
    def __repr__(self) -> str:
        return "*"

    def __reduce__(self) -> str:
        return "NUMBER"  # the one there is, also of copies


NUMBER = _Number()


def prefix_of(prefix: Any, s: Structure) -> list[Any]:
    """Per number of `s`, the leaf of `prefix` that stands at it or above it; None is a leaf here. ValueError where
    `prefix` nests otherwise."""
    each = optree.tree_unflatten(s.spec, list(range(len(s.fixed))))
    found = optree.broadcast_prefix(prefix, each, none_is_leaf=True, namespace=_NAMESPACE)
    leaves, _ = flatten_with_none(each)
    return [x for x, k in zip(found, leaves, strict=True) if k is not None and s.fixed[k] is NUMBER]


def flatten_with_none(value: Any) -> tuple[list[Any], Any]:
    """As `flatten`, where None is a leaf."""
    return optree.tree_flatten(value, none_is_leaf=True, namespace=_NAMESPACE)


def flatten(value: Any) -> tuple[list[Any], Any]:
    """(leaves, structure of optree); None is a node without leaves, dataclasses are entered."""
    leaves, spec = optree.tree_flatten(value, namespace=_NAMESPACE)
    fresh = {type(x) for x in leaves if dataclasses.is_dataclass(x) and not isinstance(x, type)} - _KNOWN
    if not fresh:
        return leaves, spec
    for kind in fresh:
        _register(kind)
    return flatten(value)


def flatten_call(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[list[Any], Any]:
    """As `flatten`, of what is passed in a call; dataclasses that were never met are leaves."""
    passed: Any = (args, named) if named else args
    return optree.tree_flatten(passed, namespace=_NAMESPACE)


def unflatten(spec: Any, leaves: Sequence[Any]) -> Any:
    """The pytree of this structure."""
    return spec.unflatten(leaves)


def _register(kind: type) -> None:
    """A dataclass as a node: its fields are its children."""
    names = tuple(f.name for f in dataclasses.fields(kind))

    def entries(x: Any) -> tuple[tuple[Any, ...], None, tuple[str, ...]]:
        return tuple(getattr(x, n) for n in names), None, names

    def build(_: None, children: Sequence[Any]) -> Any:
        new = object.__new__(kind)  # leaves may be anything here: no checks of the class's own
        for n, child in zip(names, children, strict=True):
            object.__setattr__(new, n, child)
        return new

    _KNOWN.add(kind)
    optree.register_pytree_node(
        kind,
        entries,  # type: ignore[arg-type]
        build,  # type: ignore[arg-type]
        path_entry_type=optree.DataclassEntry,
        namespace=_NAMESPACE,
    )


def tuple_of(parts: Sequence[Structure]) -> Structure:
    """A tuple of these."""
    spec = optree.treespec_tuple([p.spec for p in parts], namespace=_NAMESPACE)
    return Structure(spec, tuple(f for p in parts for f in p.fixed))


def paths(spec: Any) -> list[tuple[Any, ...]]:
    """Per leaf, the keys that lead to it."""
    return spec.paths()


LEAF = Structure(optree.treespec_leaf(namespace=_NAMESPACE), (NUMBER,))
"""One number or array by itself."""


def names_of(argument: str, spec: Any) -> list[str]:
    """A name per leaf of an argument: the argument's own, or the last key of a dict or field with what follows it."""
    found = []
    for path in paths(spec):
        words = [k for k in range(len(path)) if isinstance(path[k], str)]
        tail = path[words[-1] :] if words else (argument, *path)
        found.append("_".join(str(k) for k in tail))
    if len(set(found)) == len(found):
        return found
    return ["_".join(map(str, (argument, *path))) for path in paths(spec)]
