"""Long lines are broken where a formatter would break them."""

from __future__ import annotations

import ast

import pytest

from symgrad.show.wrap import wrapped


def test_short_lines_stay() -> None:
    assert wrapped("    x0 = a + b") == ["    x0 = a + b"]


def test_rows_of_an_array() -> None:
    line = "    return np.array([[a + b, c], [d, e]])"
    assert wrapped(line, 30) == ["    return np.array([", "        [a + b, c],", "        [d, e],", "    ])"]


def test_tuples() -> None:
    assert wrapped("    return (alpha + beta, gamma)", 24) == [
        "    return (",
        "        alpha + beta,",
        "        gamma,",
        "    )",
    ]


def test_sums() -> None:
    assert wrapped("    x0 = aaa*bbb + ccc*ddd - eee", 24) == [
        "    x0 = (",
        "        aaa*bbb",
        "        + ccc*ddd - eee",
        "    )",
    ]
    assert wrapped("    return aaa*bbb + ccc*ddd", 20) == [
        "    return (",
        "        aaa*bbb",
        "        + ccc*ddd",
        "    )",
    ]


def test_lists_of_numbers_are_filled() -> None:
    lines = wrapped("    x = [" + ", ".join(map(str, range(40))) + "]", 60)
    assert max(map(len, lines)) <= 60
    assert len(lines) < 8


@pytest.mark.parametrize("width", range(16, 100, 3))
@pytest.mark.parametrize(
    "line",
    [
        "    return np.array([[f(a, b) + g(c), 1.0], [x0*(y + z) - 2*np.exp(-x), np.where(a < b, c, d)]])",
        "    return (np.array([a + b, c]), a*b/(c + d) - e, np.sin(x)**2 + np.cos(y)*(1 - x)*(a + b + c + d))",
        "    x0 = np.where(aaaaaaa < bbbbbbb, np.exp(-ccccccc*(x - y)), ddddddd + eeeeeee - fffffff)",
        "    return sparse.csr_array((np.array([a, b + c]), [0, 1], [0, 1, 2]), shape=(2, 2))",
        "    x = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "    return np.einsum(aaa, bbb) - np.einsum(ccc, ddd) - np.einsum(aaaaaaaaaaaa, bbbbbbbbbbbbbb, ccccc)",
        "    return np.einsum('ij,jk->ik', A, B) - np.einsum(\"i,i->\", aaaaaa, bbbbbb) + x",
        "    x = f(a)(b, cccccccccccccccccccccccc) + g([], {}, ())*hhhhhhhhhhhhhhhhhhhhhhh - (k,)[0]",
    ],
)
def test_broken_lines_parse_to_the_same(line: str, width: int) -> None:
    def tree(lines: list[str]) -> str:
        return ast.dump(ast.parse("def f():\n" + "\n".join(lines)))

    assert tree(wrapped(line, width)) == tree([line])
