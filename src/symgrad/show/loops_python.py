"""Loops and branches in Python source: statements that stand before what uses their results."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from symgrad.graph import INPUT
from symgrad.graph.body import Body
from symgrad.ops.flow import scan_at, siblings
from symgrad.show.formula import ATOM, Language, Text, Walk, write
from symgrad.show.natural import Form, rewritten

STEP = "    "
WIDE = 80
"""Characters of values that are given to several names in one line."""


class Source(Language, Protocol):
    """The language of Python."""

    def uses(self, text: str) -> None: ...


def flow(language: Source, walk: Walk, i: int, form: Form) -> Text:
    """The name of a result of the loop or branch at node `i`, whose statements are put before."""
    key = siblings(walk.graph, i)
    if key not in walk.loops:
        walk.loops[key] = _Writer(language, walk, i, form).results()
    return walk.loops[key][walk.graph.attrs[i][-1]]


class _Writer:
    def __init__(self, language: Source, walk: Walk, i: int, form: Form) -> None:
        self.language, self.walk, self.i, self.form = language, walk, i, form
        self.g = walk.graph
        key = siblings(self.g, i)
        self.takes = {
            self.g.attrs[k][-1]
            for k, op in enumerate(self.g.ops)
            if walk.live[k] and op.kind == "flow" and siblings(self.g, k) == key
        }
        self.args = [walk.texts[a] for a in self.g.args[i]]

    def results(self) -> list[Text]:
        return {"scan": self.scan, "while_loop": self.while_loop, "cond": self.cond}[self.g.ops[self.i].name]()

    def line(self, text: str) -> None:
        self.language.uses(text)
        self.walk.before.append(("", text))

    def fresh(self, *wanted: str) -> str:
        """The first of these names that is not in use, else one like them."""
        used = self.language.used
        name = next(n for n in (*wanted, *(f"{wanted[0]}{k}" for k in range(1, len(used) + 2))) if n not in used)
        used.add(name)
        return name

    def carry(self, first: Text) -> str:
        """A name for what begins as this: h for h0."""
        found = re.fullmatch(r"([A-Za-z_]*[A-Za-z])_?0", first.text)
        return self.fresh(*([found[1]] if found else []), "c")

    def plain(self, text: Text) -> Text:
        """The text, named if it would be worked out in every pass."""
        if re.fullmatch(r"-?[\w.]+(\[\w+\])?", text.text):
            return text
        name = self.fresh("p")
        self.line(f"{name} = {text.text}")
        return Text(name, ATOM)

    def body(self, body: Body, outputs: Sequence[int], given: Sequence[Text]) -> tuple[list[str], list[str], list[int]]:
        """(statements, the texts of these outputs, their nodes: inputs as -1 - their place)."""
        own, roots = rewritten(body.graph, [body.outputs[k] for k in outputs], self.form)
        names = [body.graph.attrs[i][0] for i in body.inputs]
        variables: Mapping[str, Text] = dict(zip(names, given, strict=True))
        written = write(own, roots, self.language, variables)
        nodes = [-1 - names.index(own.attrs[r][0]) if own.ops[r] is INPUT else r for r in roots]
        return [f"{n} = {text}" if n else text for n, text in written.parts], written.outputs, nodes

    def assign(self, names: Sequence[str], texts: Sequence[str], indent: str) -> None:
        """All at once: a value may read another's old one."""
        pairs = [(n, t) for n, t in zip(names, texts, strict=True) if n != t]
        if len(pairs) > 1 and sum(len(n) + len(t) for n, t in pairs) > WIDE:
            new = [self.fresh(f"{n}_new") for n, _ in pairs]
            for n, (_, t) in zip(new, pairs, strict=True):
                self.line(f"{indent}{n} = {t}")
            pairs = [(n, t) for (n, _), t in zip(pairs, new, strict=True)]
        if pairs:
            left, right = (", ".join(part) for part in zip(*pairs, strict=True))
            self.line(f"{indent}{left} = {right}")

    def scan(self) -> list[Text]:
        s = scan_at(self.g, self.i)
        m, cut = s.carries, s.carries + s.sliced
        values = self.args[s.counted :]
        stacked = [k for k in range(m, len(s.body.outputs)) if k in self.takes]
        slices, held = ([self.plain(x) for x in part] for part in (values[m:cut], values[cut:]))
        carries = [self.carry(x) for x in values[:m]]
        self.assign(carries, [x.text for x in values[:m]], "")
        stacks = {k: self.fresh("y", "z", "w") for k in stacked}
        for k, y in stacks.items():
            type = s.body.graph.types[s.body.outputs[k]]
            shape = ", ".join(map(str, (s.length, *type.lengths)))
            dtype = {"float64": "", "int64": ", int", "bool": ", bool"}.get(type.dtype, f", np.{type.dtype}")
            made = "zeros" if s.counted else "empty"
            self.line(f"{y} = np.{made}({f'({shape})' if type.shape else shape}{dtype})")
        t = self.fresh("t", "k", "i", "j")
        count = self.plain(self.args[0]).text if s.counted else str(s.length)
        if s.reverse:
            last = f"{count} - 1" if s.counted else str(s.length - 1)
            self.line(f"for {t} in range({last}, -1, -1):")
        else:
            self.line(f"for {t} in range({count}):")
        given = [Text(c, ATOM) for c in carries] + [Text(f"{x.text}[{t}]", ATOM) for x in slices] + held
        lines, texts, nodes = self.body(s.body, [*range(m), *stacked], given)
        before = len(self.walk.before)
        for line in lines:
            self.line(STEP + line)
        after = {node: c for node, c in zip(nodes[:m], carries, strict=True) if node >= 0}
        later = []
        for y, text, node in zip(stacks.values(), texts[m:], nodes[m:], strict=True):
            if node in after:  # what a carry becomes
                later.append(f"{STEP}{y}[{t}] = {after[node]}")
            else:
                self.line(f"{STEP}{y}[{t}] = {text}")
        self.assign(carries, texts[:m], STEP)
        self.language.used.discard(t)
        for line in later:
            self.line(line)
        if len(self.walk.before) == before:
            self.line(f"{STEP}pass")
        return [Text(c, ATOM) for c in carries] + [Text(stacks.get(k, ""), ATOM) for k in range(m, len(s.body.outputs))]

    def while_loop(self) -> list[Text]:
        condition, body, limit, *_ = self.g.attrs[self.i]
        m = len(body.outputs)
        held = [self.plain(x) for x in self.args[m:]]
        carries = [self.carry(x) for x in self.args[:m]]
        self.assign(carries, [x.text for x in self.args[:m]], "")
        n = self.fresh("n", "m")
        given = [Text(c, ATOM) for c in carries] + held
        self.line(f"for {n} in range({limit + 1}):")
        lines, (goes_on,), _ = self.body(condition, [0], given)
        for line in [*lines, f"if not ({goes_on}):", f"{STEP}break"]:
            self.line(STEP + line)
        lines, texts, _ = self.body(body, range(m), given)
        for line in lines:
            self.line(STEP + line)
        self.assign(carries, texts, STEP)
        self.line("else:")
        self.line(f'{STEP}raise RuntimeError("the condition still holds after {limit} passes")')
        return [Text(c, ATOM) for c in (*carries, n)]

    def cond(self) -> list[Text]:
        yes, no, _ = self.g.attrs[self.i]
        predicate, *given = self.args
        taken = sorted(self.takes)
        names = {k: self.fresh("r") for k in taken}
        given = [self.plain(x) for x in given]
        for head, body in ((f"if {predicate.text}:", yes), ("else:", no)):
            self.line(head)
            lines, texts, _ = self.body(body, taken, given)
            for line in lines:
                self.line(STEP + line)
            self.assign(list(names.values()), texts, STEP)
        return [Text(names.get(k, ""), ATOM) for k in range(len(yes.outputs))]


__all__ = ["flow"]
