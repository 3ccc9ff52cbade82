"""Loops and branches in LaTeX: recurrences h_{t+1} = ..., for t = 0, ..., n - 1, and cases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from symgrad.graph.body import Body
from symgrad.ops.flow import scan_at, siblings
from symgrad.show.formula import ATOM, Language, Text, Walk, write
from symgrad.show.natural import meaning, rewritten

_LETTER = r"(?:[a-z]|\\[a-z]+)"
LONG = 60
"""Characters of a value that is written where it is used."""
CARRIES, STACKS, INDICES, COUNTS = "cdsuvwg", "yzqr", ("t", "tau", "sigma", "rho"), "NMT"


class Formula(Language, Protocol):
    """The language of LaTeX."""

    index: str


def flow(language: Formula, walk: Walk, i: int) -> Text:
    """A result of the loop or branch at node `i`, whose recurrence is put before."""
    key = siblings(walk.graph, i)
    if key not in walk.loops:
        walk.loops[key] = _Writer(language, walk, i).results()
    return walk.loops[key][walk.graph.attrs[i][-1]]


class _Writer:
    def __init__(self, language: Formula, walk: Walk, i: int) -> None:
        self.language, self.walk, self.i = language, walk, i
        self.g = g = walk.graph
        key = siblings(g, i)
        self.takes = {
            g.attrs[k][-1] for k, op in enumerate(g.ops) if walk.live[k] and op.kind == "flow" and siblings(g, k) == key
        }
        self.args = [walk.texts[a] for a in g.args[i]]

    def results(self) -> list[Text]:
        return {"scan": self.scan, "while_loop": self.while_loop, "cond": self.cond}[self.g.ops[self.i].name]()

    def line(self, text: str) -> None:
        self.walk.before.append(("", text))

    def fresh(self, wanted: Sequence[str]) -> str:
        """A symbol by the first of these names that is not in use, else by one like them."""
        used = self.language.used
        name = next(n for n in (*wanted, *(f"{wanted[0]}{k}" for k in range(1, len(used) + 2))) if n not in used)
        used.add(name)
        return self.symbol(name)

    def index(self) -> tuple[str, str]:
        """An index (its name, its symbol) that the loops around this one do not have."""
        used = self.language.used
        name = next(n for n in (*INDICES, *(f"t{k}" for k in range(1, len(used) + 2))) if n not in used)
        used.add(name)
        return name, self.symbol(name)

    def symbol(self, name: str) -> str:
        """The name in LaTeX, without the index of a loop around it."""
        language = self.language
        around, language.index = language.index, ""
        text = language.variable(name).text
        language.index = around
        return text

    def carry(self, first: Text, forward: bool) -> str:
        """A symbol for what begins as this: h for h_0."""
        found = re.fullmatch(r"([A-Za-z]|\\[a-z]+)_\{0\}", first.text)
        name = found[1].lstrip("\\") if found and forward else ""
        others = [n for n in self.language.used if re.fullmatch(rf"{name}_?[1-9]\d*", n)]
        if name in ("", "x") or others or name in self.language.used:  # x_1 is a named part
            return self.fresh(CARRIES)
        self.language.used.add(name)
        return self.symbol(name)

    def short(self, text: Text) -> Text:
        """The text, named if it is long."""
        if len(text.text) <= LONG:
            return text
        name = self.fresh("p")
        self.line(f"{name} &= {text.text}")
        return Text(name, ATOM)

    def body(
        self, body: Body, outputs: Sequence[int], given: Sequence[Text], called: Sequence[str] = (), index: str = ""
    ) -> list[Text]:
        """The texts of these outputs, the first of which have lines by the names that they are `called`.

        Named parts are put before, with the loop's index.
        """
        own, roots = rewritten(body.graph, [body.outputs[k] for k in outputs], meaning, read=True)
        names = [body.graph.attrs[i][0] for i in body.inputs]
        around, self.language.index = self.language.index, index or self.language.index
        lines: dict[int, tuple[Text, str]] = {}
        for r, name in zip(roots, called, strict=False):
            if own.args[r] and r not in lines:
                lines[r] = Text(name, ATOM), f"{name} &= "
        written = write(own, roots, self.language, dict(zip(names, given, strict=True)), lines)
        for n, text in written.parts:
            self.line(f"{self.language.variable(n).text} &= {text}" if n else text)
        self.language.index = around
        for text, name in zip(written.outputs, called, strict=False):
            if text != name:
                self.line(f"{name} &= {text}")
        return [Text(t, 0) for t in written.outputs]

    def scan(self) -> list[Text]:
        s = scan_at(self.g, self.i)
        m, cut = s.carries, s.carries + s.sliced
        values = self.args[s.counted :]
        slices, held = ([self.short(x) for x in part] for part in (values[m:cut], values[cut:]))
        stacked = [k for k in range(m, len(s.body.outputs)) if k in self.takes]
        count = str(s.length)
        if s.counted:
            count = self.args[0].text
            if len(count) > 1:
                count = self.fresh(COUNTS)
                self.line(f"{count} &= {self.args[0].text}")
        carries = [self.carry(x, not s.reverse) for x in values[:m]]
        index, t = self.index()
        old, new = (f"{t} + 1", t) if s.reverse else (t, f"{t} + 1")
        begin, end = (count, "0") if s.reverse else ("0", count)
        for c, x in zip(carries, values[:m], strict=True):
            if at(c, begin) != x.text:
                self.line(f"{at(c, begin)} &= {x.text}")
        given = [Text(at(c, old), ATOM) for c in carries]
        given += [Text(at(x.text if x.strength >= ATOM else rf"\left({x.text}\right)", t), ATOM) for x in slices]
        texts = self.body(s.body, [*range(m), *stacked], [*given, *held], [at(c, new) for c in carries], t)
        stacks = {k: self.fresh(STACKS) for k in stacked}
        for y, x in zip(stacks.values(), texts[m:], strict=True):
            self.line(f"{at(y, t)} &= {x.text}")
        self.last(t, _range(count, s.reverse))
        self.language.used.discard(index)
        return [Text(at(c, end), ATOM) for c in carries] + [
            Text(stacks.get(k, ""), ATOM) for k in range(m, len(s.body.outputs))
        ]

    def last(self, t: str, values: str) -> None:
        """What the index of the recurrence runs through, behind its last line."""
        name, line = self.walk.before.pop()
        self.walk.before.append((name, rf"{line}, \quad {t} = {values}"))

    def while_loop(self) -> list[Text]:
        condition, body, *_ = self.g.attrs[self.i]
        m = len(body.outputs)
        held = [self.short(x) for x in self.args[m:]]
        carries = [self.carry(x, True) for x in self.args[:m]]
        (index, t), count = self.index(), self.fresh(COUNTS)
        for c, x in zip(carries, self.args[:m], strict=True):
            if at(c, "0") != x.text:
                self.line(f"{at(c, '0')} &= {x.text}")
        given = [Text(at(c, t), ATOM) for c in carries] + held
        (goes_on,) = self.body(condition, [0], given, index=t)
        self.body(body, range(m), given, [at(c, f"{t} + 1") for c in carries], t)
        self.last(t, rf"0, \ldots, {count} - 1")
        self.line(rf"{count} &= \min\left\{{{t} : \text{{not }} {goes_on.text}\right\}}")
        self.language.used.discard(index)
        return [Text(at(c, count), ATOM) for c in carries] + [Text(count, ATOM)]

    def cond(self) -> list[Text]:
        yes, no, _ = self.g.attrs[self.i]
        predicate, *given = self.args
        given = [self.short(x) for x in given]
        taken = sorted(self.takes)
        sides = [self.body(body, taken, given) for body in (yes, no)]
        found = {}
        for k, a, b in zip(taken, *sides, strict=True):
            text = self.language.cases([(a, predicate)], b, self.walk.place)
            assert text is not None
            found[k] = text
        return [found.get(k, Text("", ATOM)) for k in range(len(yes.outputs))]


def at(symbol: str, index: str) -> str:
    """With an index, beside one that it may have."""
    indexed = re.fullmatch(rf"(\{{.*\}}|[A-Za-z])_\{{({_LETTER}(?:, {_LETTER})*)\}}", symbol)
    if indexed:
        return f"{indexed[1]}_{{{indexed[2]}, {index}}}"
    return f"{{{symbol}}}_{{{index}}}" if re.search(r"[_^]", symbol) else f"{symbol}_{{{index}}}"


def _range(count: str, reverse: bool) -> str:
    if count.isdigit():
        n = int(count)
        ends = ["0", str(n - 1)] if n > 1 else ["0"] * n
    else:
        ends = ["0", f"{count} - 1"]
    ends = ends[::-1] if reverse else ends
    return r", \ldots, ".join(ends) if ends != ["0", "1"] and ends != ["1", "0"] else ", ".join(ends)


__all__ = ["flow"]
