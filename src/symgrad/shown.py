"""What a function of Python can be asked to show or to become: its Function for arguments of one kind is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from symgrad.function import Function


class Shown:
    """The forms of a function of Python, each for arguments like those given, or like those of the latest call.

    Attributes:
        whole: of a derivative that comes as its nonzeros or in factors, what makes the one with the same elements as
            one array, whose formula is the one to read.
    """

    whole: Callable[[], Any] | None = None
    _latest_kind: list[Any]

    def _shown(self, args: Sequence[Any], named: dict[str, Any]) -> Function:
        raise NotImplementedError

    def latex(self, /, *args: Any, **named: Any) -> str:
        """The formula as LaTeX."""
        own = self._shown(args, named)
        return own.latex() if self.whole is None else self.whole().latex(*args, **named)

    def python(self, /, *args: Any, **named: Any) -> str:
        """The source of a NumPy function."""
        return self._shown(args, named).python()

    def sympy(self, /, *args: Any, **named: Any) -> Any:
        """SymPy's expression."""
        return self._shown(args, named).sympy()

    def c(self, path: str | Path, /, *args: Any, **named: Any) -> tuple[Path, Path]:
        """Write C99, `path`.c and `path`.h, as `Function.c` does."""
        return self._shown(args, named).c(path)

    def picture(self, path: str | Path, /, *args: Any, **named: Any) -> Path:
        """Draw the graph into an .svg or a .png file."""
        return self._shown(args, named).picture(path)

    def torch(self, /, *args: Any, trainable: Sequence[str] = (), **named: Any) -> Any:
        """A torch.nn.Module for arguments like these: pytrees of tensors in, tensors nested as the result out.

        Arguments named in `trainable` become its parameters, with the values that are given here.
        """
        from symgrad.frameworks.torch import NestedModule

        return NestedModule(self, args, named, trainable)  # type: ignore[arg-type]

    def jax(self) -> Callable[..., Any]:
        """The same as a function of plain JAX, of pytrees: `jax.jit`, `vmap` and `grad` take it."""
        from symgrad.frameworks.jax import jax_of

        return jax_of(self)  # type: ignore[arg-type]

    def compile(self, /, *args: Any, **named: Any) -> Self:
        """Make machine code for arguments of this kind now, and wait for it; the function itself, to be called."""
        self._shown(args, named).compile()
        return self

    def explain(self, /, *args: Any, **named: Any) -> str:
        """How it was derived and what runs it."""
        return self._shown(args, named).explain()

    def count_ops(self, /, *args: Any, **named: Any) -> int:
        """Machine operations of one evaluation."""
        return self._shown(args, named).count_ops()

    def _repr_latex_(self) -> str | None:
        return f"$\\displaystyle {self.latex()}$" if self._latest_kind else None
