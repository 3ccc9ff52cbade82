"""Everything symgrad raises on purpose. A message says what was met, where, and what to write instead."""

from __future__ import annotations


class SymgradError(Exception):
    """The base of all errors of this package."""


class ArgumentError(SymgradError, ValueError):
    """A wrong count, name, shape or value of arguments."""


class DtypeError(SymgradError, TypeError):
    """An argument whose dtype can't be taken without loss, or that is not numeric."""


class UnsupportedError(SymgradError, NotImplementedError):
    """Something that has no meaning here: the sub-expression or operation is named.

    A NotImplementedError too, which is what SymPy raises for what it can't do, so that callers catch both at once.
    """


class FormulaError(SymgradError, ValueError):
    """Formula text that does not parse, or is refused."""


class TraceError(SymgradError, TypeError):
    """A Python function does something with a traced array that can't be written into a graph.

    The message shows the user's own line and says what to write instead.
    """


class ConvergenceError(SymgradError, ArithmeticError):
    """An iteration that did not arrive: what it reached is in the message."""


class CacheWarning(UserWarning):
    """The cache of compiled code is not used, and why."""


class WidenError(Exception):
    """Within: a Python float that was taken as float32 is needed as float64. The function is traced again."""
