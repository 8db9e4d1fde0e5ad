"""Packs: what kernels see of operators, machines and placements. C-contiguous arrays, SI units."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class OperatorPack(NamedTuple):
    """N operators of one trace, one execution each.

    Parameters
    ----------
    matrix_flop, simd_flop, vector_flop : (N,)
        Arithmetic by engine [FLOP].
    dtype_idx : (N,) int64
        Position in `archmodel.dtypes.DTYPES`.
    activation_bytes, weight_bytes : (N,)
        Moved bytes of tensors that live where they fit [B].
    sram_bytes, dram_bytes : (N,)
        Moved bytes of tensors whose place is given, KV caches in DRAM among them [B].
    gather_rows, gather_row_bytes : (N,)
        Random rows: how many, and bytes each [1, B].
    is_table, is_weight : (N,)
        1.0 where they are of an embedding table, of a weight that is where all weights are; of neither: in DRAM.
    table_first_byte, table_bytes : (N,)
        Where the table begins when all are laid out behind each other, smallest first, and its size; 0 for weights [B].
    link_bytes : (N,)
        Sent to other chips [B].
    exchange_idx : (N,) int64
        Row of `PlacementPack.exchange_s`; 0 where nothing is sent.
    reuse_sqrt, reuse_linear : (N,)
        Traffic into a memory of S bytes is at least ``reuse_sqrt/√S + reuse_linear/S`` [B^1.5, B²].
    element_bytes : (N,)
        Bytes of one element of the matrix engine's operands [B].
    live_bytes : (N,)
        Activations alive [B].
    executions : (N,)
        Per step.
    """

    matrix_flop: Floats
    simd_flop: Floats
    vector_flop: Floats
    dtype_idx: NDArray[np.int64]
    activation_bytes: Floats
    weight_bytes: Floats
    sram_bytes: Floats
    dram_bytes: Floats
    gather_rows: Floats
    gather_row_bytes: Floats
    is_table: Floats
    is_weight: Floats
    table_first_byte: Floats
    table_bytes: Floats
    link_bytes: Floats
    exchange_idx: NDArray[np.int64]
    reuse_sqrt: Floats
    reuse_linear: Floats
    element_bytes: Floats
    live_bytes: Floats
    executions: Floats


class MachinePack(NamedTuple):
    """M machines; D is the number of dtypes.

    Parameters
    ----------
    matrix_s_per_flop, simd_s_per_flop, vector_s_per_flop : (D, M)
        Inverse rate of each engine, all PEs together, the matrix engine at what large matmuls reach; 0 where a dtype is
        not supported and work in it was refused before [s/FLOP]. Machines are the inner axis, as in the other columns:
        kernels walk along it.
    simd_s_per_vector_flop, vector_s_per_simd_flop : (D, M)
        The same where one engine does the work of both, else 0 [s/FLOP].
    matrix_efficiency : (M,)
        Fraction of the matrix peak that large matmuls reach.
    local_s_per_byte, sram_s_per_byte : (M,)
        Inverse bandwidth, read plus written, all PEs together [s/B].
    dram_s_per_byte, dram_peak_s_per_byte, gather_s_per_byte : (M,)
        Inverse bandwidth of long streams, of the pins, and of random rows [s/B].
    host_s_per_byte, link_s_per_byte : (M,)
        Inverse bandwidth of the host link and the scale-up link [s/B].
    local_inv_bytes, local_inv_sqrt_bytes, sram_inv_bytes, sram_inv_sqrt_bytes : (M,)
        1/S and 1/√S of the local memories together and of the SRAM [1/B, 1/√B].
    operand_reads_per_mac : (M,)
        Elements that the matrix engine reads from local memory per MAC.
    access_bytes : (M,)
        Smallest DRAM access [B].
    embedding_hit_frac : (M,)
        Embedding-row reads that hit in SRAM.
    """

    matrix_s_per_flop: Floats
    matrix_efficiency: Floats
    simd_s_per_flop: Floats
    vector_s_per_flop: Floats
    simd_s_per_vector_flop: Floats
    vector_s_per_simd_flop: Floats
    local_s_per_byte: Floats
    sram_s_per_byte: Floats
    dram_s_per_byte: Floats
    dram_peak_s_per_byte: Floats
    gather_s_per_byte: Floats
    host_s_per_byte: Floats
    link_s_per_byte: Floats
    local_inv_bytes: Floats
    local_inv_sqrt_bytes: Floats
    sram_inv_bytes: Floats
    sram_inv_sqrt_bytes: Floats
    operand_reads_per_mac: Floats
    access_bytes: Floats
    embedding_hit_frac: Floats


class PlacementPack(NamedTuple):
    """Where one trace's tensors live on each of M machines, and what launching costs there.

    Parameters
    ----------
    lls_bytes : (M,)
        SRAM set aside for activations; an operator with more alive spills the excess to DRAM [B].
    weight_miss_frac : (M,)
        Weight bytes that come from DRAM: 0 where all weights stay in SRAM, else 1.
    table_dram_bytes : (M,)
        DRAM left for embedding tables; what lies beyond is behind the host link [B].
    table_sram_bytes : (M,)
        SRAM left for them; a table that ends within stays there whole; may be negative [B].
    launch_s, job_s : (M,)
        Per operator and per step [s].
    exchange_s : (1 + X, M)
        Time of each of the X unlike exchanges of the trace with other chips, behind a row of zeros [s].
    """

    lls_bytes: Floats
    weight_miss_frac: Floats
    table_dram_bytes: Floats
    table_sram_bytes: Floats
    launch_s: Floats
    job_s: Floats
    exchange_s: Floats
