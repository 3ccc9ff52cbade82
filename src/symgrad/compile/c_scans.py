"""C for operations along the last axis of an array: running sums and products, recurrences, places of extremes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from symgrad.compile.c_body import KINDS
from symgrad.compile.plan.steps import Library
from symgrad.compile.plan.views import View

if TYPE_CHECKING:
    from symgrad.compile.c_plan import Writer

Item = Callable[[View, str], str]
"""The text of the element of an array at a place along its last axis."""


def scan(w: Writer, step: Library) -> bool:
    """Whether the operation is one of these; then its loops are written."""
    make = SCANS.get(step.name)
    arrays = [a for a in step.arguments if isinstance(a, View)]
    if make is None or len(arrays) < len(step.arguments):
        return False
    (out,) = step.out
    x = arrays[0]
    names = [f"i{k}" for k in range(len(x.shape) - 1)]

    def item(v: View, last: str) -> str:
        along = [last] if len(v.shape) > len(names) else []
        steps = [w.times(s, k) for s, k in zip(v.strides, [*names, *along], strict=True)]
        return w.item(v.buffer, [str(v.offset), *steps])

    for name, n in zip(names, x.shape, strict=False):
        w.open(name, "0", n)
    make(w, arrays, out, item)
    w.close(len(names))
    return True


def _running(sign: str, first: str) -> Callable[[Writer, Sequence[View], View, Item], None]:
    def make(w: Writer, arrays: Sequence[View], out: View, item: Item) -> None:
        total = w.body.name("s")
        w.body.line(f"{KINDS.get(out.dtype, 'REAL')} {total} = {first};")
        w.open("k", "0", out.shape[-1])
        w.body.line(f"{total} {sign}= {item(arrays[0], 'k')};")
        w.body.line(f"{item(out, 'k')} = {total};")
        w.close()

    return make


def _recurrence(w: Writer, arrays: Sequence[View], out: View, item: Item) -> None:
    """y[k] = a[k] y[k - 1] + b[k]."""
    a, b = arrays
    last = w.body.name("s")
    w.body.line(f"REAL {last} = 0;")
    w.open("k", "0", out.shape[-1])
    w.body.line(f"{last} = {item(a, 'k')} * {last} + {item(b, 'k')};")
    w.body.line(f"{item(out, 'k')} = {last};")
    w.close()


def _extreme(sign: str, so_far: bool) -> Callable[[Writer, Sequence[View], View, Item], None]:
    """The first place of the largest or smallest element, of all or of those so far; NaN is both, as in NumPy."""

    def make(w: Writer, arrays: Sequence[View], out: View, item: Item) -> None:
        (x,) = arrays
        at, best, one = (w.body.name(c) for c in "msv")
        kind = KINDS.get(x.dtype, "REAL")
        w.body.line(f"long long {at} = 0;")
        w.body.line(f"{kind} {best} = {item(x, '0')};")
        if so_far:
            w.body.line(f"{item(out, '0')} = 0;")
        w.open("k", "1", x.shape[-1])
        w.body.line(f"const {kind} {one} = {item(x, 'k')};")
        w.body.line(f"if ({one} {sign} {best} || ({one} != {one} && {best} == {best})) {{ {at} = k; {best} = {one}; }}")
        if so_far:
            w.body.line(f"{item(out, 'k')} = {at};")
        w.close()
        if not so_far:
            w.body.line(f"{item(out, '')} = {at};")

    return make


SCANS: dict[str, Callable[[Writer, Sequence[View], View, Item], None]] = {
    "cumsum": _running("+", "0"),
    "cumprod": _running("*", "1"),
    "linear_recurrence": _recurrence,
    "argmax": _extreme(">", so_far=False),
    "argmin": _extreme("<", so_far=False),
    "argcummax": _extreme(">", so_far=True),
    "argcummin": _extreme("<", so_far=True),
}
"""How each is written, given the arrays and where their elements lie."""
