"""LLVM: IR text -> object bytes -> loaded machine code. The only file that imports llvmlite.

    target = host()                                  # this machine, less what SYMGRAD_CPU_FEATURES takes away
    code = load([emit_object(ir, target)])
    code.address("kernel")                           # of a function that the IR defines; lives as long as `code`

An object can be written to disk and loaded by another process (`run.cache`): it names what it calls (the C
library, CPython, SciPy, see `run.externals`), and the names become addresses at `load`. A name that this machine
has not got raises UnsupportedError there; LLVM alone would abort the process.

`target.has_fma` and `target.vector_width` say what IR to write. No option of LLVM that holds for the whole
process is touched. All of it may be called from any thread. A process forked while LLVM works in another
thread waits for that (see `run.fork`), so that the child finds LLVM free.
"""

from __future__ import annotations

import atexit
import os
import struct
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

import llvmlite
import llvmlite.binding as llvm

from symgrad.errors import ArgumentError, UnsupportedError
from symgrad.run import externals, fork

version: str = llvmlite.__version__

_MAGIC = b"SGO1"
# what each x86 feature needs: taking one away takes all that need it (LLVM does the same)
_NEEDS = {
    "avx2": ("avx",),
    "fma": ("avx",),
    "fma4": ("avx",),
    "f16c": ("avx",),
    "avx512f": ("avx2", "fma", "f16c"),
}


@dataclass(frozen=True)
class Target:
    """A processor to compile for.

    Attributes:
        triple: machine, vendor, system: "x86_64-unknown-linux-gnu".
        cpu: LLVM's name of it, which sets the scheduling; "" is the plainest of its kind.
        features: "+avx2,-avx512f": on top of what `cpu` has; the last mention of a feature decides.
        host: whether this machine can run the code. The two properties read `features` alone, not `cpu`.
    """

    triple: str
    cpu: str = ""
    features: str = ""
    host: bool = False

    @property
    def is_x86(self) -> bool:
        return self.triple.startswith(("x86_64", "i386", "i686", "amd64"))

    @property
    def enabled(self) -> frozenset[str]:
        """Features that are on."""
        on: dict[str, bool] = {}
        for item in filter(None, self.features.split(",")):
            on[item[1:]] = item[0] == "+"
        return frozenset(_closed({name for name, yes in on.items() if yes}))

    @property
    def has_fma(self) -> bool:
        """Whether a*b + c with one rounding is an instruction."""
        if self.is_x86:
            return "fma" in self.enabled
        return self.triple.startswith(("aarch64", "arm64"))

    @property
    def vector_bits(self) -> int:
        """Width of a vector register."""
        if self.is_x86:
            return 512 if "avx512f" in self.enabled else 256 if "avx2" in self.enabled else 128
        return 128

    @property
    def vector_width(self) -> int:
        """float64 numbers in a vector register: 8, 4 or 2."""
        return self.vector_bits // 64

    @property
    def key(self) -> str:
        """All that compiled code depends on besides the IR and the options: part of a cache key."""
        return f"llvmlite {version};{self.triple};{self.cpu};{self.features}"


ARM64 = Target("aarch64-unknown-linux-gnu", "generic", "+neon")
"""A 64-bit ARM processor, as an example of code for another machine."""


def _closed(features: set[str]) -> set[str]:
    """`features` less those that lack what they need."""
    known = dict(_NEEDS)
    known.update({f: ("avx512f",) for f in features if f.startswith("avx512") and f != "avx512f"})
    while lacking := {f for f in features if not features.issuperset(known.get(f, ()))}:
        features = features - lacking
    return features


def host(without: str | None = None) -> Target:
    """This machine, less the features in `without` ("-avx512f,-fma"; default: $SYMGRAD_CPU_FEATURES).

    Raises ArgumentError for a feature that this kind of processor does not know, and for adding one.
    """
    if without is None:
        without = os.environ.get("SYMGRAD_CPU_FEATURES", "")
    return _host(without)


@cache
def _host(without: str) -> Target:
    with _llvm():
        features = dict(llvm.get_host_cpu_features())
        cpu, triple = llvm.get_host_cpu_name(), llvm.get_process_triple()
    asked = [item.strip() for item in without.split(",") if item.strip()]
    for item in asked:
        if not item.startswith("-"):
            raise ArgumentError(f"SYMGRAD_CPU_FEATURES can only take features away ('-avx512f,-fma'), got {item!r}")
        if item[1:] not in features:
            raise ArgumentError(
                f"SYMGRAD_CPU_FEATURES: {item[1:]!r} is no feature of a processor like {cpu}; it knows "
                f"{', '.join(sorted(features))}"
            )
        features[item[1:]] = False
    on = _closed({name for name, yes in features.items() if yes})
    text = ",".join(("+" if name in on else "-") + name for name in sorted(features))
    return Target(triple, cpu, text, host=True)


_closing = False
_ready: set[str] = set()
_engines: dict[int, Any] = {}  # by id: what lives here, the garbage collector does not take apart in its own order
_unwanted: deque[int] = deque()  # engines of dropped code; LLVM frees them when it is next at work


@contextmanager
def _llvm(every_target: bool = False) -> Any:
    """LLVM, ready and for this thread alone."""
    with fork.llvm:
        if _closing or fork.caught:
            raise UnsupportedError(
                "no code is compiled "
                + ("while the interpreter shuts down" if _closing else "in a process forked while LLVM was at work")
            )
        if "native" not in _ready:
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
            _ready.add("native")
        if every_target and "all" not in _ready:
            llvm.initialize_all_targets()
            llvm.initialize_all_asmprinters()
            _ready.add("all")
        while _unwanted:
            _engines.pop(_unwanted.popleft()).close()
        yield


def _machine(target: Target, opt: int) -> Any:
    # large code model on 64-bit x86: the loader may put code, constants and callees anywhere
    kind: dict[str, Any] = {"jit": True} if target.host else {"reloc": "pic", "codemodel": "default"}
    processor = llvm.Target.from_triple(target.triple)
    return processor.create_target_machine(cpu=target.cpu, features=target.features, opt=opt, **kind)


@contextmanager
def _module(ir: str, target: Target, opt: int, passes: str | None) -> Any:
    """The checked, optimised module of `ir` and its target machine."""
    if passes not in (None, "O1", "O2", "O3"):
        raise ValueError(f"passes are None, 'O1', 'O2' or 'O3', not {passes!r}")
    with _llvm(every_target=not target.host), ExitStack() as freed:  # here, not where another thread may fork
        machine = freed.enter_context(_machine(target, opt))
        context = freed.enter_context(llvm.create_context())
        module = freed.enter_context(llvm.parse_assembly(ir, context))
        module.triple = machine.triple
        module.data_layout = str(machine.target_data)
        module.verify()
        if passes is not None:
            tuning = freed.enter_context(llvm.create_pipeline_tuning_options(int(passes[1])))
            tuning.loop_vectorization = tuning.loop_interleaving = tuning.loop_unrolling = True
            tuning.slp_vectorization = False  # takes seconds on long straight lines
            builder = freed.enter_context(llvm.create_pass_builder(machine, tuning))
            with builder.getModulePassManager() as passes_in_order:
                passes_in_order.run(module, builder)
        yield module, machine


def emit_object(ir: str, target: Target, opt: int = 1, passes: str | None = None) -> bytes:
    """Compile IR text: a relocatable object with the names it defines and needs, for `load` or a cache.

    opt: effort of code generation, 0 to 3 (0 compiles some 7 times faster and runs some 2 times slower than 1).
    passes: optimisation of the IR before: None for straight-line code that is already lean, "O1" for loops
    (with the loop vectoriser). Raises RuntimeError with LLVM's words for malformed IR.
    """
    with _module(ir, target, opt, passes) as (module, machine):
        symbols = [*module.functions, *module.global_variables]
        needs = [s.name for s in symbols if s.is_declaration and not s.name.startswith("llvm.")]
        defines = [s.name for s in symbols if not s.is_declaration and s.linkage.name == "external"]
        head = "\n".join([" ".join(needs), " ".join(defines)]).encode()
        return _MAGIC + struct.pack("<I", len(head)) + head + machine.emit_object(module)


def emit_assembly(ir: str, target: Target, opt: int = 1, passes: str | None = None) -> str:
    """The assembly text of what `emit_object` would give, for any target."""
    with _module(ir, target, opt, passes) as (module, machine):
        return machine.emit_assembly(module)


def unpack(data: bytes) -> tuple[list[str], list[str], bytes]:
    """(names needed, names defined, object file in the system's format) of what `emit_object` gave."""
    if data[:4] != _MAGIC:
        raise ValueError("not an object made by emit_object")
    (length,) = struct.unpack_from("<I", data, 4)
    needs, defines = data[8 : 8 + length].decode().split("\n")
    return needs.split(), defines.split(), data[8 + length :]


class Code:
    """Loaded machine code. Addresses hold as long as this object lives: whoever calls one keeps it alive."""

    __slots__ = ("__weakref__", "_addresses", "_engine", "_keepalive", "size")

    def __init__(self, engine: Any, addresses: dict[str, int], size: int, keepalive: Any) -> None:
        self._engine = id(engine)
        _engines[self._engine] = engine
        self._addresses = addresses
        self._keepalive = keepalive
        self.size = size  # bytes of the objects

    def address(self, name: str) -> int:
        """Of a function or variable that the objects define. Raises KeyError for another name."""
        return self._addresses[name]

    @property
    def names(self) -> list[str]:
        return list(self._addresses)

    def __copy__(self) -> Code:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Code:
        """The same: code does not change, and its engine is freed once."""
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("machine code is not pickled")

    def __del__(self) -> None:
        # not freed here: the garbage collector may run at any time, LLVM may be busy for seconds
        if _unwanted is not None:  # at the interpreter's end, modules are taken apart before what they hold
            _unwanted.append(self._engine)


def load(objects: Sequence[bytes], keepalive: Any = None, symbols: Mapping[str, int] | None = None) -> Code:
    """Load what `emit_object` gave for the host; the objects may call one another.

    symbols: further names and addresses that the code calls; keepalive: what must live as long as the code.
    Raises UnsupportedError for a name that is found nowhere.
    """
    parts = [unpack(data) for data in objects]
    defined = [name for _, defines, _ in parts for name in defines]
    needed = {name for needs, _, _ in parts for name in needs}.difference(defined)
    with _llvm():
        for name in needed:
            address = (symbols or {}).get(name) or externals.address(name)  # may import SciPy: no fork meanwhile
            if not address:
                raise UnsupportedError(f"compiled code calls {name!r}, which is not found on this machine")
            llvm.add_symbol(name, address)
        machine = _machine(host(), 1)
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly("", llvm.create_context()), machine)
        for _, _, data in parts:
            engine.add_object_file(llvm.ObjectFileRef.from_data(data))
        engine.finalize_object()
        addresses = {name: engine.get_function_address(name) for name in defined}
    return Code(engine, addresses, sum(len(data) for _, _, data in parts), keepalive)


@atexit.register
def _close() -> None:
    """No new work from here on; what is at work is waited for by the thread's owner (`run.tiers`)."""
    global _closing
    _closing = True
