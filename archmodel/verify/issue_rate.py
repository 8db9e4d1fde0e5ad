"""How many cycles a core takes per command of the kernels, by the law that its hardware keeps exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.scalar_core import N_PUSHES, CoreTimes, core_events
from archmodel.results import ResultTable
from archmodel.verify.images import image_names, kernel_folder, read_image
from archmodel.verify.riscv import Context

SHORT = CoreTimes(refill=1, load=1, multiply=2, divide=10, queue=2)
"""Two stages, as the build ``plain`` of ``riscv_core``."""
LONG = CoreTimes(refill=2, load=3, multiply=4, divide=34, queue=4)
"""Three stages and a slow memory, as the build ``deep``."""
_NO_GAP = np.zeros(1, np.int64)
_MEMORY_WORDS = 1024


def run_kernel(name: str) -> list[NDArray[np.int64]]:
    """Run a kernel, on two contexts if it is written for two; returns their traces."""
    image = read_image(kernel_folder(), name)
    memory = [*image.data, *[0] * (_MEMORY_WORDS - len(image.data))]
    contexts = [Context(image.text, memory, c) for c in range(2 if "contexts" in name else 1)]
    for context in contexts:
        context.run()
    return [context.trace() for context in contexts]


def count_issue_cycles(traces: Sequence[NDArray[np.int64]], core: CoreTimes) -> int:
    """Cycles from reset to the last push of one core, when its commands are taken at once.

    Parameters
    ----------
    traces
        Instructions of one context, or of two.
    core
        Times of the core.
    """
    trace = np.concatenate(traces)
    n_instructions = np.array([*map(len, traces), 0][:2], np.int64)
    retired, (pushed, who, left) = np.zeros(len(trace), np.int64), np.zeros((3, trace[:, N_PUSHES].sum()), np.int64)
    core_events(core, trace, n_instructions, _NO_GAP, np.zeros_like(pushed), retired, pushed, who, left)
    return int(pushed[-1]) + 1


def issue_rates() -> ResultTable:
    """Count all kernels: a row each.

    ``kernel``, ``commands``, ``instructions`` per command, and cycles per command: ``short`` and ``long`` on one core,
    ``two_cores`` on two short cores with a context each (0 if the kernel is written for one).
    """
    rows = []
    for name in image_names(kernel_folder()):
        traces = run_kernel(name)
        n = sum(int(trace[:, N_PUSHES].sum()) for trace in traces)
        row: dict[str, object] = {"kernel": name, "commands": n}
        row["instructions"] = sum(map(len, traces)) / n
        row |= {"short": count_issue_cycles(traces, SHORT) / n, "long": count_issue_cycles(traces, LONG) / n}
        apart = [count_issue_cycles([trace], SHORT) for trace in traces]
        row["two_cores"] = max(apart) / n if len(apart) > 1 else 0.0
        rows.append(row)
    return ResultTable.from_rows(rows)
