"""`@call`: a Python callable around `@one`, written into the module, so that a call costs what the maths costs.

    ptr @call(ptr self, ptr args, i64 count, ptr names)       METH_FASTCALL | METH_KEYWORDS

Python floats and integers, NumPy's float64 and C-contiguous arrays of the right dtype and lengths are read
where they lie. All else (names, batches, other dtypes, mistakes) goes to `self`, a Python callable of the same
arguments. The offsets are CPython's and NumPy's (`run.calls` checks them before this is used).
"""

from __future__ import annotations

import math
from typing import Any

from symgrad.compile.llvm.writer import SIZES
from symgrad.graph import Type

TYPE_NUMBERS = {"bool": 0, "float32": 11, "float64": 12}
"""NumPy's numbers of dtypes; int64 is the platform's `long` or `long long`, both are taken."""
HEAP = 65536  # bytes of results that are kept on the stack
OFFSETS = {
    **{"type": 8, "float": 16},
    **{"data": 16, "axes": 24, "lengths": 32, "descr": 56, "flags": 64},
    **{"order": 26, "number": 28},  # of the descr
}
"""Where fields stand in the objects, bytes."""
_DENSE = 0x101  # NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED


def _convert(type: str, call: str, is_minus_one: str) -> str:
    """The rest of a reader: a Python integer by CPython's own conversion, which says -1 for an error, too."""
    return f"""convert:
 %c = call {type} @{call}(ptr %o)
 store {type} %c, ptr %to
 %odd = {is_minus_one}
 br i1 %odd, label %check, label %yes
check:
 %e = call ptr @PyErr_Occurred()
 %fine = icmp eq ptr %e, null
 br i1 %fine, label %yes, label %clear
clear:
 call void @PyErr_Clear()
 br label %no
yes:
 ret i1 true
no:
 ret i1 false
}}"""


_PRELUDE = f"""
@PyFloat_Type = external global i8
@PyLong_Type = external global i8
@"symgrad.numpy.float64" = external global i8
@"symgrad.numpy.ndarray" = external global i8
declare double @PyLong_AsDouble(ptr)
declare i64 @PyLong_AsLongLong(ptr)
declare ptr @PyErr_Occurred()
declare void @PyErr_Clear()
declare ptr @PyFloat_FromDouble(double)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyBool_FromLong(i64)
declare ptr @PyTuple_New(i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare void @Py_DecRef(ptr)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @"symgrad.numpy.PyArray_New"(ptr, i32, ptr, i32, ptr, ptr, i32, i32, ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define internal i1 @read.double(ptr %o, ptr %to) nounwind {{
 %t.at = getelementptr i8, ptr %o, i64 {OFFSETS["type"]}
 %t = load ptr, ptr %t.at
 %python = icmp eq ptr %t, @PyFloat_Type
 %numpy = icmp eq ptr %t, @"symgrad.numpy.float64"
 %float = or i1 %python, %numpy
 br i1 %float, label %take, label %other
take:
 %v.at = getelementptr i8, ptr %o, i64 {OFFSETS["float"]}
 %v = load double, ptr %v.at
 store double %v, ptr %to
 ret i1 true
other:
 %long = icmp eq ptr %t, @PyLong_Type
 br i1 %long, label %convert, label %no
{_convert("double", "PyLong_AsDouble", "fcmp oeq double %c, -1.0")}

define internal i1 @read.float(ptr %o, ptr %to) nounwind {{
 %wide = alloca double
 %ok = call i1 @read.double(ptr %o, ptr %wide)
 br i1 %ok, label %yes, label %no
yes:
 %v = load double, ptr %wide
 %f = fptrunc double %v to float
 store float %f, ptr %to
 ret i1 true
no:
 ret i1 false
}}

define internal i1 @read.integer(ptr %o, ptr %to) nounwind {{
 %t.at = getelementptr i8, ptr %o, i64 {OFFSETS["type"]}
 %t = load ptr, ptr %t.at
 %long = icmp eq ptr %t, @PyLong_Type
 br i1 %long, label %convert, label %no
{_convert("i64", "PyLong_AsLongLong", "icmp eq i64 %c, -1")}

define internal i1 @is.array(ptr %o, i32 %axes, i32 %number, i32 %number2) nounwind {{
 %t.at = getelementptr i8, ptr %o, i64 {OFFSETS["type"]}
 %t = load ptr, ptr %t.at
 %array = icmp eq ptr %t, @"symgrad.numpy.ndarray"
 br i1 %array, label %look, label %no
look:
 %n.at = getelementptr i8, ptr %o, i64 {OFFSETS["axes"]}
 %n = load i32, ptr %n.at
 %n.ok = icmp eq i32 %n, %axes
 %f.at = getelementptr i8, ptr %o, i64 {OFFSETS["flags"]}
 %f = load i32, ptr %f.at
 %f.both = and i32 %f, {_DENSE}
 %f.ok = icmp eq i32 %f.both, {_DENSE}
 %d.at = getelementptr i8, ptr %o, i64 {OFFSETS["descr"]}
 %d = load ptr, ptr %d.at
 %k.at = getelementptr i8, ptr %d, i64 {OFFSETS["number"]}
 %k = load i32, ptr %k.at
 %k.first = icmp eq i32 %k, %number
 %k.second = icmp eq i32 %k, %number2
 %k.ok = or i1 %k.first, %k.second
 %b.at = getelementptr i8, ptr %d, i64 {OFFSETS["order"]}
 %b = load i8, ptr %b.at
 %b.native = icmp eq i8 %b, {ord("=")}
 %b.none = icmp eq i8 %b, {ord("|")}
 %b.ok = or i1 %b.native, %b.none
 %a1 = and i1 %n.ok, %f.ok
 %a2 = and i1 %k.ok, %b.ok
 %a = and i1 %a1, %a2
 ret i1 %a
no:
 ret i1 false
}}
"""


def entry(
    in_types: list[Type], out_types: list[Type], offsets: tuple[int, ...], size: int, tree: Any, long: bool
) -> str:
    """IR of `@call`. tree: how the outputs nest (ints and tuples); long: let other threads run meanwhile."""
    return _PRELUDE + _Entry(in_types, out_types, offsets, size, long).text(tree)


class _Entry:
    def __init__(
        self, in_types: list[Type], out_types: list[Type], offsets: tuple[int, ...], size: int, long: bool
    ) -> None:
        self.in_types, self.out_types, self.offsets, self.size, self.long = in_types, out_types, offsets, size, long
        self.lines: list[str] = []
        self.globals: list[str] = []
        self.count = 0

    def new(self, text: str) -> str:
        self.count += 1
        self.lines.append(f" %r{self.count} = {text}")
        return f"%r{self.count}"

    def unless(self, condition: str, where: str) -> None:
        """Go to `where` unless the condition holds."""
        self.count += 1
        self.lines += [f" br i1 {condition}, label %go{self.count}, label %{where}", f"go{self.count}:"]

    def text(self, tree: Any) -> str:
        n = len(self.in_types)
        scalars = sum(not t.shape for t in self.in_types)
        axes = sum(len(t.shape) for t in self.in_types)
        # a single array is written in place
        direct = len(self.out_types) == 1 and bool(self.out_types[0].shape)
        heap = not direct and self.size > HEAP
        self.lines = [
            f" %in = alloca [{scalars + 1} x i64], align 16",
            f" %arrays = alloca [{n - scalars + 1} x ptr]",
            f" %lengths = alloca [{axes + 1} x i64]",
        ]
        if not direct and not heap:
            self.lines.append(f" %out = alloca [{self.size + 8} x i8], align 16")
        self.unless(self.new(f"icmp eq i64 %count, {n}"), "slow")
        self.unless(self.new("icmp eq ptr %names, null"), "slow")
        self._arguments()
        if direct:
            self.lines.append(f" %array = {self._array(0)}")
            self.unless(self.new("icmp ne ptr %array, null"), "fail")
            out = self._field("%array", "data")
        else:
            out = "%out"
        if heap:
            self.lines.append(f" %out = call ptr @malloc(i64 {self.size})")
        if self.long:
            self.lines.append(" %thread = call ptr @PyEval_SaveThread()")
        self.lines.append(f" %status = call i32 @one(ptr %in, ptr %arrays, ptr %lengths, ptr {out})")
        if self.long:
            self.lines.append(" call void @PyEval_RestoreThread(ptr %thread)")
        self.unless(self.new("icmp eq i32 %status, 0"), "outside")
        result = self._result(tree, direct)
        if heap:
            self.lines.append(" call void @free(ptr %out)")
        self.lines.append(f" ret ptr {result}")
        clean = [" call void @Py_DecRef(ptr %array)"] if direct else [" call void @free(ptr %out)"] if heap else []
        self.lines += ["outside:", *clean, " br label %slow", "slow:"]
        self.lines += [
            " %python = call ptr @PyObject_Vectorcall(ptr %self, ptr %args, i64 %count, ptr %names)",
            " ret ptr %python",
        ]
        if direct:
            self.lines += ["fail:", " ret ptr null"]
        head = "define ptr @call(ptr %self, ptr %args, i64 %count, ptr %names) nounwind {"
        return "\n".join([*self.globals, head, "entry:", *self.lines, "}"]) + "\n"

    def _arguments(self) -> None:
        scalars = arrays = axes = 0
        for k, type in enumerate(self.in_types):
            o = self.new(f"load ptr, ptr {self.new(f'getelementptr ptr, ptr %args, i64 {k}')}")
            if not type.shape:
                to = self.new(f"getelementptr i64, ptr %in, i64 {scalars}")
                scalars += 1
                reader = {"float64": "double", "float32": "float", "int64": "integer"}.get(type.dtype)
                if reader is None:
                    self.lines.append(" br label %slow")  # truth values: Python looks at them
                    self.count += 1
                    self.lines.append(f"go{self.count}:")
                    continue
                if reader == "double":
                    self._float(o, to)
                else:
                    self.unless(self.new(f"call i1 @read.{reader}(ptr {o}, ptr {to})"), "slow")
                continue
            first, second = (7, 9) if type.dtype == "int64" else (TYPE_NUMBERS[type.dtype],) * 2
            ok = f"call i1 @is.array(ptr {o}, i32 {len(type.shape)}, i32 {first}, i32 {second})"
            self.unless(self.new(ok), "slow")
            dims = self._field(o, "lengths")
            for axis, length in enumerate(type.shape):
                got = self.new(f"load i64, ptr {self.new(f'getelementptr i64, ptr {dims}, i64 {axis}')}")
                if length is not None:
                    self.unless(self.new(f"icmp eq i64 {got}, {length}"), "slow")
                at = self.new(f"getelementptr i64, ptr %lengths, i64 {axes}")
                self.lines.append(f" store i64 {got}, ptr {at}")
                axes += 1
            at = self.new(f"getelementptr ptr, ptr %arrays, i64 {arrays}")
            arrays += 1
            self.lines.append(f" store ptr {self._field(o, 'data')}, ptr {at}")

    def _float(self, o: str, to: str) -> None:
        """A float where it lies; what else may be one is looked at by `@read.double`."""
        is_float = self.new(f"icmp eq ptr {self._field(o, 'type')}, @PyFloat_Type")
        k = self.count
        value = self.new(f"getelementptr i8, ptr {o}, i64 {OFFSETS['float']}")
        self.lines.append(f" br i1 {is_float}, label %float{k}, label %other{k}")
        self.lines.append(f"other{k}:")
        ok = self.new(f"call i1 @read.double(ptr {o}, ptr {to})")
        self.lines += [f" br i1 {ok}, label %taken{k}, label %slow", f"float{k}:"]
        loaded = self.new(f"load double, ptr {value}")
        self.lines += [f" store double {loaded}, ptr {to}", f" br label %taken{k}", f"taken{k}:"]

    def _field(self, o: str, name: str) -> str:
        return self.new(f"load ptr, ptr {self.new(f'getelementptr i8, ptr {o}, i64 {OFFSETS[name]}')}")

    def _array(self, k: int) -> str:
        """A new array for output `k`."""
        type = self.out_types[k]
        lengths = ", ".join(f"i64 {n}" for n in type.shape)
        self.globals.append(f"@shape.{k} = internal constant [{len(type.shape)} x i64] [{lengths}]")
        number = "7" if type.dtype == "int64" else str(TYPE_NUMBERS[type.dtype])
        return (
            f'call ptr @"symgrad.numpy.PyArray_New"(ptr @"symgrad.numpy.ndarray", i32 {len(type.shape)}, '
            f"ptr @shape.{k}, i32 {number}, ptr null, ptr null, i32 0, i32 0, ptr null)"
        )

    def _result(self, tree: Any, direct: bool) -> str:
        """Objects for the outputs, nested. Out of memory here ends in a null item: Python raises MemoryError."""
        if isinstance(tree, tuple):
            items = [self._result(t, direct) for t in tree]
            whole = self.new(f"call ptr @PyTuple_New(i64 {len(tree)})")
            for n, item in enumerate(items):
                self.new(f"call i32 @PyTuple_SetItem(ptr {whole}, i64 {n}, ptr {item})")
            return whole
        if direct:
            return "%array"
        type = self.out_types[tree]
        at = self.new(f"getelementptr i8, ptr %out, i64 {self.offsets[tree]}")
        if type.shape:
            array = self.new(self._array(tree))
            bytes = math.prod(n for n in type.shape if n is not None) * SIZES[type.dtype]
            to = self._field(array, "data")
            self.lines.append(f" call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {at}, i64 {bytes}, i1 false)")
            return array
        if type.dtype == "bool":
            truth = self.new(f"zext i8 {self.new(f'load i8, ptr {at}')} to i64")
            return self.new(f"call ptr @PyBool_FromLong(i64 {truth})")
        if type.dtype == "int64":
            return self.new(f"call ptr @PyLong_FromLongLong(i64 {self.new(f'load i64, ptr {at}')})")
        value = self.new(f"load {'double' if type.dtype == 'float64' else 'float'}, ptr {at}")
        if type.dtype == "float32":
            value = self.new(f"fpext float {value} to double")
        return self.new(f"call ptr @PyFloat_FromDouble(double {value})")
