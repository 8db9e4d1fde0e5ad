"""Workloads: tensors, operators, traces, and the builders that turn model descriptions into them."""

from archmodel.workload.build import TraceBuilder
from archmodel.workload.load import load_workload, read_workload, workload_names
from archmodel.workload.operators import operator_kind, operator_kinds
from archmodel.workload.types import Operator, OperatorKind, Tensor, Trace

__all__ = [
    "Operator",
    "OperatorKind",
    "Tensor",
    "Trace",
    "TraceBuilder",
    "load_workload",
    "operator_kind",
    "operator_kinds",
    "read_workload",
    "workload_names",
]
