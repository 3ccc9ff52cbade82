"""Source of plain JAX, from that over NumPy: the same names in jax.numpy and jax.scipy, and no change in place."""

from __future__ import annotations

import io
import re
import tokenize

from symgrad.dialects.python import HELPERS, JAX_HELPERS
from symgrad.errors import UnsupportedError

_MODULES = {"linalg": "jax.scipy.linalg", "special": "jax.scipy.special", "np": "jnp"}


def jax_source(text: str) -> str:
    """The function of `Function.python`, of arrays of JAX: `jax.jit`, `vmap` and `grad` take it.

    Raises UnsupportedError for what JAX has not.
    """
    if "from scipy import sparse" in text or re.search(r"import .*\bsparse$", text, re.MULTILINE):
        raise UnsupportedError("sparse results have no form in JAX's source; ask for the whole matrix")
    for name, code in HELPERS.items():
        if code.strip() in text:
            if name not in JAX_HELPERS:
                raise UnsupportedError(f"{name} has no form in JAX's source; f.jax() gives a function that has it")
            text = text.replace(code.strip(), JAX_HELPERS[name].strip())
    try:
        from symgrad.dialects.jax import has_call
    except ImportError:
        raise UnsupportedError(
            "JAX, which is asked what it has, is not installed: pip install 'symgrad[jax]'"
        ) from None
    for module, name in sorted(set(re.findall(r"(?<![\w.])(np|special|linalg)\.([\w.]+)\(", text))):
        if not has_call(module, name):
            raise UnsupportedError(f"JAX has no {module}.{name}")
    text = text.replace(', kind="stable")', ", stable=True)")
    lines = text.splitlines(keepends=True)
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(text).readline))):
        row, column = token.start
        if token.type != tokenize.NAME:
            continue
        line = lines[row - 1]
        module = _MODULES.get(token.string)
        if module and line[column:].startswith(f"{token.string}.") and line[:column][-1:] != ".":
            lines[row - 1] = line[:column] + module + line[column + len(token.string) :]
    body = [x for x in lines if not re.match(r"import numpy as np$|from scipy import ", x)]
    text = "".join(body).lstrip("\n")
    own = "import jax.scipy\n" if "jax.scipy." in text else "import jax\n" if re.search(r"\bjax\.", text) else ""
    own += "import jax.numpy as jnp\n" if "jnp." in text else ""
    others = re.match(r"((?:import|from) .*\n)+", text)
    if others is not None:
        return others[0] + ("\n" + own if own else "") + text[others.end() :]
    return (own + "\n\n" if own else "") + text
