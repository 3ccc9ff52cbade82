"""symgrad: exact derivatives of any order, as formulas you can read and as machine code."""

import symgrad.ops  # noqa: F401  importing declares every operation
from symgrad.control import cond, fori_loop, scan, while_loop
from symgrad.defining import function
from symgrad.errors import (
    ArgumentError,
    CacheWarning,
    ConvergenceError,
    DtypeError,
    FormulaError,
    SymgradError,
    TraceError,
    UnsupportedError,
)
from symgrad.function import Function
from symgrad.generic import PythonFunction
from symgrad.implicit import fixed_point, minimize, root
from symgrad.mapping import vmap
from symgrad.products import hvp, jvp, vjp
from symgrad.train.fit import fit
from symgrad.train.loop import Training, train
from symgrad.train.optimizers import adam, momentum, sgd
from symgrad.train.result import FitResult
from symgrad.train.update import train_step
from symgrad.transforms import derivative, grad, hessian, jacobian, value_and_grad

__version__ = "0.1.0"

__all__ = [
    "ArgumentError",
    "CacheWarning",
    "ConvergenceError",
    "DtypeError",
    "FitResult",
    "FormulaError",
    "Function",
    "PythonFunction",
    "SymgradError",
    "TraceError",
    "Training",
    "UnsupportedError",
    "adam",
    "cond",
    "derivative",
    "fit",
    "fixed_point",
    "fori_loop",
    "function",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "minimize",
    "momentum",
    "root",
    "scan",
    "sgd",
    "train",
    "train_step",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]
