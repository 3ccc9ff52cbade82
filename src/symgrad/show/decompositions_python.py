"""Decompositions and functions of matrices in Python source: calls of NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graph import Graph
from symgrad.ops.einsum import symmetric
from symgrad.show.formula import ATOM, PRODUCT, Place, Text

CALLS = {
    "svd": "np.linalg.svd({0}, full_matrices=False)[{take}]",
    "qr": "np.linalg.qr({0})[{take}]",
    "eigh": "np.linalg.eigh({0})[{take}]",
    "cholesky": "np.linalg.cholesky({0})",
    "pinv": "np.linalg.pinv({0}, {rcond!r})",
    "expm": "linalg.expm({0})",
}
SYMMETRIC = ("eigh", "cholesky")
"""Operations on the symmetric part of their argument."""


def decomposition(graph: Graph, i: int, args: Sequence[Text], place: Place) -> Text | None:
    """The text of a node of one of these operations; None for all others."""
    name, ids = graph.ops[i].name, graph.args[i]
    attrs = dict(zip(graph.ops[i].attrs, graph.attrs[i], strict=True))
    if name in CALLS:
        text = args[0].text
        if name in SYMMETRIC and not symmetric(graph, ids[0]):
            matrix = len(graph.types[ids[0]].shape) == 2
            across = f"{place(args[0], ATOM)}.T" if matrix else f"np.swapaxes({text}, -1, -2)"
            text = f"({place(args[0], PRODUCT)} + {across})/2"
        return Text(CALLS[name].format(text, **attrs), ATOM)
    if name not in ("triangular_solve", "expm_frechet") or len(graph.types[ids[0]].shape) != 2:
        return None
    rank = len(graph.types[ids[1]].shape)
    if name == "expm_frechet":
        return (
            None
            if rank != 2
            else Text(f"linalg.expm_frechet({args[0].text}, {args[1].text}, compute_expm=False)", ATOM)
        )
    lower = ", lower=True" if attrs["lower"] else ""
    if rank < 3:
        return Text(f"linalg.solve_triangular({args[0].text}, {args[1].text}{lower})", ATOM)
    n, *_ = shape = graph.types[i].shape
    flat = f"{place(args[1], ATOM)}.reshape({n}, -1)"
    return Text(f"linalg.solve_triangular({args[0].text}, {flat}{lower}).reshape{shape}", ATOM)
