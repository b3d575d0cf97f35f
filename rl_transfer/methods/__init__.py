"""How knowledge enters a learner: one file a method, found by its file name."""

from rl_transfer.methods._discovery import (
    build_methods,
    method_class,
    method_names,
    refuse_several_sources,
    resolve_methods,
)
from rl_transfer.methods._method import FisherEstimate, Method, References

__all__ = [
    "FisherEstimate",
    "Method",
    "References",
    "build_methods",
    "method_class",
    "method_names",
    "refuse_several_sources",
    "resolve_methods",
]
