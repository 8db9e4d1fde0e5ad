"""The functions behind ``import archmodel as am``, and those that commands need besides."""

from archmodel.api.blocks import follow_kernel, verify_blocks
from archmodel.api.operators import evaluate_operator, evaluate_operators, explain_operator, map_operator
from archmodel.api.reports import keep_results, report
from archmodel.api.steps import (
    cost,
    evaluate,
    evaluate_batch,
    ladder,
    machine,
    machines,
    models,
    operator_kinds,
    timeline,
    workload,
    workloads,
)
from archmodel.api.sweeps import open_sweep, sensitivities, sweep

__all__ = [
    "cost",
    "evaluate",
    "evaluate_batch",
    "evaluate_operator",
    "evaluate_operators",
    "explain_operator",
    "follow_kernel",
    "keep_results",
    "ladder",
    "machine",
    "machines",
    "map_operator",
    "models",
    "open_sweep",
    "operator_kinds",
    "report",
    "sensitivities",
    "sweep",
    "timeline",
    "verify_blocks",
    "workload",
    "workloads",
]
