"""Bytes that a step moves at every level of the memory hierarchy, on many machines."""

from __future__ import annotations

import numpy as np

from archmodel.kernels.roofline import sum_traffic
from archmodel.lowering.lower import pack_columns, pack_operators, pack_placement
from archmodel.lowering.packs import Floats
from archmodel.machine.columns import MachineColumns
from archmodel.mapping import LaunchMode, place
from archmodel.workload.types import Trace

LEVELS = ("local", "sram", "dram", "host", "link")
"""Where bytes are moved, in the order of `archmodel.kernels.roofline.sum_traffic`."""


def count_traffic(trace: Trace, machines: MachineColumns, launch: LaunchMode) -> dict[str, Floats]:
    """Count the bytes that a step moves on each machine, by `LEVELS`: (M,) each [B].

    Parameters
    ----------
    trace
        As it is timed: what is fused is fused.
    machines
        Where; every one of them can run it.
    launch
        As in `archmodel.mapping.place`.

    Model
    -----
    ``Σ executions · bytes`` over the operators of the roofline: what spills, misses or is read again is counted.
    """
    n = machines.n_machines
    placement = pack_placement(place(trace, machines.machine(), launch), n)
    moved_bytes = np.empty((len(LEVELS), n))
    sum_traffic(pack_operators(trace), pack_columns(machines), placement, moved_bytes)
    return dict(zip(LEVELS, moved_bytes, strict=True))
