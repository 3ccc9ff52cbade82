"""A function in a Python file of the user's, and the shapes of its arguments: `symgrad derive model.py:loss`."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.defining import from_python
from symgrad.errors import ArgumentError
from symgrad.function import Function
from symgrad.generic import PythonFunction

_SIZES = (7, 5, 11, 3, 13, 17, 19, 23, 29, 31)
"""What named dimensions are, in the order of their names' appearance: all different, so that none are confused."""


def split(text: str) -> tuple[str, str] | None:
    """("model.py", "loss") of "model.py:loss"; None where the text is no such thing."""
    found = re.fullmatch(r"(.+\.py):([A-Za-z_]\w*)", text.strip())
    return (found[1], found[2]) if found else None


def check_named(text: str) -> None:
    """ArgumentError for a file that no function is named of: it says which there are. The file is not run."""
    path, _, name = text.strip().partition(":")
    file = Path(path if path.endswith(".py") else f"{path}.py")
    if not re.fullmatch(r"[\w./\\ -]+", path) or not (path.endswith(".py") or (name and file.is_file())):
        return
    if not file.is_file():
        raise ArgumentError(f"there is no file {path}")
    try:
        defined = [n.name for n in ast.parse(file.read_bytes()).body if isinstance(n, ast.FunctionDef)]
    except (SyntaxError, ValueError) as e:
        raise ArgumentError(f"{file} is no Python: {e}") from None
    own = [n for n in defined if not n.startswith("_")]
    if not own:
        raise ArgumentError(f"{file} defines no function")
    chosen = name if name in own else own[0]
    raise ArgumentError(f"name a function of the file, as {file}:{chosen}; it has {', '.join(own)}")


def load(path: str, name: str) -> tuple[PythonFunction | Function, Any]:
    """The function of this name in a file, which is run as a module, and the module."""
    file = Path(path).resolve()
    if not file.is_file():
        raise ArgumentError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.parent))
    known = sys.modules.get(file.stem)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as e:  # the user's own code: anything can happen there
        raise ArgumentError(f"{path} can't be run: {type(e).__name__}: {e}") from e
    finally:
        sys.path.remove(str(file.parent))
        if known is None:
            sys.modules.pop(file.stem, None)
        else:
            sys.modules[file.stem] = known
    fn = getattr(module, name, None)
    if fn is None:
        own = [k for k, v in vars(module).items() if callable(v) and not k.startswith("_")]
        raise ArgumentError(f"{path} has no function {name}; it has {', '.join(own) or 'none'}")
    if isinstance(fn, (Function, PythonFunction)):
        return fn, module
    if not callable(fn):
        raise ArgumentError(f"{name} in {path} is no function but {type(fn).__name__}")
    return from_python(fn), module


def examples(f: PythonFunction, module: Any, shapes: Sequence[str]) -> dict[str, Any]:
    """Arguments by name: of the shapes given, of the module's `example_inputs`, or of the annotations.

    Parameters with defaults may be left out.
    """
    parameters = f.signature.parameters
    if shapes:
        given: dict[str, Any] = {}
        for text in shapes:
            name, sizes = _shape(text)
            path = name.split(".")
            if path[0] not in parameters:
                raise ArgumentError(f"--shapes {name}: {f.name} has {', '.join(parameters)}")
            inner = given
            for part in path[:-1]:
                inner = inner.setdefault(part, {})
                if not isinstance(inner, dict):
                    raise ArgumentError(f"--shapes {name}: {part} has a shape of its own")
            if path[-1] in inner:
                raise ArgumentError(f"--shapes gives {name} twice")
            inner[path[-1]] = _ones(sizes)
        return _with_defaults(f, {n: _nested(x) for n, x in given.items()})
    stored = getattr(module, "example_inputs", None)
    if isinstance(stored, dict) and f.name in stored:
        stored = stored[f.name]
    if isinstance(stored, dict) and set(stored) <= set(parameters):
        return _with_defaults(f, stored)
    if isinstance(stored, (tuple, list)):
        return dict(zip(parameters, stored, strict=False))
    return _annotated(f)


def _nested(value: Any) -> Any:
    """A dict whose keys count 0, 1, ... is a tuple."""
    if not isinstance(value, dict):
        return value
    parts = {k: _nested(v) for k, v in value.items()}
    return tuple(parts[str(k)] for k in range(len(parts))) if set(parts) == set(map(str, range(len(parts)))) else parts


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    """ "X=100x3" is ("X", (100, 3)); "a=" and "a=scalar" are scalars; "p.W=3x2" is an entry of a dict."""
    name, equals, sizes = text.partition("=")
    sizes = sizes.strip()
    if not equals or not re.fullmatch(r"(scalar|\d+(x\d+)*|)", sizes):
        raise ArgumentError(
            f"--shapes takes NAME=AxB, as X=100x3 (NAME= for a scalar, NAME.KEY=AxB for an entry of a dict, NAME.0=AxB "
            f"of a tuple), not {text!r:.60}"
        )
    return name.strip(), tuple(int(n) for n in re.findall(r"\d+", sizes))


def _with_defaults(f: PythonFunction, given: dict[str, Any]) -> dict[str, Any]:
    """`given`, if nothing is missing."""
    for name, p in f.signature.parameters.items():
        if name not in given and p.default is p.empty:
            raise ArgumentError(f"{f.name}: there is no shape for {name}; add it, as in --shapes {name}=10x3")
    return given


def _ones(shape: Sequence[int]) -> Any:
    return np.ones(shape) if shape else 1.0


def _annotated(f: PythonFunction) -> dict[str, Any]:
    """Arguments of the shapes that the annotations spell: `w: "d"`, `X: "n d"`, jaxtyping's `Float[Array, "n d"]`."""
    sizes: dict[str, int] = {}
    found = {}
    for name, p in f.signature.parameters.items():
        text = _dimensions(p.annotation)
        if text is None:
            if p.default is not p.empty:
                continue
            raise ArgumentError(_no_shapes(f))
        shape = []
        for word in text.split():
            if word.isdigit():
                shape.append(int(word))
            else:
                if word not in sizes and len(sizes) == len(_SIZES):
                    raise ArgumentError(f"{f.name}: more than {len(_SIZES)} different dimensions; give --shapes")
                shape.append(sizes.setdefault(word, _SIZES[len(sizes) % len(_SIZES)]))
        found[name] = _ones(shape)
    return found


def _dimensions(annotation: Any) -> str | None:
    """ "n d" of an annotation that spells dimensions; "" for a float; None for any other."""
    if annotation is float or annotation == "float":
        return ""
    text = getattr(annotation, "dim_str", None)
    if text is None:
        text = next((m for m in getattr(annotation, "__metadata__", ()) if isinstance(m, str)), None)
    if text is None and isinstance(annotation, str):
        quoted = re.search(r"['\"]([\w ]*)['\"]\s*\]?$", annotation)
        text = quoted[1] if quoted else annotation
    return text if isinstance(text, str) and re.fullmatch(r"[\w ]*", text) else None


def _no_shapes(f: PythonFunction) -> str:
    names = list(f.signature.parameters)
    given = " ".join(f"{n}={'10x3' if k else '3'}" for k, n in enumerate(names))
    spelled = ", ".join(f'{n}: "{"n d" if k else "d"}"' for k, n in enumerate(names))
    return (
        f"the shapes of {f.name}'s arguments are not known. Give them in one of three ways: --shapes {given}, or "
        f"annotations as in def {f.name}({spelled}), or example_inputs = ({', '.join(names)}) in the file"
    )
