"""archmodel: how fast and how hungry a RISC-V AI accelerator will be, before it exists.

Three lines answer a question::

    import archmodel as am

    result = am.evaluate(am.machine("mtia_2i"), am.workload("llm/llama3.1-8b", phase="prefill", batch=1, sequence=2048))
    print(result.latency_s, result.bound)

Names, in the order in which a newcomer needs them:

=========================================  ==========================================================================
`machine`, `machines`                      a chip by name or file; the names shipped
`workload`, `workloads`                    the trace of one step by name or file; the names shipped
`evaluate`, `evaluate_batch`               one trace on one machine; on many
`evaluate_operator`, `evaluate_operators`  one operator by its dims; many shapes of it at once
`operator_kinds`, `models`                 what can be asked of
`ladder`                                   one trace by every model, beside the physical bound
`explain_operator`, `map_operator`         why an operator takes its cycles; which mappings were weighed
`plot_roofline`, `plot_breakdown`          figures of results
`verify_blocks`                            timing laws against hardware blocks, in a simulator
`sweep`                                    many machines on a mix of workloads: all of a space, or a search
`Machine`, `Trace`, `TraceBuilder`         what goes in
`Result`, `ResultTable`                    what comes out
`ArchmodelError` and its children          what can go wrong: `InputError`, `UnsupportedError`
=========================================  ==========================================================================

numba, duckdb, matplotlib and pydantic are imported by the functions that need them: ``import archmodel`` costs little.
"""

# `machine`, `workload` and `sweep` are also subpackages. archmodel.api imports those first, so the functions keep the
# names.
from archmodel.api import (
    evaluate,
    evaluate_batch,
    evaluate_operator,
    evaluate_operators,
    explain_operator,
    ladder,
    machine,
    machines,
    map_operator,
    models,
    operator_kinds,
    sweep,
    verify_blocks,
    workload,
    workloads,
)
from archmodel.errors import ArchmodelError, InputError, UnsupportedError
from archmodel.machine.types import Machine
from archmodel.report import plot_breakdown, plot_roofline
from archmodel.results import Result, ResultTable
from archmodel.workload.build import TraceBuilder
from archmodel.workload.types import Trace

__all__ = [
    "ArchmodelError",
    "InputError",
    "Machine",
    "Result",
    "ResultTable",
    "Trace",
    "TraceBuilder",
    "UnsupportedError",
    "evaluate",
    "evaluate_batch",
    "evaluate_operator",
    "evaluate_operators",
    "explain_operator",
    "ladder",
    "machine",
    "machines",
    "map_operator",
    "models",
    "operator_kinds",
    "plot_breakdown",
    "plot_roofline",
    "sweep",
    "verify_blocks",
    "workload",
    "workloads",
]
