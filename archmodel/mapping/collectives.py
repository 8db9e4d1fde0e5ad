"""How collective operations are done on the scale-up link of a machine: the fastest algorithm, and its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from archmodel.dtypes import dtype_bytes
from archmodel.kernels import collectives as law
from archmodel.machine.types import ScaleUpLink, Topology
from archmodel.workload.operators.collective import Collective
from archmodel.workload.types import OperatorKind

ALGORITHMS = ("ring", "tree", "halving", "direct", "one_shot")
"""Algorithms by the codes of `archmodel.kernels.collectives`."""
_FUNCTIONS = {
    "all_reduce": law.ALL_REDUCE, "all_gather": law.ALL_GATHER, "reduce_scatter": law.REDUCE_SCATTER,
    "all_to_all": law.ALL_TO_ALL, "send": law.SEND,
}  # fmt: skip
_TOPOLOGIES = {name: code for code, name in enumerate(get_args(Topology))}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One collective operation on a machine.

    Parameters
    ----------
    algorithm
        One of `ALGORITHMS`.
    time_s
        Launching of the collective, steps and bytes [s].
    """

    algorithm: str
    time_s: float


def time_exchange(op: OperatorKind, dtype: str, link: ScaleUpLink) -> Exchange:
    """Time what an operator sends to other chips.

    Parameters
    ----------
    op, dtype
        A `Collective` and its number format; other kinds that send are taken as one message.
    link
        Of the machine.

    Model
    -----
    ``launch + min over algorithms`` of `archmodel.kernels.collectives.collective_time` at ``bandwidth · efficiency``.
    """
    bytes_per_s = link.bandwidth_bytes_per_s * link.efficiency_frac
    if isinstance(op, Collective):
        function, n_bytes, n_chips = _FUNCTIONS[op.function], op.n * dtype_bytes(dtype), op.n_chips
    else:
        function, n_bytes, n_chips = law.SEND, op.link_bytes(dtype), 2
    if n_chips == 1 or not n_bytes:
        return Exchange("direct", 0.0)
    topology = _TOPOLOGIES[link.topology]
    code, time_s = law.fastest_algorithm(
        function, float(n_bytes), n_chips, topology, link.n_chips, link.latency_s, link.message_s, bytes_per_s
    )
    return Exchange(ALGORITHMS[code], link.launch_s + time_s)
