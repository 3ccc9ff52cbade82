"""The subscripts of an einsum, "ij,jk->ik", as labels: an int per axis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from symgrad.errors import UnsupportedError

Labels = tuple[int, ...]

LETTERS = "ijklmnopqrstuvwxyzabcdefghABCDEFGHIJKLMNOPQRSTUVWXYZ"


@lru_cache(maxsize=4096)
def parse(subscripts: str) -> tuple[tuple[Labels, ...], Labels]:
    """The labels of the operands and of the result of "ij,jk->ik"."""
    left, _, right = subscripts.partition("->")
    return tuple(tuple(map(ord, part)) for part in left.split(",")), tuple(map(ord, right))


def subscripts(parts: Sequence[Labels], out: Labels) -> str:
    """The attribute: letters in the order of appearance."""
    letters: dict[int, str] = {}
    for label in (label for labels in (*parts, out) for label in labels):
        if label not in letters:
            if len(letters) == len(LETTERS):
                raise UnsupportedError(f"a tensor product of more than {len(LETTERS)} axes")
            letters[label] = LETTERS[len(letters)]
    return ",".join("".join(letters[x] for x in p) for p in parts) + "->" + "".join(letters[x] for x in out)


def sums(parts: Iterable[Labels], out: Labels) -> bool:
    """Whether some label is summed over."""
    return any(label not in out for labels in parts for label in labels)
