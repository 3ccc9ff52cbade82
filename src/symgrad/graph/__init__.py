"""The language: one graph, its types, its operations' records, its verifier and its listing."""

from symgrad.graph.graph import CONST, INPUT, NAMED, Graph, infer
from symgrad.graph.node import Node, build
from symgrad.graph.op import REGISTER, Op, named, register
from symgrad.graph.type import FLOATS, Type, promote

__all__ = [
    "CONST",
    "FLOATS",
    "INPUT",
    "NAMED",
    "REGISTER",
    "Graph",
    "Node",
    "Op",
    "Type",
    "build",
    "infer",
    "named",
    "promote",
    "register",
]
