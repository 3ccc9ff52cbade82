"""The command line: symgrad derive, hessian, fit, cache."""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from symgrad.errors import ArgumentError, FormulaError, SymgradError, UnsupportedError
from symgrad.source_file import check_named, split

if TYPE_CHECKING:
    from symgrad.function import Function

FORMS = ("sympy", "latex", "python", "numpy", "torch", "jax", "c", "picture")
MAX_SYMPY, MAX_DEPTH = 30_000, 100
"""Operations in a result that is printed as one SymPy expression, and how many may stand inside each other."""
MAX_WORK = 20_000
"""Nodes times order squared: what a derivative of high order may take (some seconds)."""
MAX_VARIABLES = 300
"""Variables of a Hessian, which has as many rows and columns."""
MAX_NODES = 100_000
"""Nodes of a result that is written at all."""


class _Usage(Exception):
    """Arguments that are no command; the message says what is wrong with them."""


class _Arguments(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        raise _Usage(f"{message} ({self.prog} --help says more)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0, 1 for a fit that did not converge, 2 for an error.

    An error is told in one line on stderr; a formula that is wrong is shown with a caret below.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not what a test or a notebook puts in its place
            stream.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            warnings.simplefilter("ignore", RuntimeWarning)  # a value at a pole is inf, which says it all
            arguments = _parser().parse_args(_formulas_first(given))
            status = arguments.run(arguments)
            sys.stdout.flush()
            return status
    except FormulaError as e:
        return _fail(str(e))
    except (SymgradError, _Usage, OSError) as e:
        if isinstance(e, BrokenPipeError):  # the reader has gone: symgrad ... | head
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        told = _told(e)
        return _fail(told if "\n  at " in told else " ".join(told.split("\n")))  # with the user's line, as it stands
    except (RecursionError, MemoryError) as e:
        what = "is nested too deep" if isinstance(e, RecursionError) else "needs too much memory"
        return _fail(f"the formula, or its result in this form, {what}; try --to python or --to c")
    except KeyboardInterrupt:
        return 130


def _told(e: Exception) -> str:
    if isinstance(e, OSError) and e.filename is not None:
        return f"{e.filename}: {e.strerror}"
    return str(e)


def _fail(message: str) -> int:
    print(f"symgrad: error: {message}", file=sys.stderr)
    return 2


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    print(f"symgrad: warning: {message}", file=sys.stderr)


def _formulas_first(argv: list[str]) -> list[str]:
    """A formula may begin with a minus sign: argparse takes it for one if a space stands before it."""
    return [f" {a}" if re.match(r"-[^-h]|-h.|--?[\s(.\d]", a) else a for a in argv]


def _parser() -> argparse.ArgumentParser:
    from symgrad import __version__

    parser = _Arguments(prog="symgrad", description="Exact derivatives of formulas.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"symgrad {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")

    def command(name: str, run: Any, text: str, example: str) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=f"example: symgrad {example}",
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.set_defaults(run=run)
        return made

    derive = command("derive", _derive, "the derivative of a formula", 'derive "x**2 + y**2" --wrt x y --at x=3 y=4')
    derive.add_argument("--order", type=int, default=1, metavar="K", help="order of the derivative (one variable)")
    hessian = command("hessian", _hessian, "all second derivatives of a formula", 'hessian "x**2*y" --to latex')
    for made in (derive, hessian):
        made.add_argument("formula", help="such as 'x**2 + sin(y)', or file.py:function, a function of NumPy arrays")
        made.add_argument(
            "--shapes", nargs="+", metavar="NAME=AxB", default=(), help="of a function's arguments (p.W=3x2: entries)"
        )
        made.add_argument("--wrt", nargs="+", metavar="NAME", help="the variables; all names if left out")
        made.add_argument("--to", choices=FORMS, default="sympy", help="what to write (default: sympy)")
        made.add_argument("--at", nargs="+", metavar="NAME=VALUE", help="say its value at this point, too")
        made.add_argument("--out", metavar="FILE", help="write here; a picture is an .svg or a .png, C code two files")
    fit = command(
        "fit",
        _fit,
        "fit a formula to the columns of a CSV file",
        'fit data.csv --model "b1*(1 - exp(-b2*x))" --start b1=500 b2=1e-4 --out fit.png',
    )
    fit.add_argument("data", help="a CSV file whose first line names the columns")
    fit.add_argument("--model", required=True, help="'formula' or 'y = formula', in column and parameter names")
    fit.add_argument("--start", required=True, nargs="+", metavar="NAME=VALUE", help="where each parameter begins")
    fit.add_argument("--y", metavar="COLUMN", help="the column to fit, where the model does not say 'y = ...'")
    fit.add_argument("--out", metavar="PICTURE", help="draw data, fit and residuals (.png, .svg or .pdf)")
    cache = command("cache", _cache, "the cache of compiled code", "cache info")
    cache.add_argument("what", choices=("info", "clear"), help="say what it holds, or delete it")
    return parser


def _function(arguments: argparse.Namespace, name: str) -> tuple[Function, list[str]]:
    """The formula as a Function, and the variables to differentiate by."""
    from symgrad.define.text import from_text
    from symgrad.function import Function

    wrt = arguments.wrt
    f = from_text(arguments.formula.strip(" ") or " ", wrt or ())
    unused = [n for n in wrt or () if not any(f.inputs[f.names.index(n)] in a for a in (*f.graph.args, (f.output,)))]
    if unused:
        own = ", ".join(n for n in f.names if n not in unused) or "no variable"
        raise ArgumentError(f"--wrt {unused[0]}: the formula has {own}")
    if not f.names:
        raise ArgumentError("the formula has no variable to differentiate by")
    parameters = f.names[len(wrt) :] if wrt else ()
    return Function(f.graph, f.inputs, [f.output], name=name, parameters=parameters), wrt or f.names


def _derive(arguments: argparse.Namespace) -> int:
    from symgrad.transforms import derivative, grad

    place = split(arguments.formula)
    if place is not None:
        return _of_file(arguments, *place)
    check_named(arguments.formula)
    f, wrt = _function(arguments, "formula")
    order = arguments.order
    if order < 1:
        raise ArgumentError(f"--order {order}: the order of a derivative is 1 or more")
    if order > 1 and len(wrt) > 1:
        other = " (symgrad hessian gives all second derivatives)" if order == 2 else ""
        raise ArgumentError(f"--order {order} needs one variable, as --wrt {wrt[0]}{other}")
    if len(f.graph) * order**2 > MAX_WORK:
        raise ArgumentError(f"--order {order} of a formula of {len(f.graph)} nodes is too much work")
    one = wrt[0] if len(wrt) == 1 else wrt
    g = grad(f, one) if order == 1 else derivative(f, one, order)
    return _show(g, "gradient" if len(wrt) > 1 else "derivative", arguments)


def _hessian(arguments: argparse.Namespace) -> int:
    from symgrad.transforms import hessian

    place = split(arguments.formula)
    if place is not None:
        return _of_file(arguments, *place)
    check_named(arguments.formula)
    f, wrt = _function(arguments, "formula")
    if len(wrt) > MAX_VARIABLES:
        raise ArgumentError(
            f"a Hessian by {len(wrt)} variables is too large to print; choose at most {MAX_VARIABLES} with --wrt, "
            "or use sg.hessian(f, sparse=True) in Python"
        )
    return _show(hessian(f, wrt), "hessian", arguments)


def _of_file(arguments: argparse.Namespace, path: str, name: str) -> int:
    """The derivative of a function in the user's own file: its gradient, or its Jacobian where it is no number."""
    from symgrad.generic import PythonFunction
    from symgrad.source_file import examples, load
    from symgrad.transforms import grad, hessian, jacobian

    if arguments.at:
        raise ArgumentError("--at is for formulas; call the function's derivative in Python")
    f, module = load(path, name)
    order = getattr(arguments, "order", 2)
    second = arguments.run is _hessian or order == 2
    if order not in (1, 2):
        raise ArgumentError(f"--order {order}: of a function of arrays 1, or 2 for the Hessian")
    given = examples(f, module, arguments.shapes) if isinstance(f, PythonFunction) else {}
    own = f.specialise(**given) if isinstance(f, PythonFunction) else f
    wrt = (arguments.wrt[0] if len(arguments.wrt) == 1 else arguments.wrt) if arguments.wrt else None
    is_number = len(own.outputs) == 1 and not own.graph.types[own.outputs[0]].shape
    derived = hessian(f, wrt) if second else grad(f, wrt) if is_number else jacobian(f, wrt)
    shown = derived.specialise(**given) if isinstance(f, PythonFunction) else derived
    return _show(shown, "hessian" if second else "gradient" if is_number else "jacobian", arguments)


def _show(f: Function, name: str, arguments: argparse.Namespace) -> int:
    """Write the result as asked, then its value where a point is given."""
    f.name = name
    size = len(f.graph) + sum(len(f.graph.args[o]) for o in f.outputs)
    if size > MAX_NODES and arguments.to != "picture":
        raise UnsupportedError(
            f"the result has {size} nodes, too many to write; choose fewer variables, a lower order, or go on in Python"
        )
    at = _values(arguments.at, "--at") if arguments.at else None
    if at is not None:
        _check_point(f, at)
    out = arguments.out
    if arguments.to == "picture":
        out = out or f"{name}.svg"
        if not arguments.out and Path(out).exists():
            raise ArgumentError(f"there is already a file {out}; name the picture with --out")
        print(f.picture(out))
    elif arguments.to == "c" and out:
        for path in f.c(out):
            print(path)
    else:
        text = _text(f, name, arguments.to).rstrip("\n") + "\n"
        if out:
            Path(out).write_text(text, encoding="utf-8")
            print(out)
        else:
            sys.stdout.write(text)
    if at is not None:
        point = ", ".join(f"{n} = {repr(v).removesuffix('.0')}" for n, v in at.items())
        print(f"at {point}: {_number(f(**at))}")
    return 0


def _text(f: Function, name: str, form: str) -> str:
    if form == "latex":
        return f.latex()
    if form in ("python", "numpy"):
        return f.python()
    if form == "jax":
        from symgrad.show.jax_source import jax_source

        return jax_source(f.python())
    if form == "torch":
        return f.torch().code
    if form == "c":
        from symgrad.compile.c import c_source

        source, head = c_source(name, *f.program, f.tree, f"{name}, generated by symgrad")
        return f"{head}\n{source}"
    return str(_sympy(f))


def _sympy(f: Function) -> Any:
    """The result as a SymPy expression, unless it is too large to be one, written out in full."""
    g = f.graph
    size, depth = [0] * len(g), [0] * len(g)
    for i, args in enumerate(g.args):
        size[i] = 1 + sum(size[a] for a in args)
        depth[i] = max((depth[a] + (g.ops[a] is not g.ops[i]) for a in args), default=0)
    if sum(size[o] for o in f.outputs) > MAX_SYMPY or max((depth[o] for o in f.outputs), default=0) > MAX_DEPTH:
        raise UnsupportedError("this is too large for one SymPy expression; --to python and --to latex name its parts")
    return f.sympy()


def _check_point(f: Function, at: dict[str, float]) -> None:
    for n in at:
        if n not in f.names:
            raise ArgumentError(f"--at {n}: the formula has {', '.join(f.names)}")
    missing = [n for n in f.names if n not in at]
    if missing:
        raise ArgumentError(f"--at needs a value for {', '.join(missing)}, too")


def _number(value: Any) -> str:
    """A result's numbers, with all their digits."""
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_number, value)) + ")"
    return repr(value.tolist() if hasattr(value, "tolist") else value)


def _values(texts: Sequence[str], option: str) -> dict[str, float]:
    """`name=value` pairs; a value is a number or a formula of numbers, such as pi/2."""
    from symgrad.define.text import check_name, from_text
    from symgrad.function import Function

    found: dict[str, float] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not value:
            raise ArgumentError(f"{option} takes NAME=VALUE, not {text.strip()!r:.60}")
        check_name(name)
        if name in found:
            raise ArgumentError(f"{option} names {name} twice")
        f = from_text(value)
        if f.names:
            raise ArgumentError(f"{option} {name}={value:.60}: {f.names[0]!r:.60} is no number")
        found[name] = float(Function(f.graph, [], [f.output])())
    return found


def _fit(arguments: argparse.Namespace) -> int:
    import sympy as sp

    from symgrad.define.text import sides
    from symgrad.train.csv_file import columns, header
    from symgrad.train.fit import fit

    if arguments.out and Path(arguments.out).suffix.lower() not in (".png", ".svg", ".pdf"):
        raise ArgumentError(f"a picture of a fit is a .png, .svg or .pdf file, not {arguments.out!r}")
    start = _values(arguments.start, "--start")
    names = header(arguments.data)
    left, right = sides(arguments.model)
    if left is not None and arguments.y is not None:
        raise ArgumentError("the model says what to fit ('... = formula'); leave --y out")
    formula, used = _expression(right)
    if left is None:
        observed = arguments.y or _observed(names, used)
        if observed not in names:
            raise ArgumentError(f"--y {observed}: the columns are {', '.join(names)}")
        target, also = sp.Symbol(observed), [observed]
    else:
        target, also = _expression(left)
    for n in sorted({*used, *also}):
        if (n in names) == (n in start):
            what = "is both" if n in start else "is neither"
            raise ArgumentError(f"{n!r} {what}: a column ({', '.join(names)}) or a parameter with a --start value")
    wanted = [n for n in names if n in {*used, *also}]
    result = fit(sp.Eq(target, formula, evaluate=False), data=columns(arguments.data, wanted), start=start)
    print(f"model  {target} = {formula}")
    print(f"data   {arguments.data}: {len(result.residuals)} rows\n")
    print(result.report())
    if arguments.out:
        result.plot().savefig(arguments.out, dpi=150)
        print(f"\npicture: {arguments.out}")
    return 0 if result.success else 1


def _expression(text: str) -> tuple[Any, list[str]]:
    """A side of the model as a SymPy expression, and the names in it."""
    from symgrad.define.text import from_text
    from symgrad.function import Function

    f = from_text(text)
    return _sympy(Function(f.graph, f.inputs, [f.output])), f.names


def _observed(names: list[str], used: list[str]) -> str:
    """The column to fit where nobody says: `y`, or the only one that the formula does not use."""
    rest = [n for n in names if n not in used]
    if "y" in rest:
        return "y"
    if len(rest) != 1:
        raise ArgumentError(f"say which column to fit: --y COLUMN; the columns are {', '.join(names)}")
    return rest[0]


def _cache(arguments: argparse.Namespace) -> int:
    from symgrad.run import cache

    if arguments.what == "clear":
        count = cache.clear()
        print(f"{count} file{'s' * (count != 1)} deleted")
        return 0
    state = cache.info()
    if state.directory is None:
        print("there is no cache: code is compiled anew in every process")
    else:
        print(
            f"{state.directory}\n{state.entries} files, {state.bytes / 1e6:.1f} MB of at most {state.limit / 1e6:g} MB"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
