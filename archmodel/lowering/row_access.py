"""What decides how rows at a list of indices are reached: commands, the cache, the host."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from archmodel.lowering.lower import lay_out_tables
from archmodel.lowering.remembered import Remembered
from archmodel.machine.types import Machine
from archmodel.mapping import Placement
from archmodel.mapping.embedding import expected_hit_frac
from archmodel.workload.operators.embedding_bag import EmbeddingBag
from archmodel.workload.types import Operator, OperatorKind, Trace

_HITS = Remembered(16)


@dataclass(frozen=True, slots=True)
class RowAccess:
    """Rows at indices, as one operator reaches them on one machine.

    Parameters
    ----------
    rows_per_command, pooled_rows
        Rows that a command moves, and that one adds up, at most.
    index_cycles
        For which the core looks up an index and computes its address, for each row; 0 where the DMA engine does it.
    unit_bytes
        Smallest access of the DRAM [B].
    hit_frac
        Share of the rows of tables that the cache has.
    remote_frac
        Share of the other rows of tables that are behind the host link.
    host_width
        Of that link [B/cycle].
    """

    rows_per_command: int = 1
    pooled_rows: int = 1
    index_cycles: int = 0
    unit_bytes: float = 64.0
    hit_frac: float = 0.0
    remote_frac: float = 0.0
    host_width: float = 1.0


def find_row_access(trace: Trace, operator: Operator, machine: Machine, placement: Placement) -> RowAccess | None:
    """Say how an operator reaches rows at indices; ``None`` when it has none.

    Parameters
    ----------
    trace, operator
        The operator and the trace that it is of.
    machine, placement
        Where; the machine has a section ``timing``.

    Model
    -----
    As in the roofline: tables take the DRAM that is left, smallest first, and rows beyond it are behind the host link;
    a table that fits beside all smaller ones in the SRAM that is left is always hit.
    """
    if not reaches_rows(operator.op):
        return None
    return describe_rows(machine, *find_shares(trace, operator, machine, placement))


def reaches_rows(op: OperatorKind) -> bool:
    """Whether an operator reaches rows at indices."""
    return any(operand.row > 0 for operand in op.operands())


def describe_rows(machine: Machine, hit_frac: float, remote_frac: float) -> RowAccess:
    """Say how a machine reaches rows of which it has known shares in the cache and behind the host link.

    Parameters
    ----------
    machine
        Where; it has a section ``timing``.
    hit_frac, remote_frac
        As in `RowAccess`.
    """
    assert machine.timing is not None  # whoever asks has checked
    dma, engines = machine.timing.dma, machine.timing.engines
    per_command = dma.rows_per_command or 1
    return RowAccess(
        rows_per_command=per_command,
        pooled_rows=engines.pooled_rows or dma.outstanding,
        index_cycles=0 if dma.rows_per_command else math.ceil(dma.index_cycles or 0),
        unit_bytes=machine.dram.access_bytes,
        hit_frac=float(hit_frac),
        remote_frac=float(remote_frac),
        host_width=machine.host.bandwidth_bytes_per_s / machine.clock_hz,
    )


def find_shares(trace: Trace, operator: Operator, machine: Machine, placement: Placement) -> tuple[Any, Any]:
    """Share of an operator's rows of tables that the cache has, and of the others that are behind the host link.

    Parameters
    ----------
    trace, operator
        The operator and the trace that it is of.
    machine, placement
        Where; their values are scalars or columns.
    """
    bound = zip(operator.op.operands(), operator.tensors, strict=True)
    rows = [trace.tensors[name] for operand, name in bound if operand.row > 0]
    table = next((tensor for tensor in rows if tensor.role == "table"), None)
    if table is None:
        return 0.0, 0.0
    if table.level == "sram":
        return 1.0, 0.0
    first_byte, n_bytes = lay_out_tables(trace)[table.name]
    last_byte = first_byte + n_bytes
    competing = (operator,) if trace.is_alternatives else trace.operators
    # What looks rows up once finds none of them in the cache.
    is_bag = isinstance(operator.op, EmbeddingBag)
    known: Any = 0.0
    if is_bag:  # the same for all bags of a trace, unless each is asked about on its own
        known = _HITS.find(
            (operator if trace.is_alternatives else trace, trace, machine, placement), None,
            lambda: expected_hit_frac(trace, competing, machine, placement),
        )  # fmt: skip
    hit_frac = np.where(last_byte > np.asarray(placement.table_sram_bytes), known, 1.0)
    beyond = (last_byte - np.asarray(placement.table_dram_bytes)) / max(1.0, n_bytes)
    return hit_frac, np.minimum(1.0, np.maximum(0.0, beyond))
