"""Hierarchical roofline: how long each resource is busy with each operator, on each machine.

Resources, in the order of every ``out_busy_s`` row: matrix, simd, vector, local, sram, dram, host, link.
Packs are the `OperatorPack`, `MachinePack` and `PlacementPack` of ``archmodel.lowering``; ``o`` indexes operators and
``m`` machines. Equations: ``docs/methods/roofline.md``.
"""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel

N_RESOURCES = 8


@kernel
def operator_busy(ops: Any, o: int, machines: Any, m: int, placement: Any) -> Any:
    """Busy time of the eight resources for one execution of one operator on one machine [s].

    Returns
    -------
    busy : tuple of 10 float
        The eight resources at achievable rates, then SRAM and DRAM at their physical bound (each operand moved once, at
        the peak of the pins).
    """
    dtype = ops.dtype_idx[o]
    matrix_flop = ops.matrix_flop[o]
    matrix_s = matrix_flop * machines.matrix_s_per_flop[m, dtype]
    simd_s = ops.simd_flop[o] * machines.simd_s_per_flop[m, dtype]
    vector_s = ops.vector_flop[o] * machines.vector_s_per_flop[m, dtype]

    # Where the operands are.
    activation_bytes = ops.activation_bytes[o]
    spilled_bytes = 0.0
    if ops.live_bytes[o] > placement.lls_bytes[m]:
        spilled_bytes = activation_bytes * (1.0 - placement.lls_bytes[m] / ops.live_bytes[o])
    dram_bytes = ops.dram_bytes[o] + spilled_bytes + ops.weight_bytes[o] * placement.weight_miss_frac[m]
    moved_bytes = activation_bytes + ops.weight_bytes[o] + ops.dram_bytes[o] + ops.sram_bytes[o]

    # Operands larger than a memory are read again.
    sram_bytes = max(
        moved_bytes,
        ops.reuse_sqrt[o] * machines.local_inv_sqrt_bytes[m] + ops.reuse_linear[o] * machines.local_inv_bytes[m],
    )
    again_bytes = ops.reuse_sqrt[o] * machines.sram_inv_sqrt_bytes[m] + ops.reuse_linear[o] * machines.sram_inv_bytes[m]
    streamed_bytes = dram_bytes
    if again_bytes > moved_bytes:
        streamed_bytes = dram_bytes * (again_bytes / moved_bytes)

    # Gathered rows move whole access units; tables may hit in SRAM or live behind the host link.
    gather_bytes = 0.0
    host_bytes = 0.0
    if ops.gather_rows[o] > 0.0:
        unit = machines.access_bytes[m]
        row_bytes = ops.gather_row_bytes[o]
        n_units = -(-row_bytes // unit)
        is_table = ops.is_table[o]
        missed = 1.0 - is_table * machines.embedding_hit_frac[m]
        remote = is_table * placement.host_frac[m]
        gather_bytes = ops.gather_rows[o] * n_units * unit * missed * (1.0 - remote)
        host_bytes = ops.gather_rows[o] * row_bytes * missed * remote
        sram_bytes += ops.gather_rows[o] * row_bytes
        moved_bytes += ops.gather_rows[o] * row_bytes

    local_bytes = moved_bytes + matrix_flop * 0.5 * ops.element_bytes[o] * machines.operand_reads_per_mac[m]
    return (
        matrix_s,
        simd_s,
        vector_s,
        local_bytes * machines.local_s_per_byte[m],
        sram_bytes * machines.sram_s_per_byte[m],
        streamed_bytes * machines.dram_s_per_byte[m] + gather_bytes * machines.gather_s_per_byte[m],
        host_bytes * machines.host_s_per_byte[m],
        ops.link_bytes[o] * machines.link_s_per_byte[m],
        moved_bytes * machines.sram_s_per_byte[m],
        (dram_bytes + gather_bytes) * machines.dram_peak_s_per_byte[m],
    )


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
            busy = operator_busy(ops, o, machines, m, placement)
            count = ops.executions[o]
            slowest = 0.0
            total = 0.0
            for r in range(8):
                slowest = max(slowest, busy[r])
                total += busy[r]
                out_busy_s[m, o, r] = busy[r] * count
            out_latency_s[m, o] = (slowest + launch_s) * count
            out_upper_s[m, o] = (total + launch_s) * count
            out_lower_s[m, o] = count * max(
                max(max(busy[0], busy[1]), max(busy[2], busy[3])), max(max(busy[6], busy[7]), max(busy[8], busy[9]))
            )


@kernel
def time_traces(
    ops: Any, machines: Any, placement: Any, out_latency_s: Any, out_lower_s: Any, out_upper_s: Any, out_bound_s: Any
) -> None:
    """Time the whole step on every machine, without keeping the operators apart.

    Parameters
    ----------
    ops, machines, placement
        As in `time_operators`.
    out_latency_s, out_lower_s, out_upper_s : ndarray (M,)
        Estimate (sum of operators), physical bound (the busiest resource, everything overlapped), fully serial [s].
    out_bound_s : ndarray (M, 9)
        Time during which each resource, or launching, is what binds [s].
    """
    for m in range(out_latency_s.shape[0]):
        launch_s = placement.launch_s[m]
        latency_s = placement.job_s[m]
        upper_s = placement.job_s[m]
        b0 = b1 = b2 = b3 = b4 = b5 = b6 = b7 = 0.0
        n_launches = 0.0
        for r in range(9):
            out_bound_s[m, r] = 0.0
        for o in range(ops.executions.shape[0]):
            busy = operator_busy(ops, o, machines, m, placement)
            count = ops.executions[o]
            slowest = busy[0]
            bound = 0
            for r in range(1, 8):
                if busy[r] > slowest:
                    slowest = busy[r]
                    bound = r
            total = busy[0] + busy[1] + busy[2] + busy[3] + busy[4] + busy[5] + busy[6] + busy[7]
            latency_s += (slowest + launch_s) * count
            upper_s += (total + launch_s) * count
            out_bound_s[m, bound] += slowest * count
            n_launches += count
            b0 += busy[0] * count
            b1 += busy[1] * count
            b2 += busy[2] * count
            b3 += busy[3] * count
            b4 += busy[8] * count
            b5 += busy[9] * count
            b6 += busy[6] * count
            b7 += busy[7] * count
        out_bound_s[m, 8] = n_launches * launch_s + placement.job_s[m]
        out_latency_s[m] = latency_s
        out_upper_s[m] = upper_s
        out_lower_s[m] = max(max(max(b0, b1), max(b2, b3)), max(max(b4, b5), max(b6, b7)))
