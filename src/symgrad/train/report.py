"""A fit's result as text."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symgrad.train.result import FitResult

SHOWN = 40
"""Parameters that the printed table shows."""


def brief(result: FitResult) -> str:
    """One line: parameters with their errors."""
    shown = ", ".join(f"{n}={v:.6g}±{result.stderr[n]:.2g}" for n, v in list(result.params.items())[:6])
    more = ", ..." if len(result.params) > 6 else ""
    return f"FitResult({shown}{more}; {'converged' if result.success else 'NOT converged'})"


def rows(result: FitResult) -> list[tuple[str, str, str, str]]:
    """Name, value, standard error and relative error of every parameter, as text."""
    out = []
    for name, value in result.params.items():
        error = result.stderr[name]
        relative = f"{100 * error / abs(value):.2g}%" if value and math.isfinite(error) else ""
        out.append((name, f"{value:.11g}", f"{error:.11g}", relative))
    return out


def facts(result: FitResult) -> list[tuple[str, str]]:
    """What else there is to say, as (what, value)."""
    out = []
    if result.rss is not None:
        out += [
            ("residual sum of squares", f"{result.rss:.11g}"),
            ("residual standard deviation", f"{result.residual_std:.11g}"),
        ]
    else:
        out.append(("negative log-likelihood", f"{result.nll:.11g}"))
    out += [
        ("degrees of freedom", str(result.dof)),
        ("solver", f"{result.solver}, {result.iterations} evaluations ({result.evaluations} on all roads)"),
        ("converged", ("yes: " if result.success else "NO: ") + result.message),
    ]
    return out


def report(result: FitResult) -> str:
    """The table that `str(result)` is."""
    head = ("parameter", "value", "standard error", "relative")
    table = rows(result)
    if len(table) > SHOWN:
        table = [*table[: SHOWN - 5], ("...", f"{len(table)} in all", "", ""), *table[-4:]]
    lines = [head, *table]
    widths = [max(len(line[k]) for line in lines) for k in range(4)]
    text = []
    for k, line in enumerate(lines):
        cells = [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        text.append("  ".join(cells).rstrip())
        if k == 0:
            text.append("-" * (sum(widths) + 6))
    text.append("")
    wide = max(len(what) for what, _ in facts(result))
    text += [f"{what.ljust(wide)}  {value}" for what, value in facts(result)]
    return "\n".join(text)


def walked(result: FitResult) -> str:
    """How every solver that was tried ended, as a table."""
    what = "sum of squares" if result.rss is not None else "log-likelihood, negative"
    lines = [("road", what, "evaluations", "its end")]
    lines += [
        (r.solver, f"{r.value:.10g}", str(r.evaluations), "a minimum" if r.minimum else r.why) for r in result.roads
    ]
    widths = [max(len(line[k]) for line in lines) for k in range(3)]
    wide = [(line[0].ljust(widths[0]), line[1].rjust(widths[1]), line[2].rjust(widths[2]), line[3]) for line in lines]
    return "\n".join("  ".join(cells) for cells in wide)


def html(result: FitResult) -> str:
    """The same table for notebooks."""

    def line(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(c)}</{tag}>" for c in cells) + "</tr>"

    head = line(("parameter", "value", "standard error", "relative"), "th")
    body = "".join(line(r, "td") for r in rows(result))
    rest = "".join(line(f, "td") for f in facts(result))
    return f"<table>{head}{body}</table><table>{rest}</table>"
