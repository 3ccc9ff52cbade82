"""C for loops and branches: their bodies are plans, whose steps are written into the braces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgrad.compile.plan.steps import ITEM, TEMPORARY, Flow, Plan, Slot

if TYPE_CHECKING:
    from symgrad.compile.c_plan import Pointer, Writer

ENDLESS = 2
"""What the function returns where a condition still holds after as many passes as there may be."""


def arenas(plan: Plan) -> set[int]:
    """The buffers in which bodies of the plan's loops have what they work in: here each body has memory of its own."""
    found = set()
    for step in plan.steps:
        if isinstance(step, Flow):
            for body, table in zip(step.bodies, step.tables, strict=True):
                found |= {s.buffer for b, s in zip(body.buffers, table, strict=True) if b.kind == TEMPORARY}
    return found


def flow(w: Writer, step: Flow) -> None:
    """The statements of a loop or a branch."""
    {"scan": _scan, "while_loop": _while, "cond": _cond}[step.name](w, step)


def _scan(w: Writer, step: Flow) -> None:
    (body,), (table,) = step.bodies, step.tables
    t = w.body.name("t")
    passes = str(step.length)
    if step.number is not None:
        passes = w.body.name("n")
        count = _number(w, step.number)
        w.body.line(f"const long long {passes} = {count} < {step.length} ? {count} : {step.length};")
    w.open(t, "0", passes)
    at = t
    if step.reverse:
        at = w.body.name("t")
        w.body.line(f"const long long {at} = {passes} - 1 - {t};")
    _body(w, body, table, at)
    w.close()


def _while(w: Writer, step: Flow) -> None:
    assert step.number is not None
    t = w.body.name("t")
    w.body.line(f"long long {t} = 0;")
    w.body.line("for (;;) {")
    w.body.indent += "    "
    asked = pointers(w, step.bodies[0], step.tables[0], "0")
    w.inside(step.bodies[0], asked)
    name, *start = asked[step.test]
    w.body.line(f"if (!({w.at(name, start)})) break;")
    w.body.line(f"if ({t} == {step.length}) return {ENDLESS};")
    w.returns = w.loops = True
    _body(w, step.bodies[1], step.tables[1], "0")
    w.body.line(f"{t} += 1;")
    w.close()
    w.body.line(f"{_cell(w, step.number)} = {t};")


def _cond(w: Writer, step: Flow) -> None:
    assert step.number is not None
    w.body.line(f"if ({_cell(w, step.number)}) {{")
    for k in (1, 0):
        w.body.indent += "    "
        _body(w, step.bodies[k], step.tables[k], "0")
        w.close()
        if k:
            w.body.line("else {")


def _body(w: Writer, body: Plan, table: tuple[Slot, ...], at: str) -> None:
    w.inside(body, pointers(w, body, table, at))


def pointers(w: Writer, body: Plan, table: tuple[Slot, ...], at: str) -> dict[int, Pointer]:
    """Where the body's buffers lie in pass `at`."""
    found = w.temporaries(body)
    for k, (b, s) in enumerate(zip(body.buffers, table, strict=True)):
        if b.kind != TEMPORARY and s.buffer >= 0:
            item = ITEM[b.dtype]
            name, *start = w.pointers[s.buffer]
            found[k] = (name, *start, str(s.offset // item), w.times(s.stride // item, at))
    return found


def _cell(w: Writer, s: Slot) -> str:
    """The number at a slot."""
    return w.item(s.buffer, [str(s.offset // ITEM[w.plan.buffers[s.buffer].dtype])])


def _number(w: Writer, s: Slot) -> str:
    return f"(long long){_cell(w, s)}"
