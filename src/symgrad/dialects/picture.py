"""Operation -> what its box in a picture says: only where that is not the operation's own name.

Arguments enter a box from top to bottom. `PORTS` names them where that says more than their order.
"""

from __future__ import annotations

LABELS: dict[str, str] = {
    "add": "+",
    "subtract": "−",
    "multiply": "×",
    "divide": "÷",
    "negative": "−",
    "power": "aᵇ",
    "sqrt": "√",
    "cbrt": "∛",
    "abs": "| |",
    "floor": "⌊ ⌋",
    "ceil": "⌈ ⌉",
    "minimum": "min",
    "maximum": "max",
    "mod": "mod",
    "less": "<",
    "less_equal": "≤",
    "greater": ">",
    "greater_equal": "≥",
    "equal": "=",
    "not_equal": "≠",
    "logical_and": "and",
    "logical_or": "or",
    "logical_xor": "xor",
    "logical_not": "not",
    "mask": "else 0",
    "sigmoid": "σ",
    "gamma": "Γ",
    "gammaln": "log Γ",
    "beta": "Β",
    "zeta": "ζ",
    "riemann_zeta": "ζ",
    "digamma": "ψ",
}
PORTS: dict[str, tuple[str, ...]] = {
    "where": ("if", "then", "else"),
    "mask": ("if", "then"),
    "fold": ("from", "to"),
    "cond": ("if",),
}
"""What stands beside the arrows, inside of the box."""

CONSTANTS: dict[str, str] = {
    "pi": "π",
    "E": "e",
    "EulerGamma": "γ",
    "Catalan": "Catalan",
    "GoldenRatio": "φ",
}

EINSUMS: dict[str, str] = {
    "ij->ji": "( )ᵀ",
    ",i->i": "×",
    ",ij->ij": "×",
    "ii->": "trace",
    "ii->i": "diagonal",
    "ij,jk->ik": "a·b",
    "ij,ik->jk": "aᵀ·b",
    "ji,jk->ik": "aᵀ·b",
    "ij,kj->ik": "a·bᵀ",
    "ij,j->i": "a·b",
    "ij,i->j": "aᵀ·b",
    "i,i->": "a·b",
}
"""Einsums that have a name; the others say their subscripts."""
