"""Calls of the NumPy back end in a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgrad.compile.numpy import constant, node_call
from symgrad.compile.plan.steps import TEMPORARY, Library
from symgrad.compile.plan.views import View
from symgrad.graph import CONST

if TYPE_CHECKING:
    from symgrad.compile.plan.planner import Planner


def library(p: Planner, i: int) -> None:
    """Adds the call that is node `i`, which all its siblings share."""
    g = p.g
    takes, nodes = (), [i]
    if g.ops[i].attrs[-1:] == ("take",):
        nodes = siblings(p, i)
        takes = tuple([g.attrs[j][-1] for j in nodes])
    for j in nodes:
        if j not in p.views:
            p.views[j] = p.new(TEMPORARY, g.types[j].dtype, g.types[j].lengths)
        p.finished[j] = len(p.steps)
    arguments = tuple([constant(*g.attrs[a]) if g.ops[a] is CONST else p.views[a] for a in g.args[i]])
    out = tuple([p.views[j] for j in nodes])
    taken = sum(p.buffers[v.buffer].bytes for v in (*out, *arguments) if isinstance(v, View))
    p.steps.append(Library(g.ops[i].name, node_call(g, i), arguments, out, takes, taken, g.work(i)))


def siblings(p: Planner, i: int) -> list[int]:
    """The nodes that take parts of one decomposition, or of one loop."""
    g, key = p.g, (p.g.ops[i], p.g.args[i], p.g.attrs[i][:-1])
    return [j for j in range(len(g)) if p.known.live[j] and (g.ops[j], g.args[j], g.attrs[j][:-1]) == key]
