"""The PyTorch back end: a graph as a torch.nn.Module of plain torch code, written by torch.fx.

The code is ordinary forward code on any device and dtype: `torch.compile`, `torch.func` and autograd take it.
"""

from __future__ import annotations

import builtins
import keyword
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import fx, nn
from torch.fx.proxy import GraphAppendingTracer

from symgrad.compile.framework import Number, Plan, evaluate, loop_of, nest, plan_of, pointwise, prepare, scalars_apart
from symgrad.compile.loops.torch import Fold, decides, module_of, result_types
from symgrad.dialects.torch import OPERATORS, TYPED, lowering
from symgrad.errors import ArgumentError
from symgrad.graph import INPUT, Graph, Op, Type
from symgrad.graph.body import Body
from symgrad.graph.plain import from_plain, to_plain
from symgrad.graph.tree import Csr, Tree
from symgrad.ops.flow import scan_at

COUNTED = {"add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "negative": operator.neg}
"""What the bounds of loops are made of; of Python numbers they stay Python numbers, so that lengths are known."""


def has(op: Op) -> bool:
    """Whether PyTorch has the operation."""
    return op.kind in ("leaf", "control", "flow") or op.name == "cast" or lowering(op) is not None


def counts(plan: Plan) -> list[int]:
    """Positions of the inputs that bounds of loops are counted from."""
    g = plan.graph
    stack = [a for i, op in enumerate(g.ops) if op.kind == "control" for a in g.args[i][:2]]
    found = set()
    while stack:
        i = stack.pop()
        if g.ops[i] is INPUT:
            found.add(i)
        elif g.ops[i].name in COUNTED or g.ops[i].name == "cast":
            stack += g.args[i]
    return [k for k, i in enumerate(plan.inputs) if i in found]


class Writer:
    """Writes a plan as torch code. `counted`: positions of inputs that may be Python numbers."""

    def __init__(self, plan: Plan, counted: Sequence[int] = ()) -> None:
        g = plan.graph
        self.root = nn.Module()
        self.code = fx.Graph()
        self.tracer = GraphAppendingTracer(self.code)
        self.like: dict[str, fx.Proxy] = {}  # per dtype of the graph, a tensor that has it here
        self.first: fx.Proxy | None = None
        self.made: dict[Any, Any] = {}
        self.twins: dict[fx.Node, fx.Proxy] = {}  # of what bounds are counted from, the same in Python numbers
        names = identifiers([g.attrs[i][0] for i in plan.inputs])
        given = [self.proxy(self.code.placeholder(n)) for n in names]
        for k, i in enumerate(plan.inputs):
            if k not in counted:
                self.like.setdefault(g.types[i].dtype, given[k])
                self.first = given[k] if self.first is None else self.first
        values = list(given)
        for k in counted:
            values[k] = self.call_function(torch.as_tensor, given[k], **self.kind(g.types[plan.inputs[k]].dtype))
            self.twins[values[k].node] = given[k]
        found = zip(evaluate(plan, values, self), plan.outputs, strict=True)
        results = [self.full(v, g.types[o]) if isinstance(v, Number) else v for v, o in found]
        self.code.output(tuple([r.node for r in results]))

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return fx.Proxy(node, self.tracer)

    def module(self) -> fx.GraphModule:
        """The code, to be called with the inputs; gives a tuple of the outputs."""
        module = fx.GraphModule(self.root, self.code)
        module.graph.eliminate_dead_code()
        module.recompile()
        return module

    def call_function(self, fn: Callable[..., Any], *args: Any, **more: Any) -> fx.Proxy:
        nodes = [a.node if isinstance(a, fx.Proxy) else a for a in args]
        kind = {k: v.node if isinstance(v, fx.Proxy) else v for k, v in more.items()}
        return self.proxy(self.code.call_function(fn, tuple(nodes), kind))

    def kind(self, dtype: str) -> dict[str, Any]:
        """The keywords `dtype` and `device` of new tensors: those of the inputs."""
        like = self.like.get(dtype)
        own: Any = getattr(torch, dtype) if like is None else like.dtype
        first = like if like is not None else self.first
        return {"dtype": own} if first is None else {"dtype": own, "device": first.device}

    def full(self, value: Any, type: Type) -> fx.Proxy:
        key = type, value, math.copysign(1.0, value), value.__class__
        if key not in self.made:
            like = self.like.get(type.dtype)
            if like is None:
                self.made[key] = self.call_function(torch.full, type.lengths, value, **self.kind(type.dtype))
            else:
                self.made[key] = like.new_full(type.lengths, value)
        return self.made[key]

    def leaf(self, op: Op, attrs: dict[str, Any]) -> fx.Proxy:
        if op.name == "literal":
            data = attrs["data"].value
            name = f"literal_{len(self.root._buffers)}"
            self.root.register_buffer(name, torch.from_numpy(data.copy()), persistent=False)
            return self.proxy(self.code.get_attr(name)).to(**self.kind(data.dtype.name))
        key = "delta", attrs["n"], attrs["dtype"]
        if key not in self.made:
            self.made[key] = self.call_function(torch.eye, attrs["n"], **self.kind(attrs["dtype"]))
        return self.made[key] if op.name == "delta" else self.made[key][attrs["k"]]

    def call(self, op: Op, args: list[Any], attrs: dict[str, Any], types: list[Type], result: Type) -> Any:
        if op.kind == "leaf":
            return self.leaf(op, attrs)
        if op.name == "cast":
            like = self.like.get(attrs["dtype"]) if attrs["dtype"][0] == "f" else None
            value = args[0].to(getattr(torch, attrs["dtype"]) if like is None else like.dtype)
            self._twin(value, op, args)
            return value
        if op.name == "einsum" and len(args) > 1 and not attrs["zeros"]:
            numbers, args, attrs, types = scalars_apart(args, attrs, types)
            if numbers:
                rest = self.call(op, args, attrs, types, result) if len(args) else None
                for x in numbers:
                    rest = x if rest is None else x * rest
                return rest
        if op.name == "einsum" and len(args) == 1 and len(set(attrs["subscripts"].split("->"))) == 1:
            return args[0]
        if op.name == "einsum":
            args = [a.to(**self.kind(result.dtype)) if not isinstance(a, Number) and t.dtype != result.dtype else a
                    for a, t in zip(args, types, strict=True)]  # fmt: skip
        if op.name not in OPERATORS:
            flat = op.kind in ("elementwise", "constant")
            args = [
                self.full(a, Type(t.dtype) if flat else t) if isinstance(a, Number) else a
                for a, t in zip(args, types, strict=True)
            ]
        fn: Any = lowering(op)
        value = fn(types, result, *args, **attrs) if op.name in TYPED else fn(*args, **attrs)
        self._twin(value, op, args)
        return value

    def _twin(self, value: fx.Proxy, op: Op, args: list[Any]) -> None:
        plain = [a if isinstance(a, Number) else self.twins.get(a.node) for a in args]
        counted = op.name in COUNTED or op.name == "cast"
        if counted and all(p is not None for p in plain):
            fn = COUNTED.get(op.name, whole)
            self.twins[value.node] = self.call_function(fn, *plain)

    def gate(self, condition: Any, x: Any) -> Any:
        if isinstance(condition, bool):
            return x if condition else x.detach()
        return torch.where(condition, x, x.detach())

    def loop(self, body: Body, lo: Any, hi: Any, firsts: list[Any], captured: list[Any]) -> Sequence[Any]:
        loop = loop_of(body, has, "PyTorch")
        name = f"loop_{len(self.root._modules)}"
        self.root.add_module(name, Fold(loop, Writer(loop.plan).module()))
        types = [loop.plan.graph.types[i] for i in loop.plan.inputs[1:]]
        rest = [
            self.full(v, t) if isinstance(v, Number) else v for v, t in zip([*firsts, *captured], types, strict=True)
        ]
        bounds = [b if isinstance(b, Number) else self.twins.get(b.node, b) for b in (lo, hi)]
        nodes = [a.node if isinstance(a, fx.Proxy) else a for a in (*bounds, *rest)]
        carries: Any = self.proxy(self.code.call_module(name, tuple(nodes)))
        return [carries[k] for k in range(loop.carries)]

    def flow(self, g: Graph, i: int, args: list[Any]) -> Sequence[Any]:
        types = result_types(g, i)
        given = [self.full(v, g.types[a]) if isinstance(v, Number) else v for v, a in zip(args, g.args[i], strict=True)]
        if g.ops[i].name == "scan":
            s = scan_at(g, i)
            zeros = [self.full(0, t) for t in types[s.carries :]] if s.counted or not s.length else []
            if not s.length:
                return [*given[s.counted : s.counted + s.carries], *zeros]
            given += zeros
        name = f"loop_{len(self.root._modules)}"
        self.root.add_module(name, module_of(g, i, lambda body: Writer(plan_of(body, has, "PyTorch")).module()))
        results: Any = self.proxy(self.code.call_module(name, tuple([a.node for a in given])))
        found = [results[k] for k in range(len(types))]
        for k, t in enumerate(types):
            if t.dtype not in {g.types[a].dtype for a in g.args[i]}:  # no argument says what it is here
                found[k] = found[k].to(**self.kind(t.dtype))
        return found


def identifiers(names: Sequence[str]) -> list[str]:
    """The names of parameters in source code: these, unless Python or the code around them would read them so."""
    found: list[str] = []
    taken = {"self", "torch", "inf", "nan", "device", "operator", "math", *dir(builtins)}
    for name in names:
        own = re.sub(r"[^0-9a-zA-Z_]", "", name)
        if own != name or not own.isidentifier() or keyword.iskeyword(own) or own in taken or "symgrad" in own:
            own = "v_" + own
        while own in found:
            own += "_"
        found.append(own)
    return found


def whole(x: Any) -> Any:
    """The bound of a loop: a Python number as an int, a tensor as one of int64."""
    if isinstance(x, torch.Tensor):
        return x.to(torch.int64)
    if x != x or x in (math.inf, -math.inf):
        raise ArgumentError(f"the bound of a loop must be an integer, got {x}")
    return int(x)


class TorchFunction(nn.Module):
    """A Function as a module: called with tensors as the Function with arrays, of any dtype and on any device.

    `code` is its source; `program` the torch.fx.GraphModule that has it. Inputs named in `trainable` are its
    parameters, under their names in the `state_dict`; the other inputs are its arguments.
    """

    def __init__(
        self,
        graph: Graph,
        inputs: Sequence[int],
        outputs: Sequence[int],
        tree: Tree,
        name: str,
        bind: Callable[..., list[Any]],
        trainable: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self._source: Any = (graph, inputs, outputs)
        self._write()
        self._name, self._bind, self._tree = name, bind, tree
        self._types = [graph.types[i] for i in inputs]
        self._ranks = [len(graph.types[o].shape) for o in outputs]
        self._names = [graph.attrs[i][0] for i in inputs]
        self._free = [n for n in self._names if n not in trainable]
        self._trained = [n for n in self._names if n in trainable]
        for n in self._trained:
            type = self._types[self._names.index(n)]
            start = trainable[n]
            if not isinstance(start, torch.Tensor):
                start = torch.as_tensor(start, dtype=getattr(torch, type.dtype))
            _check_shape(name, n, start, type)
            if hasattr(self, n) or "." in n or not n:
                raise ArgumentError(f"{name}.torch: a parameter of a module can't be called {n!r}; rename the input")
            self.register_parameter(n, nn.Parameter(start.detach().clone()))
        for k, c in enumerate(_csr(tree)):
            self.register_buffer(f"_indptr{k}", torch.tensor(c.indptr, dtype=torch.int64), persistent=False)
            self.register_buffer(f"_indices{k}", torch.tensor(c.indices, dtype=torch.int64), persistent=False)

    def _write(self) -> None:
        graph, inputs, outputs = self._source
        plan = prepare(graph, inputs, outputs, has, "PyTorch")
        self._counted = counts(plan)
        self.program = Writer(plan, self._counted).module()
        self._pointwise = pointwise(plan)
        self._decides = decides(plan.graph, plan.outputs)

    def __getstate__(self) -> dict[str, Any]:
        """Pickled and copied without the program, which is written anew."""
        modules = {k: m for k, m in self._modules.items() if k != "program"}
        return self.__dict__ | {"_modules": modules, "_source": to_plain(*self._source)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._source = from_plain(self._source)
        self._write()

    @property
    def code(self) -> str:
        """The source of the program; that of its loops is in its submodules."""
        return self.program.code

    def extra_repr(self) -> str:
        return f"{self._name}({', '.join(self._free)})"

    def forward(self, *args: Any, **named: Any) -> Any:
        given = iter(self._bind(self._name, self._free, args, named))
        values = [getattr(self, n) if n in self._trained else next(given) for n in self._names]
        values = self._tensors(values)
        batch = self._batch(values)
        if not batch or self._pointwise:
            leaves = self.program(*values)
        else:
            leaves = self._mapped(values, batch)
        if batch:
            shapes = [x.shape[x.ndim - r :] for x, r in zip(leaves, self._ranks, strict=True)]
            leaves = [torch.broadcast_to(x, batch + s) for x, s in zip(leaves, shapes, strict=True)]
        return nest(self._tree, leaves, self._sparse)

    def _tensors(self, values: list[Any]) -> list[Any]:
        """Every input a tensor: inputs of one dtype of the function have one dtype here, the widest given.

        Python numbers that loops are counted by stay Python numbers.
        """
        dtypes: dict[str, torch.dtype] = {}
        device = None
        for x, t in zip(values, self._types, strict=True):
            if isinstance(x, torch.Tensor):
                device = x.device if device is None or device.type == "cpu" else device
                if t.dtype[0] == "f" and x.dtype.is_floating_point:
                    known = dtypes.get(t.dtype)
                    dtypes[t.dtype] = x.dtype if known is None else torch.promote_types(known, x.dtype)
        found = []
        for k, (x, t) in enumerate(zip(values, self._types, strict=True)):
            dtype = dtypes.get(t.dtype, getattr(torch, t.dtype))
            if not (k in self._counted and isinstance(x, (int, float))):
                x = x.to(dtype) if isinstance(x, torch.Tensor) else torch.as_tensor(x, dtype=dtype, device=device)
                _check_shape(self._name, self._names[k], x, t)
            found.append(x)
        return found

    def _batch(self, values: list[Any]) -> tuple[int, ...]:
        shapes = [
            x.shape[: x.ndim - len(t.shape)]
            for x, t in zip(values, self._types, strict=True)
            if isinstance(x, torch.Tensor) and x.ndim > len(t.shape)
        ]
        return tuple(torch.broadcast_shapes(*shapes)) if shapes else ()

    def _mapped(self, values: list[Any], batch: tuple[int, ...]) -> list[Any]:
        """The program at every point of a batch, whose axes lie in front."""
        dims, flat = [], []
        for x, t in zip(values, self._types, strict=True):
            rank = len(t.shape)
            over = isinstance(x, torch.Tensor) and x.ndim > rank
            dims.append(0 if over else None)
            if over:
                own = tuple(x.shape[x.ndim - rank :])
                x = torch.broadcast_to(x, batch + own).reshape((-1, *own))
            flat.append(x)
        if self._decides and math.prod(batch):  # each point by itself
            size = math.prod(batch)
            points = [[x if d is None else x[k] for x, d in zip(flat, dims, strict=True)] for k in range(size)]
            leaves = [torch.stack(column) for column in zip(*(self.program(*p) for p in points), strict=True)]
        else:
            leaves = torch.vmap(self.program, tuple(dims))(*flat)
        return [x.reshape(batch + x.shape[1:]) for x in leaves]

    def _sparse(self, tree: Csr, values: Any) -> Any:
        if values.ndim > 1:
            return values  # of a batch
        k = next(k for k, c in enumerate(_csr(self._tree)) if c is tree)
        places = getattr(self, f"_indptr{k}"), getattr(self, f"_indices{k}")
        return torch.sparse_csr_tensor(*places, values, tree.shape, device=values.device, check_invariants=False)


def _csr(tree: Tree) -> list[Csr]:
    if isinstance(tree, Csr):
        return [tree]
    return [c for t in tree for c in _csr(t)] if isinstance(tree, tuple) else []


def _check_shape(function: str, name: str, x: Any, type: Type) -> None:
    rank = len(type.shape)
    own = tuple(x.shape[max(x.ndim - rank, 0) :])
    if len(own) != rank or any(
        want is not None and want != have  # `have` may be symbolic under torch.compile
        for want, have in zip(type.shape, own, strict=True)
    ):
        raise ArgumentError(f"{function}: {name} must have shape {type.shape}, got shape {tuple(x.shape)}")
