"""Function: the one noun users hold. A graph with its inputs and outputs, called like a function."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symgrad.derive.batching import batched
from symgrad.derive.factored import whole
from symgrad.errors import ArgumentError, FormulaError
from symgrad.graph import Graph, Type
from symgrad.graph.pause import no_collector
from symgrad.graph.plain import from_plain, to_plain
from symgrad.graph.tree import Csr, Factored, Tree, from_plain_tree, to_plain_tree
from symgrad.run.arguments import as_array, bind
from symgrad.run.executor import Executor
from symgrad.run.results import finisher
from symgrad.simplify import join_sums, program, rewrites, share_pairs, simplify

if TYPE_CHECKING:
    from symgrad.profile import Profile


class Function:
    """A mathematical function: `outputs` of `graph` in terms of its `inputs`.

    Made by `sg.function` and by the transforms (`sg.grad`, `sg.jacobian`, ...), which take a Function and
    return a new one. Call it with one value per input, in order or by name: floats come back for scalar
    outputs, arrays else. Where inputs are scalars, arrays of one common shape may stand for them: a batch,
    whose axes come first in every result. ArgumentError or DtypeError says what can't be taken.

    Attributes:
        name: how it shows itself.
        graph: the expression graph; not to be changed.
        inputs: ids of the input nodes, in the order of the arguments.
        outputs: ids of the output nodes.
        tree: how the outputs nest in the result: an int is one output, a tuple a tuple.
        parameters: names of the inputs that the definition left free; transforms do not
            differentiate by them unless asked.
    """

    __slots__ = (
        "__weakref__",
        "_call",
        "_executor",
        "_notes",
        "_program",
        "_simple",
        "_values",
        "graph",
        "inputs",
        "name",
        "outputs",
        "parameters",
        "symbols",
        "tree",
    )

    def __init__(
        self,
        graph: Graph,
        inputs: Sequence[int],
        outputs: Sequence[int],
        *,
        name: str = "f",
        tree: Tree = 0,
        parameters: Sequence[str] = (),
        symbols: dict[str, Any] | None = None,
        notes: Sequence[str] = (),
        simple: bool = False,
    ) -> None:
        self.graph = graph
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.name = name
        self.tree = tree
        self.parameters = tuple(parameters)
        self.symbols = dict(symbols or {})
        """The SymPy object that each input name stands for, where there is one."""
        self._notes = tuple(notes)
        self._simple = simple  # the graph comes out of `simplify`
        self._program: tuple[Graph, list[int], list[int]] | None = None
        self._executor: Executor | None = None
        self._call: Any = partial(_evaluate, weakref.ref(self))
        self._values: Any = None

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs' names, in the order of the arguments."""
        return tuple(self.graph.attrs[i][0] for i in self.inputs)

    def inputs_in(self, graph: Graph) -> list[int]:
        """The ids of this function's inputs in another graph (made there where it has not got them)."""
        return [graph.input(self.graph.attrs[i][0], self.graph.types[i]) for i in self.inputs]

    def lean(self, roots: Sequence[int]) -> tuple[Graph, list[int]]:
        """`roots` of this function's graph, simplified: where derivation starts."""
        return share_pairs(*((self.graph, roots) if self._simple else simplify(self.graph, roots)))

    @property
    def program(self) -> tuple[Graph, list[int], list[int]]:
        """What is run: (graph, inputs, outputs) after every simplification; worked out once."""
        if self._program is None:
            with no_collector():
                start = (self.graph, self.outputs) if self._simple else simplify(self.graph, self.outputs)
                graph, outputs = program(*start)
                self._program = graph, self.inputs_in(graph), outputs
        return self._program

    @property
    def executor(self) -> Executor:
        """What runs this function; made at the first call."""
        if self._executor is None:
            own: weakref.ref[Function] = weakref.ref(self)
            ready, inline = partial(_promote, own), partial(_inline, own)
            self._executor = Executor(*self.program, self.tree, self.name, ready, inline)
        return self._executor

    if TYPE_CHECKING:

        def __call__(self, *args: Any, **named: Any) -> Any: ...

    def compile(self) -> Function:
        """Make machine code now, and wait for it; the function itself, to be called.

        Without this, it is made in the background once calls have cost as much. What the native back end has not
        runs on NumPy; `explain` says why.
        """
        self.executor.compile()
        return self

    def map(self, points: Any, out: Any = None) -> Any:
        """The value at each row of `points`, shape (n, number of scalar inputs): results of shape (n, ...)."""
        return self.executor.map(points, out)

    @property
    def values(self) -> Any:
        """The same function, but the values of a sparse matrix stand for it, in the order of `pattern`.

        For solvers that hold the places of the nonzeros themselves.
        """
        return self._values or partial(_evaluate_values, self.executor)

    @property
    def pattern(self) -> Csr | None:
        """Where the nonzeros of a sparse result stand (indptr, indices, shape); None for a dense one."""
        return self.tree if isinstance(self.tree, Csr) else None

    def explain(self, steps: bool = False) -> str:
        """What was chosen to derive and to run this function, and why; its loops; the memory that a call takes.

        steps: list the loop nests and calls of BLAS and NumPy that a compiled function of arrays consists of.
        """
        from symgrad.show.loops import loops

        own = [n for n in self.rewrites if n not in self._notes]
        graph, _, outputs = self.program
        return "\n".join([repr(self), *self._notes, *own, *loops(graph, outputs), self.executor.explain(steps)])

    def profile(self, *args: Any, **named: Any) -> Profile:
        """Where the time of a call with these arguments goes: `print` it, or `.plot()`.

        Each kernel's time, operations, bytes, and share of what one core can do (of its arithmetic or its memory,
        whichever is nearer). It compiles, and takes about a second.
        """
        from symgrad.profile import profile

        return profile(self, args, named)

    @property
    def rewrites(self) -> list[str]:
        """Notes on what is computed by a stabler formula than the one written, here and in what this derives from."""
        inherited = [n for n in self._notes if n.startswith("stable form: ")]
        return inherited + ([] if self._simple else rewrites(self.graph, self.outputs))

    def _whole(self) -> tuple[Graph, Sequence[int], Tree]:
        """Graph, outputs and tree to show: factored results as the arrays that they stand for."""
        return whole(self.graph, self.outputs, self.tree)

    def dense(self) -> Function:
        """The same function with every factored result (`structure="auto"`) as one array."""
        graph, outputs, tree = self._whole()
        if graph is self.graph:
            return self
        return Function(
            graph,
            self.inputs_in(graph),
            outputs,
            name=self.name,
            tree=tree,
            parameters=self.parameters,
            symbols=self.symbols,
            notes=self._notes,
            simple=self._simple,
        )

    def sympy(self) -> Any:
        """The result as SymPy expressions in the symbols the function was defined with."""
        from symgrad.show.sympy import expressions, result

        graph, outputs, tree = self._whole()
        return result(tree, expressions(graph, outputs, self.symbols))

    def latex(self) -> str:
        """The result as LaTeX; a large formula with named sub-expressions, never as one flattened tree."""
        from symgrad.show.latex import latex

        return latex(*self._whole())

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def python(self) -> str:
        """The source of a NumPy function of the same arguments and the same result."""
        from symgrad.show.python import source

        graph, outputs, tree = self._whole()
        return source(graph, self.inputs, outputs, tree, self.name, self.name)

    def c(self, path: str | Path) -> tuple[Path, Path]:
        """Write self-contained C99: `path`.c and a header `path`.h that says the order of the arguments.

        The function is named after the file: `void name(const double *in, double *out)` (float for float32). Arrays
        lie in both row after row, and are worked on by plain loops: elements, sums, running sums, products of
        matrices, gathers and scatters. Raises UnsupportedError, which names it, for what libm does not have, for
        solving, decompositions, sorting and transforms, and for arrays whose shapes are not known.
        """
        from symgrad.compile.c import write_c

        f = self.dense()
        return write_c(path, *f.program, f.tree, f"{self.name}, generated by symgrad")

    def torch(self, trainable: Mapping[Any, Any] | None = None) -> Any:
        """A torch.nn.Module of plain torch code: the same arguments as tensors, of any dtype and on any device.

        Autograd, `torch.func` and `torch.compile` take it; `.code` is its source.

        Args:
            trainable: inputs (names or symbols) that become parameters of the module, with their first values; the
                others are its arguments. The `state_dict` has their names.

        Raises:
            UnsupportedError: an operation that PyTorch has not; it is named.
        """
        from symgrad.compile.torch import TorchFunction

        return TorchFunction(*self.plain(), trainable=self._trainable(trainable))

    def jax(self, trainable: Mapping[Any, Any] | None = None) -> Any:
        """A function of plain JAX, of the same arguments: `jax.jit`, `vmap` and `grad` take it, on any device.

        Args:
            trainable: inputs (names or symbols) that become parameters, with their first values. The result is then
                (apply, params): `params` is a dict by name, and `apply(params, *others)` takes the other inputs.

        Raises:
            UnsupportedError: an operation that JAX has not; it is named.
        """
        from symgrad.compile.jax import jax_function, with_parameters

        call = jax_function(*self.plain())
        if trainable is None:
            return call
        types = [self.graph.types[i] for i in self.inputs]
        return with_parameters(call, self.names, types, self.name, bind, self._trainable(trainable))

    def plain(self) -> tuple[Any, ...]:
        """What a framework that may go on deriving is given: graph, inputs, outputs, tree, name, `bind`."""
        own = self.dense()
        start = (own.graph, own.outputs) if own._simple else simplify(own.graph, own.outputs)
        graph, outputs = join_sums(*start)
        return graph, own.inputs_in(graph), outputs, own.tree, self.name, bind

    def _trainable(self, trainable: Mapping[Any, Any] | None) -> dict[str, Any]:
        found = {str(key): value for key, value in (trainable or {}).items()}
        for name in found:
            if name not in self.names:
                raise ArgumentError(f"{self.name} has no input {name!r}; it has: {', '.join(self.names)}")
        return found

    def picture(self, path: str | Path) -> Path:
        """Draw the graph into an .svg file, or a .png file (with matplotlib); returns its path.

        Shared nodes are drawn once. Of a large graph the part nearest to the results is drawn, and a note says
        how much is left out.
        """
        from symgrad.show.picture import picture

        return picture(path, *self._whole(), self.name, repr(self))

    def count_ops(self) -> int:
        """Machine operations of one evaluation: every +, -, *, / and function call counts one.

        Reading, packing and constants count nothing; a loop counts its body once.
        """
        graph, _, outputs = self.program
        return graph.operations(outputs)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as plain data: unpickling checks it and rebuilds the graph, and runs nothing that it says."""
        from symgrad.define.symbols import to_plain as symbol_to_plain

        symbols = {name: symbol_to_plain(s) for name, s in self.symbols.items()}
        about = (self.name, to_plain_tree(self.tree), self.parameters, symbols, self._notes, self._simple)
        return _rebuild, (to_plain(self.graph, self.inputs, self.outputs), about)

    def __repr__(self) -> str:
        def sized(i: int) -> str:
            name, type = self.graph.attrs[i][0], self.graph.types[i]
            return name + (_axes(type) if type.shape else "")

        names = [sized(i) for i in self.inputs]
        if len(names) > 8:
            names = [*names[:6], "...", names[-1]]
        types = [self.graph.types[o] for o in self.outputs]
        return f"Function({self.name}: {', '.join(names)} -> {_show(self.tree, types)}; {self.count_ops()} ops)"


def _axes(type: Type) -> str:
    return "[" + ",".join("?" if n is None else str(n) for n in type.shape) + "]"


def _show(tree: Tree, types: list[Type]) -> str:
    if isinstance(tree, int):
        return _axes(types[tree])
    if isinstance(tree, Csr):
        return f"csr[{tree.shape[0]},{tree.shape[1]}] of {len(tree.indices)} nonzeros"
    if isinstance(tree, Factored):
        return "factored[" + ",".join(map(str, tree.shape)) + "]"
    if len(tree) > 6:
        return f"({_show(tree[0], types)}, ... {len(tree)} in all)"
    return "(" + ", ".join(_show(t, types) for t in tree) + ")"


Function.__call__ = Function.__dict__["_call"]  # a slot: the machine code's own built-in is what is called


def _rebuild(nodes: Any, about: Any) -> Function:
    """What unpickling calls. Raises FormulaError for anything that `Function.__reduce__` does not write."""
    from symgrad.define.symbols import from_plain as symbol_from_plain

    graph, inputs, outputs = from_plain(nodes)
    try:
        name, tree, parameters, symbols, notes, simple = about
        texts = [name, *parameters, *symbols, *notes]
    except (TypeError, ValueError):
        raise FormulaError("not a Function: what it says about itself is not complete") from None
    if not all(isinstance(t, str) for t in texts):
        raise FormulaError("not a Function: a name is no text")
    found = {n: symbol_from_plain(s) for n, s in symbols.items() if s is not None}
    return Function(
        graph,
        inputs,
        outputs,
        name=name,
        tree=from_plain_tree(tree, len(outputs)),
        parameters=parameters,
        symbols=found,
        notes=notes,
        simple=bool(simple),
    )


def _evaluate(function: weakref.ref[Function], /, *args: Any, **named: Any) -> Any:
    """The call before there is machine code."""
    own = function()
    assert own is not None  # whoever calls holds it
    return own.executor(args, named)


def _inline(function: weakref.ref[Function], values: Sequence[Any]) -> list[Any]:
    """The outputs, of arguments that are traced: a part of their graph."""
    from symgrad.define.numpy.inline import called
    from symgrad.define.numpy.tracer import is_traced

    own = function()
    assert own is not None
    if finisher(own.tree) is not None:
        raise ArgumentError(
            f"{own.name} has a sparse or factored result, which can't be a part of a function that is traced; "
            "leave out sparse=True and structure=, or call its .dense()"
        )
    types = [own.graph.types[i] for i in own.inputs]
    given = [
        v if is_traced(v) else as_array(own.name, n, v, t) for n, v, t in zip(own.names, values, types, strict=True)
    ]
    return called(own.name, own.graph, own.inputs, own.outputs, given, batched)


def _evaluate_values(executor: Executor, /, *args: Any, **named: Any) -> Any:
    return executor.values(args, named)


def _promote(function: weakref.ref[Function], values: Any, call: Any) -> None:
    """From here on `call` takes the calls; `values` is machine code's built-in function."""
    own = function()
    if own is not None:
        own._values, own._call = values, call
