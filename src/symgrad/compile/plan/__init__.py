"""Array graphs as programs: loop nests, calls of BLAS and of libraries, over planned buffers."""

from symgrad.compile.plan.planner import plan
from symgrad.compile.plan.steps import Plan

__all__ = ["Plan", "plan"]
