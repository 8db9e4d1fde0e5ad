"""Hierarchical roofline: how long each resource is busy with each operator, on each machine.

Resources, in the order of every ``out_busy_s`` row: matrix, simd, vector, local, sram, dram, host, link.
Packs are the `OperatorPack`, `MachinePack` and `PlacementPack` of ``archmodel.lowering``; ``o`` indexes operators and
``m`` machines. Equations: ``docs/methods/roofline.md``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.compile import kernel, kernel_part

N_RESOURCES = 8
N_BUSY = N_RESOURCES + 4  # matrix engine, SRAM, DRAM and link once more, at their physical bound
_BLOCK = 64  # machines that meet an operator together: their columns and sums (20 KiB) stay in the first-level cache


@kernel_part
def operator_bytes(ops: Any, o: int, machines: Any, m: int | np.uint64, placement: Any) -> Any:
    """Bytes that one execution of one operator moves on one machine [B].

    Parameters
    ----------
    ops : OperatorPack
        N operators.
    o : int
        Which of them.
    machines : MachinePack
        M machines.
    m : int
        Which of them.
    placement : PlacementPack
        M placements of the trace.

    Returns
    -------
    moved : tuple of 7 float
        At local memory, at SRAM, in long streams of DRAM, in random rows of DRAM, on the host link; then, with each
        operand moved once and nothing spilled, at SRAM and in long streams of DRAM.
    """
    # Where the operands are. An operator without activations, or that moves nothing, divides by 1 B, not by 0.
    activation_bytes = ops.activation_bytes[o]
    spilled_bytes = activation_bytes * max(0.0, 1.0 - placement.lls_bytes[m] / max(1.0, ops.live_bytes[o]))
    dram_bytes = ops.dram_bytes[o] + spilled_bytes + ops.weight_bytes[o] * placement.weight_miss_frac[m]
    moved_bytes = activation_bytes + ops.weight_bytes[o] + ops.dram_bytes[o] + ops.sram_bytes[o]

    # Operands larger than a memory are read again.
    reuse_sqrt, reuse_linear = ops.reuse_sqrt[o], ops.reuse_linear[o]
    into_local_bytes = reuse_sqrt * machines.local_inv_sqrt_bytes[m] + reuse_linear * machines.local_inv_bytes[m]
    into_sram_bytes = reuse_sqrt * machines.sram_inv_sqrt_bytes[m] + reuse_linear * machines.sram_inv_bytes[m]
    sram_bytes = max(moved_bytes, into_local_bytes)
    streamed_bytes = dram_bytes * max(1.0, into_sram_bytes / max(1.0, moved_bytes))

    # Gathered rows move whole access units. Those of tables may hit in SRAM, or come through the host link; those of
    # weights are where all weights are.
    unit_bytes, row_bytes, table_bytes = machines.access_bytes[m], ops.gather_row_bytes[o], ops.table_bytes[o]
    last_byte = ops.table_first_byte[o] + table_bytes
    hit_frac = machines.embedding_hit_frac[m] if last_byte > placement.table_sram_bytes[m] else 1.0
    kept_frac = ops.is_table[o] * hit_frac + ops.is_weight[o] * (1.0 - placement.weight_miss_frac[m])
    missed_rows = ops.gather_rows[o] * (1.0 - kept_frac)
    remote_frac = min(1.0, max(0.0, (last_byte - placement.table_dram_bytes[m]) / max(1.0, table_bytes)))
    gather_bytes = missed_rows * np.ceil(row_bytes / unit_bytes) * unit_bytes
    host_bytes = missed_rows * row_bytes * remote_frac
    sram_bytes += ops.gather_rows[o] * row_bytes
    moved_bytes += ops.gather_rows[o] * row_bytes
    local_bytes = moved_bytes + ops.matrix_flop[o] * 0.5 * ops.element_bytes[o] * machines.operand_reads_per_mac[m]
    return (
        local_bytes, sram_bytes, streamed_bytes, gather_bytes, host_bytes, moved_bytes, dram_bytes - spilled_bytes,
    )  # fmt: skip


@kernel_part
def operator_busy(ops: Any, o: int, dtype: int, machines: Any, m: int | np.uint64, placement: Any) -> Any:
    """Busy time of the eight resources for one execution of one operator on one machine [s].

    It has no branch and takes ``dtype``, which is ``ops.dtype_idx[o]``, from outside the loop over machines: that is
    what makes such a loop fit for SIMD.

    Parameters
    ----------
    ops : OperatorPack
        N operators.
    o : int
        Which of them.
    dtype : int
        Its dtype, a row of the machines' rate tables.
    machines : MachinePack
        M machines.
    m : int
        Which of them.
    placement : PlacementPack
        M placements of the trace.

    Returns
    -------
    busy : tuple of 12 float
        The eight resources at achievable rates, then matrix engine, SRAM, DRAM and link at their physical bound (peak
        rates, each operand moved once, and nothing spilled: smaller batches might not).
    """
    local_bytes, sram_bytes, streamed_bytes, gather_bytes, host_bytes, once_bytes, once_dram_bytes = operator_bytes(
        ops, o, machines, m, placement
    )
    simd_flop, vector_flop = ops.simd_flop[o], ops.vector_flop[o]
    matrix_s = ops.matrix_flop[o] * machines.matrix_s_per_flop[dtype, m]
    return (
        matrix_s,
        simd_flop * machines.simd_s_per_flop[dtype, m] + vector_flop * machines.simd_s_per_vector_flop[dtype, m],
        vector_flop * machines.vector_s_per_flop[dtype, m] + simd_flop * machines.vector_s_per_simd_flop[dtype, m],
        local_bytes * machines.local_s_per_byte[m],
        sram_bytes * machines.sram_s_per_byte[m],
        streamed_bytes * machines.dram_s_per_byte[m] + gather_bytes * machines.gather_s_per_byte[m],
        host_bytes * machines.host_s_per_byte[m],
        placement.exchange_s[ops.exchange_idx[o], m],
        matrix_s * machines.matrix_efficiency[m],
        once_bytes * machines.sram_s_per_byte[m],
        (once_dram_bytes + gather_bytes) * machines.dram_peak_s_per_byte[m],
        ops.link_bytes[o] * machines.link_s_per_byte[m],
    )


@kernel_part
def slowest_at_peak(busy: Any) -> Any:
    """Largest busy time at the physical bound, of what `operator_busy` returns or its sums [s]."""
    lanes_and_links = max(max(busy[1], busy[2]), max(busy[6], busy[11]))
    return max(max(lanes_and_links, busy[3]), max(max(busy[8], busy[9]), busy[10]))


@kernel
def time_operators(
    ops: Any, machines: Any, placement: Any, out_latency_s: Any, out_lower_s: Any, out_upper_s: Any, out_busy_s: Any
) -> None:
    """Time every operator on every machine, all executions of a step together.

    Parameters
    ----------
    ops : OperatorPack
        N operators.
    machines : MachinePack
        M machines.
    placement : PlacementPack
        M placements of this trace.
    out_latency_s, out_lower_s, out_upper_s : ndarray (M, N)
        Estimate, physical bound, fully serial [s].
    out_busy_s : ndarray (M, N, 8)
        Busy time per resource at achievable rates [s].
    """
    for m in range(out_latency_s.shape[0]):
        launch_s = placement.launch_s[m]
        for o in range(out_latency_s.shape[1]):
            busy = operator_busy(ops, o, ops.dtype_idx[o], machines, np.uint64(m), placement)
            count = ops.executions[o]
            slowest = 0.0
            total = 0.0
            for r in range(N_RESOURCES):
                slowest = max(slowest, busy[r])
                total += busy[r]
                out_busy_s[m, o, r] = busy[r] * count
            out_latency_s[m, o] = (slowest + launch_s) * count
            out_upper_s[m, o] = (total + launch_s) * count
            out_lower_s[m, o] = slowest_at_peak(busy) * count


@kernel
def time_traces(
    ops: Any, machines: Any, placement: Any, out_latency_s: Any, out_lower_s: Any, out_upper_s: Any, out_bound_s: Any
) -> None:
    """Time the whole step on every machine, without keeping the operators apart.

    Machines are the inner loop, because theirs are sums that do not wait for each other. Each sum still runs over the
    operators in order: a machine gets the same numbers alone and in any batch.

    Parameters
    ----------
    ops, machines, placement
        As in `time_operators`.
    out_latency_s, out_lower_s, out_upper_s : ndarray (M,)
        Estimate (sum of operators), physical bound (the busiest resource, everything overlapped), fully serial [s].
    out_bound_s : ndarray (M, 9)
        Time during which each resource, or launching, is what binds [s].
    """
    n_machines = out_latency_s.shape[0]
    busy_s = np.empty((N_BUSY, _BLOCK))
    bound_s = np.empty((N_RESOURCES, _BLOCK))
    for first in range(0, n_machines, _BLOCK):
        size = min(_BLOCK, n_machines - first)
        busy_s[:] = 0.0
        bound_s[:] = 0.0
        n_launches = 0.0
        for o in range(ops.executions.shape[0]):
            dtype = ops.dtype_idx[o]
            count = ops.executions[o]
            n_launches += count
            for i in range(size):
                # Unsigned: a signed index is checked for being negative, and loads are no longer contiguous.
                busy = operator_busy(ops, o, dtype, machines, np.uint64(first + i), placement)
                slowest = busy[0]
                bound = 0
                for r in range(1, N_RESOURCES):
                    if busy[r] > slowest:
                        slowest = busy[r]
                        bound = r
                for r in range(N_RESOURCES):
                    bound_s[r, i] += slowest * count if r == bound else 0.0
                for r in range(N_BUSY):
                    busy_s[r, i] += busy[r] * count
        for i in range(size):
            m = first + i
            launch_s = n_launches * placement.launch_s[m] + placement.job_s[m]
            latency_s = launch_s
            upper_s = launch_s
            for r in range(N_RESOURCES):
                out_bound_s[m, r] = bound_s[r, i]
                latency_s += bound_s[r, i]
                upper_s += busy_s[r, i]
            out_bound_s[m, N_RESOURCES] = launch_s
            out_latency_s[m] = latency_s
            out_upper_s[m] = upper_s
            out_lower_s[m] = slowest_at_peak(busy_s[:, i])


@kernel
def sum_traffic(ops: Any, machines: Any, placement: Any, out_bytes: Any) -> None:
    """Add up the bytes that a whole step moves at every level, on every machine.

    Model
    -----
    ``Σ executions · bytes`` of `operator_bytes`: what spills, misses and is read again is counted.

    Sources
    -------
    As `operator_bytes`: ``docs/methods/roofline.md``.

    Parameters
    ----------
    ops, machines, placement
        As in `time_operators`.
    out_bytes : ndarray (5, M)
        At local memory, SRAM, DRAM, host link, scale-up link [B].
    """
    out_bytes[:] = 0.0
    for o in range(ops.executions.shape[0]):
        count = ops.executions[o]
        for m in range(out_bytes.shape[1]):
            local, sram, streamed, gathered, host, _, _ = operator_bytes(ops, o, machines, np.uint64(m), placement)
            out_bytes[0, m] += count * local
            out_bytes[1, m] += count * sram
            out_bytes[2, m] += count * (streamed + gathered)
            out_bytes[3, m] += count * host
            out_bytes[4, m] += count * ops.link_bytes[o]
