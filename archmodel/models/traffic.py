"""Bytes that a step moves at every level of the memory hierarchy, on many machines."""

from __future__ import annotations

import numpy as np

from archmodel.kernels.roofline import sum_traffic
from archmodel.lowering.packs import Floats, MachinePack, OperatorPack, PlacementPack

LEVELS = ("local", "sram", "dram", "host", "link")
"""Where bytes are moved, in the order of `archmodel.kernels.roofline.sum_traffic`."""


def count_traffic(ops: OperatorPack, machines: MachinePack, placement: PlacementPack) -> Floats:
    """Count the bytes that a step moves on each machine, by `LEVELS` (5, M) [B].

    Parameters
    ----------
    ops
        Of the step as it is timed: what is fused is fused.
    machines, placement
        Where; every machine can run it.

    Model
    -----
    ``Σ executions · bytes`` over the operators of the roofline: what spills, misses or is read again is counted.
    """
    moved_bytes = np.empty((len(LEVELS), machines.access_bytes.size))
    sum_traffic(ops, machines, placement, moved_bytes)
    return moved_bytes
