"""Reads the text that SymPy's `srepr` writes, without running it: a tokenizer and an explicit stack.

A node that occurs again is built once: gait2d writes 135 000 nodes that are 2 500 different ones.
"""

from __future__ import annotations

import re
from typing import Any

import sympy as sp

_TOKEN = re.compile(r"\s*(?:([A-Za-z_]\w*)|(-?\d+)|'([^']*)'|([(),\[\]]))")
_HEADS = {
    **{c.__name__: c for c in (sp.Add, sp.Mul, sp.Pow, sp.Abs, sp.exp, sp.log, sp.sin, sp.cos, sp.tan, sp.sqrt)},
    "Integer": sp.Integer,
    "Rational": sp.Rational,
    "Symbol": lambda name: sp.Symbol(name, real=True),  # else the derivative of Abs speaks of re and im
    "Function": lambda name: sp.Function(name, real=True),
}


def read(text: str) -> list[Any]:
    """The entries of the matrix or tuple that `text` holds, flattened, in order.

    Raises ValueError for what is no such text, or for a class that is not known here.
    """
    seen: dict[Any, Any] = {}
    keys: dict[int, Any] = {}  # id of a built node -> its key; holds the node too, so that ids stay good
    # A frame is [class, arguments so far]; class None collects a bracket.
    root: list[Any] = [None, []]
    stack = [root]
    name: Any = None
    at = 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"not srepr text at character {at}: {text[at : at + 20]!r}")
        at = match.end()
        word, number, string, mark = match.groups()
        if word is not None:
            name = word
        elif number is not None:
            stack[-1][1].append(int(number))
        elif string is not None:
            stack[-1][1].append(string)
        elif mark in "([":
            callee = stack[-1][1].pop() if name is None and mark == "(" and _callable(stack[-1]) else name
            stack.append([callee, []])
            name = None
        elif mark in ")]":
            if len(stack) == 1:
                raise ValueError(f"one bracket too many at character {at}")
            head, args = stack.pop()
            stack[-1][1].append(_build(head, args, seen, keys))
    if len(stack) != 1 or len(root[1]) != 1:
        raise ValueError("the text ends inside an expression")
    flat: list[Any] = []
    todo = [root[1][0]]
    while todo:
        e = todo.pop()
        if isinstance(e, list):
            todo.extend(reversed(e))
        else:
            flat.append(e)
    return flat


def _callable(frame: list[Any]) -> bool:
    """Function('q1') is followed by its own arguments."""
    return bool(frame[1]) and isinstance(frame[1][-1], sp.core.function.UndefinedFunction)


def _build(head: Any, args: list[Any], seen: dict[Any, Any], keys: dict[int, Any]) -> Any:
    if head is None or head in ("MutableDenseMatrix", "ImmutableDenseMatrix", "Tuple"):
        return args
    key = (head, *(id(a) if id(a) in keys else a for a in args))
    found = seen.get(key)
    if found is None:
        make = head if not isinstance(head, str) else _HEADS.get(head)
        if make is None:
            raise ValueError(f"{head} is not read here")
        found = seen[key] = make(*args)
        keys[id(found)] = found
    return found
