"""Expressions that take long to make, kept as plain JSON in the user's temporary folder.

The file lists the distinct nodes, arguments first; nothing in it is run.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sympy as sp

_HEADS = {c.__name__: c for c in (sp.Add, sp.Mul, sp.Pow, sp.sin, sp.cos)}


def kept(name: str, make: Callable[[], Sequence[sp.Expr]]) -> list[sp.Expr]:
    """The expressions `make` returns; read from the file `name` where an earlier call left one."""
    path = _folder() / f"{name}-sympy{sp.__version__}.json"
    try:
        return load(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        expressions = list(make())
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(dump(expressions)))
        draft.replace(path)
        return expressions


def _folder() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else 0
    path = Path(tempfile.gettempdir()) / f"symgrad-benchmarks-{user}"
    path.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and path.stat().st_uid != user:
        raise PermissionError(f"{path} belongs to someone else")
    return path


def dump(expressions: Sequence[sp.Expr]) -> dict[str, Any]:
    """The distinct nodes of real symbols, rational numbers, +, *, powers, sin and cos."""
    nodes: list[list[Any]] = []
    places: dict[sp.Basic, int] = {}
    for root in expressions:
        stack = [root]
        while stack:
            e = stack[-1]
            if e in places:
                stack.pop()
                continue
            missing = [a for a in e.args if a not in places]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            places[e] = len(nodes)
            if isinstance(e, sp.Symbol):
                nodes.append(["Symbol", e.name])
            elif isinstance(e, sp.Rational):
                nodes.append(["Rational", int(e.p), int(e.q)])
            elif type(e).__name__ in _HEADS:
                nodes.append([type(e).__name__, *(places[a] for a in e.args)])
            else:
                raise ValueError(f"{type(e).__name__} is not stored")
    return {"nodes": nodes, "roots": [places[e] for e in expressions]}


def load(stored: dict[str, Any]) -> list[sp.Expr]:
    """What `dump` was given."""
    built: list[sp.Expr] = []
    for head, *args in stored["nodes"]:
        if head == "Symbol":
            built.append(sp.Symbol(args[0], real=True))
        elif head == "Rational":
            built.append(sp.Rational(*args))
        else:
            built.append(_HEADS[head](*(built[a] for a in args)))
    return [built[r] for r in stored["roots"]]
