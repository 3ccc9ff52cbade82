"""Loops and branches of a graph as modules of plain torch code: loops and branches of Python.

Nothing is written in place, so that autograd may go through them. Under `torch.compile` a loop of a known length is
written out; how often a loop runs that asks a condition only the numbers say, which breaks the graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from symgrad.compile.flow import endless
from symgrad.compile.framework import Loop
from symgrad.errors import ArgumentError, ConvergenceError, UnsupportedError
from symgrad.graph import Graph, Type
from symgrad.graph.body import Body
from symgrad.ops.flow import Scan, bodies, scan_at

FAILS = frozenset(["inv", "solve", "triangular_solve", "cholesky", "eigh", "svd", "pinv", "qr", "expm", "implicit"])
"""Operations that raise an error for some numbers."""

Make = Callable[[Body], nn.Module]
"""What makes a module of a body: called with its inputs, it gives a tuple of its outputs."""


class Fold(nn.Module):
    """A loop. Where its bounds are Python numbers its length is known; else passes outside them count nothing."""

    def __init__(self, loop: Loop, step: nn.Module) -> None:
        super().__init__()
        self.step, self.loop = step, loop

    def forward(self, lo: Any, hi: Any, *rest: Any) -> Sequence[Any]:
        loop, m = self.loop, self.loop.carries
        carries, captured = rest[:m], rest[m:]
        device = rest[0].device
        lengths = [captured[k].size(axis) for k, axis in loop.extents]
        if isinstance(lo, int) and isinstance(hi, int):
            if lengths and lo <= hi and (lo < 0 or hi >= min(lengths)):
                bad = lo if lo < 0 else hi
                raise ArgumentError(f"index {bad} is outside an axis of length {min(lengths)}")
            index = torch.arange(lo, hi + 1, device=device)
            return self.passes(index, None, carries, captured)
        lo, hi = torch.as_tensor(lo, device=device), torch.as_tensor(hi, device=device)
        first, last = (0, min(lengths) - 1) if lengths else (int(lo.min()), int(hi.max()))
        index = torch.arange(first, last + 1, device=device)
        totals = self.passes(index, (lo, hi), carries, captured)
        if not lengths:
            return totals
        good = (hi < lo) | ((lo >= 0) & (hi <= last))
        return [torch.where(good, t, math.nan) for t in totals]

    def passes(self, index: Any, bounds: Any, carries: Sequence[Any], captured: Sequence[Any]) -> Sequence[Any]:
        """The carries after the passes of `index` that lie within `bounds`."""
        loop = self.loop
        if loop.gathers is None:
            for k in index:
                new = self.step(k, *carries, *captured)
                if bounds is not None:
                    inside = (k >= bounds[0]) & (k <= bounds[1])
                    new = [torch.where(inside, x, old) for x, old in zip(new, carries, strict=True)]
                carries = new
            return carries
        inside = None
        if loop.pointwise:  # the passes are an axis in front of those of a batch
            numbers = [c for c, t in zip(captured, loop.captured, strict=True) if not t.shape]
            rank = max([0, *[x.ndim for x in (*numbers, *carries, *(bounds or ()))]])
            index = index.reshape(-1, *[1] * rank)
            if bounds is not None:
                inside = (index >= bounds[0]) & (index <= bounds[1])
                captured = [
                    c if t.shape or t.dtype[0] != "f" else torch.where(inside, c, c.detach())
                    for c, t in zip(captured, loop.captured, strict=True)
                ]
            terms = self.step(index, *carries, *captured)
        else:
            if bounds is not None:
                inside = (index >= bounds[0]) & (index <= bounds[1])
            dims = (0, *[None] * (len(carries) + len(captured)))
            terms = torch.vmap(self.step, dims)(index, *carries, *captured)
        results = []
        for first, sign, term, type in zip(carries, loop.signs, terms, loop.types, strict=True):
            each = torch.broadcast_to(term, torch.broadcast_shapes(term.shape, index.shape + (1,) * len(type.shape)))
            if inside is not None:
                there = inside.reshape(inside.shape + (1,) * len(type.shape))
                each = torch.where(there, each, 0.0 if loop.gathers == "sum" else 1.0)
            if loop.gathers == "prod":
                results.append(first * each.prod(0))
            else:
                total = each.sum(0)
                results.append(first + total if sign > 0 else first - total)
        return results


class Step(nn.Module):
    """A body whose outputs are just of their types: what does not depend on an input may come without its axes."""

    def __init__(self, body: Body, make: Make) -> None:
        super().__init__()
        self.call = make(body)
        self.shapes = [body.graph.types[o].lengths for o in body.outputs]

    def forward(self, *values: Any) -> list[Any]:
        found = self.call(*values)
        return [x if x.shape == s else torch.broadcast_to(x, s) for x, s in zip(found, self.shapes, strict=True)]


class Passes(nn.Module):
    """A `scan`. Called with its arguments, and where it has a count, with a zero of each stacked result behind them."""

    def __init__(self, s: Scan, make: Make) -> None:
        super().__init__()
        self.step = Step(s.body, make)
        self.carries, self.sliced, self.length = s.carries, s.sliced, s.length
        self.reverse, self.counted = s.reverse, s.counted
        self.stacked = len(s.body.outputs) - s.carries

    def forward(self, *values: Any) -> list[Any]:
        m, passes = self.carries, self.length
        zeros: tuple[Any, ...] = ()
        if self.counted:
            count, values = values[0], values[1:]
            passes = max(0, min(_number(count, "how many passes a loop has"), self.length))
            cut = len(values) - self.stacked
            values, zeros = values[:cut], values[cut:]
        carries, held = values[:m], values[m + self.sliced :]
        slices = [x[:passes].unbind() for x in values[m : m + self.sliced]]
        stacks: list[list[Any]] = [[] for _ in range(self.stacked)]
        for k in range(passes - 1, -1, -1) if self.reverse else range(passes):
            found = self.step(*carries, *[x[k] for x in slices], *held)
            carries = found[:m]
            for stack, y in zip(stacks, found[m:], strict=True):
                stack.append(y)
        if self.reverse:
            stacks = [stack[::-1] for stack in stacks]
        if passes == self.length:
            return [*carries, *(torch.stack(stack) for stack in stacks)]
        rests = [z[passes:] for z in zeros]  # beyond the count
        joined = [torch.cat([torch.stack(stack), z]) if stack else z for stack, z in zip(stacks, rests, strict=True)]
        return [*carries, *joined]


class While(nn.Module):
    """A `while_loop`."""

    def __init__(self, condition: Body, body: Body, limit: int, make: Make) -> None:
        super().__init__()
        self.condition, self.step = Step(condition, make), Step(body, make)
        self.limit, self.carries = limit, len(body.outputs)

    def forward(self, *values: Any) -> list[Any]:
        carries, held = values[: self.carries], values[self.carries :]
        trips = 0
        while _number(self.condition(*carries, *held)[0], "whether a loop goes on"):
            if trips == self.limit:
                raise ConvergenceError(endless(self.limit))
            carries = self.step(*carries, *held)
            trips += 1
        return [*carries, torch.full((), trips, dtype=torch.int64, device=values[0].device)]


class Branch(nn.Module):
    """A `cond`: only the branch that is taken runs.

    Both run, and each point takes its own, under `torch.vmap`, where predicates differ from point to point, and under
    `torch.compile`, unless one of them may raise an error (a matrix that has no inverse): that breaks the graph.
    """

    def __init__(self, yes: Body, no: Body, make: Make) -> None:
        super().__init__()
        self.yes, self.no = Step(yes, make), Step(no, make)
        self.both = not any(_may_raise(b) for b in (yes, no))

    def forward(self, predicate: Any, *values: Any) -> list[Any]:
        if self.both and torch.compiler.is_compiling():
            return self.selected(predicate, values)
        try:
            chosen = self.yes if predicate.item() else self.no
        except RuntimeError as e:
            if "vmap" not in str(e):
                raise
            return self.selected(predicate, values)
        return chosen(*values)

    def selected(self, predicate: Any, values: Sequence[Any]) -> list[Any]:
        """Of both branches. Where one is not taken, derivatives by what enters it are dropped: they may be infinite."""
        sides = []
        for step, here in ((self.yes, predicate), (self.no, ~predicate)):
            gated = [torch.where(here, x, x.detach()) if x.dtype.is_floating_point else x for x in values]
            sides.append(step(*gated))
        return [torch.where(predicate, a, b) for a, b in zip(*sides, strict=True)]


def _may_raise(body: Body) -> bool:
    """Whether some numbers are an error, or need not end."""
    todo = [body]
    while todo:
        b = todo.pop()
        for i, needed in enumerate(b.graph.reach(b.outputs)):
            op = b.graph.ops[i]
            if needed and op.kind == "flow" and op.name != "while_loop":
                todo += bodies(b.graph, i)
            elif needed and (op.name in FAILS or op.kind in ("flow", "control")):
                return True
    return False


def _number(x: Any, what: str) -> Any:
    try:
        return x.item() if isinstance(x, torch.Tensor) else x
    except RuntimeError as e:
        if "vmap" not in str(e):
            raise
        raise UnsupportedError(
            f"under torch.vmap, {what} differs from point to point; use sg.vmap before .torch(), or give the module "
            "the whole batch: arguments with further axes in front"
        ) from None


def module_of(g: Graph, i: int, make: Make) -> nn.Module:
    """The loop or branch at node `i`: called with its arguments, it gives all its results."""
    name = g.ops[i].name
    if name == "scan":
        return Passes(scan_at(g, i), make)
    if name == "while_loop":
        condition, body, limit, *_ = g.attrs[i]
        return While(condition, body, limit, make)
    yes, no, _ = g.attrs[i]
    return Branch(yes, no, make)


def result_types(g: Graph, i: int) -> list[Type]:
    """The types of all results of the loop or branch at node `i`."""
    body = bodies(g, i)[-1]
    types = [body.graph.types[o] for o in body.outputs]
    if g.ops[i].name == "scan":
        s = scan_at(g, i)
        return types[: s.carries] + [t._replace(shape=(s.length, *t.shape)) for t in types[s.carries :]]
    return [*types, Type("int64")] if g.ops[i].name == "while_loop" else types


def decides(g: Graph, roots: Sequence[int]) -> bool:
    """Whether numbers say what is run: a loop that asks a condition or counts its passes, a branch."""
    todo = [(g, roots)]
    while todo:
        own, outputs = todo.pop()
        for i, needed in enumerate(own.reach(outputs)):
            if needed and own.ops[i].kind == "flow":
                if own.ops[i].name != "scan" or scan_at(own, i).counted:
                    return True
                todo += [(b.graph, b.outputs) for b in bodies(own, i)]
    return False
