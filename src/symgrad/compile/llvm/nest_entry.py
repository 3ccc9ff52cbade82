"""`@call`: a Python callable around `@run`: arrays in, new arrays out, and no Python in between.

    ptr @call(ptr self, ptr args, i64 count, ptr names)       METH_FASTCALL | METH_KEYWORDS

As `entry`, whose readers it uses: C-contiguous arrays of the very dtypes and lengths are read where they lie,
numbers are taken for scalars; all else goes to `self`, a Python callable of the same arguments. So does a call in
which a computed place was outside its array, or a loop went on beyond its limit: `self` is to raise the error. A
loop that was interrupted has set one.

An argument that is changed in place is an array, also where it holds one number. Memory to work in may be an
argument, too: the last one, so that a call needs none of its own.

    @constants          [pointers], one per `Slot` of kind "constant", in order: to be set when the code is loaded
"""

from __future__ import annotations

from typing import Any, NamedTuple

from symgrad.compile.llvm.entry import _PRELUDE as PRELUDE
from symgrad.compile.llvm.entry import HEAP, TYPE_NUMBERS, _Entry
from symgrad.graph import Type


class Slot(NamedTuple):
    """What a buffer is in a call.

    kind: "input"; "result"; "constant"; "work": memory at the offset `at` of one block of the call's own; "unused".
    zeroed: a result that begins as zeros. changed: an input that is written to.
    """

    kind: str
    type: Type
    at: int = 0
    zeroed: bool = False
    changed: bool = False


class Frame(NamedTuple):
    """How a call serves buffers: what each is, which are the arguments and the results, in order.

    Attributes:
        tree: how the results nest: positions in `results`, and tuples.
        work: bytes of the block for "work" buffers; given: it comes as one more argument, a float64 array.
        long: whether other Python threads run meanwhile.
    """

    slots: tuple[Slot, ...]
    inputs: tuple[int, ...]
    results: tuple[int, ...]
    tree: Any
    work: int = 0
    long: bool = False
    given: bool = False


_DECLARATIONS = """declare ptr @malloc(i64)
declare void @free(ptr)
declare ptr @PyErr_NoMemory()
declare ptr @"symgrad.numpy.PyArray_DescrFromType"(i32)
declare ptr @"symgrad.numpy.PyArray_Zeros"(i32, ptr, ptr, i32)"""


def frame_entry(frame: Frame) -> str:
    """IR of `@call` for a module that has `@run`."""
    return "\n".join([PRELUDE, _DECLARATIONS, _FrameEntry(frame).whole()])


class _FrameEntry(_Entry):
    def __init__(self, frame: Frame) -> None:
        types = [frame.slots[k].type for k in frame.results]
        super().__init__(
            [frame.slots[k].type for k in frame.inputs], types, tuple(8 * k for k in range(len(types))), 0, frame.long
        )
        self.frame = frame
        self.work = "%work"
        if frame.given:
            self.in_types.append(Type("float64", (-(-frame.work // 8),)))
        self.arrays = [k for k, t in enumerate(types) if t.shape]

    def whole(self) -> str:
        frame, n = self.frame, len(self.in_types)
        heap = frame.work > HEAP and not frame.given
        constants = [k for k, s in enumerate(frame.slots) if s.kind == "constant"]
        self.globals.append(f"@constants = global [{max(len(constants), 1)} x ptr] zeroinitializer")
        self.lines = [
            f" %table = alloca [{len(frame.slots)} x ptr], align 16",
            f" %in = alloca [{n + 1} x i64], align 16",
            f" %out = alloca [{len(frame.results) + 1} x i64], align 16",
            f" %made = alloca [{len(frame.results) + 1} x ptr], align 16",
        ]
        if frame.work and not heap and not frame.given:
            self.lines.append(f" %work = alloca [{frame.work} x i8], align 64")
        self.unless(self.new(f"icmp eq i64 %count, {n}"), "slow")
        self.unless(self.new("icmp eq ptr %names, null"), "slow")
        self._arguments()
        self._results()
        for place, k in enumerate(constants):
            at = self.new(f"getelementptr ptr, ptr @constants, i64 {place}")
            self._set(k, self.new(f"load ptr, ptr {at}"))
        if heap:
            self.lines.append(f" %block = call ptr @malloc(i64 {frame.work + 64})")
            self.unless(self.new("icmp ne ptr %block, null"), "memory")
            number = self.new(f"add i64 {self.new('ptrtoint ptr %block to i64')}, 63")
            self.lines.append(f" %work = inttoptr i64 {self.new(f'and i64 {number}, -64')} to ptr")
        for k, s in enumerate(frame.slots):
            if s.kind == "work":
                self._set(k, self.new(f"getelementptr i8, ptr {self.work}, i64 {s.at}"))
        if self.long:
            self.lines.append(" %thread = call ptr @PyEval_SaveThread()")
        self.lines.append(" %status = call i32 @run(ptr %table)")
        if self.long:
            self.lines.append(" call void @PyEval_RestoreThread(ptr %thread)")
        if heap:
            self.lines.append(" call void @free(ptr %block)")
        self.unless(self.new("icmp ult i32 %status, 4"), "fail")  # interrupted: an exception is set
        self.unless(self.new("icmp eq i32 %status, 0"), "outside")
        self.lines.append(f" ret ptr {self._result(frame.tree, False)}")
        self.lines.append("outside:")
        self._drop()
        self.lines += [" br label %slow", "slow:"]
        self.lines.append(
            " %python = call ptr @PyObject_Vectorcall(ptr %self, ptr %args, i64 %count, ptr %names)\n ret ptr %python"
        )
        self.lines += ["memory:", " %error = call ptr @PyErr_NoMemory()", " br label %fail", "fail:"]
        self._drop()
        self.lines.append(" ret ptr null")
        head = "define ptr @call(ptr %self, ptr %args, i64 %count, ptr %names) nounwind {"
        return "\n".join([*self.globals, head, "entry:", *self.lines, "}"]) + "\n"

    def _set(self, buffer: int, pointer: str) -> None:
        at = self.new(f"getelementptr ptr, ptr %table, i64 {buffer}")
        self.lines.append(f" store ptr {pointer}, ptr {at}")

    def _arguments(self) -> None:
        for k, type in enumerate(self.in_types):
            o = self.new(f"load ptr, ptr {self.new(f'getelementptr ptr, ptr %args, i64 {k}')}")
            if k == len(self.frame.inputs):
                self._check_array(o, type)
                self.work = self._field(o, "data")
                continue
            buffer = self.frame.inputs[k]
            if type.shape or self.frame.slots[buffer].changed:
                self._check_array(o, type)
                self._set(buffer, self._field(o, "data"))
                continue
            to = self.new(f"getelementptr i64, ptr %in, i64 {k}")
            reader = {"float64": "double", "float32": "float", "int64": "integer"}.get(type.dtype)
            if reader == "double":
                self._float(o, to)
            else:  # truth values: Python looks at them
                ok = self.new(f"call i1 @read.{reader}(ptr {o}, ptr {to})") if reader else "false"
                self.unless(ok, "slow")
            self._set(buffer, to)

    def _check_array(self, o: str, type: Type) -> None:
        first, second = (7, 9) if type.dtype == "int64" else (TYPE_NUMBERS[type.dtype],) * 2
        ok = f"call i1 @is.array(ptr {o}, i32 {len(type.shape)}, i32 {first}, i32 {second})"
        self.unless(self.new(ok), "slow")
        lengths = self._field(o, "lengths")
        for axis, length in enumerate(type.lengths):
            got = self.new(f"load i64, ptr {self.new(f'getelementptr i64, ptr {lengths}, i64 {axis}')}")
            self.unless(self.new(f"icmp eq i64 {got}, {length}"), "slow")

    def _results(self) -> None:
        """New arrays; memory for results that are numbers."""
        for k in self.arrays:
            self.lines.append(f" store ptr null, ptr {self._made(k)}")
        for k, (type, buffer) in enumerate(zip(self.out_types, self.frame.results, strict=True)):
            if not type.shape:
                self._set(buffer, self.new(f"getelementptr i64, ptr %out, i64 {k}"))
                continue
            new = self._array(k)
            if self.frame.slots[buffer].zeroed:
                number = 7 if type.dtype == "int64" else TYPE_NUMBERS[type.dtype]
                descr = self.new(f'call ptr @"symgrad.numpy.PyArray_DescrFromType"(i32 {number})')
                passed = f"i32 {len(type.shape)}, ptr @shape.{k}, ptr {descr}, i32 0"
                new = f'call ptr @"symgrad.numpy.PyArray_Zeros"({passed})'
            array = self.new(new)
            self.unless(self.new(f"icmp ne ptr {array}, null"), "fail")
            self.lines.append(f" store ptr {array}, ptr {self._made(k)}")
            self._set(buffer, self._field(array, "data"))

    def _made(self, k: int) -> str:
        return self.new(f"getelementptr ptr, ptr %made, i64 {k}")

    def _drop(self) -> None:
        """The arrays made so far are not wanted."""
        for k in self.arrays:
            self.lines.append(f" call void @Py_DecRef(ptr {self.new(f'load ptr, ptr {self._made(k)}')})")

    def _result(self, tree: Any, direct: bool) -> str:
        if not isinstance(tree, tuple):
            type = self.out_types[tree]
            if type.shape:
                return self.new(f"load ptr, ptr {self._made(tree)}")
        return super()._result(tree, direct)
