"""Formula text as tokens, and the error that points at a place in the text."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from symgrad.errors import FormulaError

MAX_LENGTH = 50_000
"""Characters in one formula."""
MAX_DIGITS = 300
"""Characters in one number."""
SHOWN = 60
"""Characters of a long formula that an error shows."""

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<sign>\*\*|<=|>=|==|!=|//|&&|\|\||[-+*/%^<>=(),&|~])"
)
_LOOKALIKE = {
    "−": "-", "–": "-", "—": "-", "×": "*", "·": "*", "⋅": "*", "∗": "*", "÷": "/", "∕": "/", "⁄": "/",
    "≤": "<=", "≥": ">=", "≠": "!=", "√": "sqrt(...)", "π": "pi", "∞": "a number", "²": "**2", "³": "**3",
    "（": "(", "）": ")", "，": ",", "＋": "+", "＝": "==", "∧": "and", "∨": "or", "¬": "not",
    "[": "(", "]": ")", "{": "(", "}": ")", "!": "factorial(...)",
}  # fmt: skip
"""What people (and word processors) write, and what to write here."""


class Token(NamedTuple):
    """A piece of the text. `kind` is "number", "name", "sign" or "end"; `at` its column, counted from 0."""

    kind: str
    text: str
    at: int


def tokens(text: str) -> list[Token]:
    """The tokens of `text`, the last one of kind "end"; linear in its length.

    Raises FormulaError for text that is too long, and for characters that are not part of formulas.
    """
    if len(text) > MAX_LENGTH:
        raise FormulaError(
            f"the formula has {len(text)} characters; at most {MAX_LENGTH} are read. "
            "Define a larger one in Python, with sg.function"
        )
    out = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise wrong(text, at, _stranger(text[at]))
        kind = match.lastgroup or ""
        if kind == "number" and len(match.group()) > MAX_DIGITS:
            raise wrong(text, at, f"a number of {len(match.group())} characters; at most {MAX_DIGITS} are read")
        if kind != "space":
            out.append(Token(kind, match.group(), at))
        at = match.end()
    out.append(Token("end", "", len(text.rstrip())))
    return out


def _stranger(char: str) -> str:
    if char == ".":
        return "'.' stands in numbers only (attributes are not part of formulas)"
    shown = (
        f"{char!r} (U+{ord(char):04X} {unicodedata.name(char, 'without a name')})" if ord(char) > 126 else repr(char)
    )
    if not char.isprintable():
        shown = f"the character U+{ord(char):04X}"
    instead = _LOOKALIKE.get(char)
    if instead is None and ord(char) > 126 and char.isalnum():
        instead = "names and numbers with A-Z, a-z, 0-9 and _"
        plain = unicodedata.normalize("NFKC", char)
        if plain.isascii() and plain.isalnum():
            instead = plain
        elif unicodedata.name(char, "").startswith("GREEK SMALL LETTER "):
            instead = unicodedata.name(char).rsplit(" ", 1)[1].lower()
    return f"{shown} is not part of formulas" + (f"; write {instead}" if instead else "")


def wrong(text: str, at: int, message: str) -> FormulaError:
    """The error whose message shows `text` with a caret under column `at`; of long text, the part around it."""
    start = 0 if len(text) <= SHOWN or at < SHOWN // 2 else at - SHOWN // 2
    part = text[start : start + SHOWN]
    before = "..." if start else ""
    after = "..." if start + SHOWN < len(text) else ""
    shown = "".join(c if c.isprintable() else "\N{MIDDLE DOT}" if c.strip() else " " for c in part)
    column = len(before) + sum(_width(c) for c in shown[: at - start])
    return FormulaError(f"{message}, at column {at + 1}\n  {before}{shown}{after}\n  {' ' * column}^")


def _width(char: str) -> int:
    """How many columns a terminal gives this character."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
