"""Steps of a plan as steps of machine code: products as calls of BLAS, loops and branches with their bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

from symgrad.compile import nest
from symgrad.compile.nest import OWN, Call, Mirrored, Nest, Passes
from symgrad.compile.plan.steps import CONSTANT, TEMPORARY, Flow, Gemm, Matrix, Mirror, Plan, Slot, Step

OWN_BYTES = 4096
"""Bytes that a body works in up to which they are on the stack."""
KEPT_BYTES = 128
"""Bytes of a carry up to which passes work on a copy of it on the stack."""


def is_code(step: Step) -> TypeGuard[Nest | Gemm | Mirror | Flow]:
    """Whether a step is machine code, with all steps within."""
    if isinstance(step, Flow):
        return all(is_code(s) for b in step.bodies for s in b.steps)
    return isinstance(step, (Nest, Gemm, Mirror))


def code(step: Nest | Gemm | Mirror | Flow) -> nest.Step:
    """A step that `is_code`, as such."""
    if isinstance(step, Gemm):
        return _gemm(step)
    if isinstance(step, Mirror):
        return Mirrored(step.a.buffer, step.a.dtype, step.a.offset, step.a.shape[0], *step.a.strides)
    return _passes(step) if isinstance(step, Flow) else step


def _passes(step: Flow) -> Passes:
    """A loop or branch as code. Little memory is put where the code may hold it in registers."""

    def slot(body: Plan, k: int, s: Slot) -> tuple[int, int, int]:
        b = body.buffers[k]
        if b.kind == TEMPORARY and b.at >= 0 and body.arena <= OWN_BYTES:
            return OWN, b.at, 0
        return s.buffer, s.offset, s.stride

    bodies = [tuple(code(s) for s in body.steps if is_code(s)) for body in step.bodies]
    tables = [
        tuple(slot(body, k, s) for k, s in enumerate(table))
        for body, table in zip(step.bodies, step.tables, strict=True)
    ]
    own = tuple(body.arena if body.arena <= OWN_BYTES else 0 for body in step.bodies)
    number = None if step.number is None else (step.number.buffer, step.number.offset)
    kept = () if step.name == "cond" else tuple(_kept(step))
    return Passes(step.name, tuple(bodies), tuple(tables), step.length, step.reverse, number, step.test, own, kept)


def _kept(step: Flow) -> Iterator[tuple[int, int, int, bool]]:
    """Little memory that each pass works on: carries, captured numbers, the result of a condition."""
    sizes: dict[Slot, int] = {}
    for body, table in zip(step.bodies, step.tables, strict=True):
        for b, s in zip(body.buffers, table, strict=True):
            if s.buffer >= 0 and b.kind != CONSTANT:
                sizes[s] = max(sizes.get(s, 0), b.bytes)
    for s, size in sizes.items():
        changed = s.buffer in step.written
        alone = not changed or not any(
            t != s and t.buffer == s.buffer and (t.stride or (t.offset < s.offset + size and s.offset < t.offset + n))
            for t, n in sizes.items()
        )
        if not s.stride and 0 < size <= KEPT_BYTES and alone:
            yield s.buffer, s.offset, size, changed


def _gemm(step: Gemm) -> Call:
    """The call of BLAS, which has matrices by columns: c^T = b^T a^T for one by rows."""
    a, b, c = step.a, step.b, step.c
    if step.half:
        return _syrk(step)
    if c.rows == 1 or (c.columns > 1 and c.by_rows):
        a, b, c = b.turned, a.turned, c.turned
    letter, real, pointer, leading = _spelled(step.dtype)
    if c.columns == 1 and a.rows * a.columns > 0:  # a matrix and a vector
        letter_a, own = ("N", a) if a.turned.by_rows else ("T", a.turned)
        return Call(
            f"symgrad.blas.{letter}gemv",
            (
                ("char", letter_a), ("int", own.rows), ("int", own.columns), (real, step.alpha),
                pointer(a), leading(own), pointer(b), ("int", b.down or 1),
                (real, step.beta), pointer(c), ("int", 1 if c.rows == 1 else c.down),
            ),
        )  # fmt: skip
    letters, own = [], []
    for m in (a, b):
        by_columns = m.turned.by_rows
        letters.append("N" if by_columns else "T")
        own.append(m if by_columns else m.turned)
    return Call(
        f"symgrad.blas.{letter}gemm",
        (
            ("char", letters[0]), ("char", letters[1]), ("int", c.rows), ("int", c.columns), ("int", a.columns),
            (real, step.alpha), pointer(a), leading(own[0]), pointer(b), leading(own[1]),
            (real, step.beta), pointer(c), leading(c),
        ),
    )  # fmt: skip


def _syrk(step: Gemm) -> Call:
    """c = alpha a a^T, on and above its diagonal: what is by rows above it is below it by columns."""
    a, c = step.a, step.c
    letter, real, pointer, leading = _spelled(step.dtype)
    by_columns = a.turned.by_rows
    return Call(
        f"symgrad.blas.{letter}syrk",
        (
            ("char", "L" if c.by_rows else "U"), ("char", "N" if by_columns else "T"), ("int", a.rows),
            ("int", a.columns), (real, step.alpha), pointer(a), leading(a if by_columns else a.turned),
            (real, step.beta), pointer(c), leading(c.turned if c.by_rows else c),
        ),
    )  # fmt: skip


def _spelled(dtype: str) -> tuple[str, str, Callable[[Matrix], tuple[Any, ...]], Callable[[Matrix], tuple[Any, ...]]]:
    """BLAS's letter of a dtype, how a number of it is passed, a matrix, and its leading dimension by columns."""
    letter, real, item = ("d", "real", 8) if dtype == "float64" else ("s", "single", 4)
    return (
        letter,
        real,
        lambda m: ("buffer", m.buffer, m.offset * item),
        lambda m: ("int", max(1, m.rows if m.columns <= 1 else m.right, m.rows)),
    )
