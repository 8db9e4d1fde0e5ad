"""How many cycles a core takes per command of the kernels, by the law that its hardware keeps exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from archmodel.kernels.scalar_core import N_PUSHES, CoreTimes
from archmodel.results import ResultTable
from archmodel.verify.bench import load_law
from archmodel.verify.contract import find_unit
from archmodel.verify.core_law import core_cycles
from archmodel.verify.images import image_names, kernel_folder, read_image
from archmodel.verify.riscv import run_contexts

CORES = {"short": "plain", "long": "deep"}
"""Cores of the table, and the builds of ``riscv_core`` that have their pipelines."""
_PIPELINE = ("DECODE", "LOAD", "MULTIPLY", "DIVIDE", "QUEUE")
_MEMORY_WORDS = 1024


def core_parameters(core: str, n_contexts: int = 1) -> dict[str, int]:
    """Parameters of a core of the table: the pipeline of one build, and the instructions of another.

    Parameters
    ----------
    core
        One of `CORES`.
    n_contexts
        Contexts that kernels are written for.
    """
    builds = find_unit("riscv_core").contract.builds
    pipeline = builds[CORES[core]]
    return {**builds["contexts" if n_contexts == 2 else "auto"], **{name: pipeline[name] for name in _PIPELINE}}


def core_times(core: str) -> CoreTimes:
    """Say the times of a core of the table, as the law of the block does."""
    times: CoreTimes = load_law(find_unit("riscv_core").folder).core_times(core_parameters(core))
    return times


def contexts_of(name: str) -> int:
    """Contexts that a kernel is written for."""
    return 2 if "contexts" in name else 1


def run_kernel(name: str) -> list[NDArray[np.int64]]:
    """Run a kernel, on two contexts if it is written for two; returns their traces."""
    image = read_image(kernel_folder(), name)
    contexts = run_contexts(image.text, image.data, _MEMORY_WORDS, contexts_of(name))
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
    return int(core_cycles(core, traces).pushed[-1]) + 1


def issue_rates() -> ResultTable:
    """Count all kernels: a row each.

    ``kernel``, ``commands``, ``instructions`` per command, and cycles per command: ``short`` and ``long`` on one core,
    ``two_cores`` on two short cores with a context each (0 if the kernel is written for one). Hardware plays
    ``short`` and ``long``; ``two_cores`` is the law alone.
    """
    rows, short, long = [], core_times("short"), core_times("long")
    for name in image_names(kernel_folder()):
        traces = run_kernel(name)
        n = sum(int(trace[:, N_PUSHES].sum()) for trace in traces)
        row: dict[str, object] = {"kernel": name, "commands": n}
        row["instructions"] = sum(map(len, traces)) / n
        row |= {"short": count_issue_cycles(traces, short) / n, "long": count_issue_cycles(traces, long) / n}
        apart = [count_issue_cycles([trace], short) for trace in traces]
        row["two_cores"] = max(apart) / n if len(apart) > 1 else 0.0
        rows.append(row)
    return ResultTable.from_rows(rows)
