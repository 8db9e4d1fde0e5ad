"""Lower the timing of a machine and the shape of a matmul for the kernels that count cycles."""

from __future__ import annotations

import math

from archmodel.dtypes import dtype_bytes
from archmodel.kernels.matmul_shape import MatmulShape
from archmodel.kernels.pe_timing import PeTiming
from archmodel.lowering.dram import lower_dram
from archmodel.lowering.noc import noc_widths
from archmodel.lowering.rvv import lower_cores
from archmodel.lowering.sram import bank_efficiency
from archmodel.machine.timing import Timing
from archmodel.machine.types import LaneEngine, Machine

UNSHAPED_BYTES = 1e30
"""Size of a leaky bucket that never empties."""


def lower_timing(machine: Machine, timing: Timing, dtype: str, cache_bytes: float, write_frac: float = 0.0) -> PeTiming:
    """Lower the timing of one PE for one dtype.

    Parameters
    ----------
    machine, timing
        The machine and its section ``timing``.
    dtype
        Number format; of no matter for the matrix engine where it is none of ``machine.matrix.macs_per_cycle``.
    cache_bytes
        SRAM that caches DRAM [B].
    write_frac
        Share of the traffic of DRAM that is written; the rest is read.
    """
    core, dma, engines, memory = timing.core, timing.dma, timing.engines, timing.memory
    macs_per_cycle = machine.matrix.macs_per_cycle
    tile_depth = max(1, round(macs_per_cycle.get(dtype, min(macs_per_cycle.values())) / machine.matrix.reuse_rows))
    sram_width, noc = _sram_width(machine, timing), noc_widths(timing.noc)
    way_cycles = 2 * noc.mean_hops * timing.noc.hop_cycles if timing.noc else 0.0
    return PeTiming(
        n_tiles=machine.matrix.n_tiles,
        tile_rows=machine.matrix.reuse_rows,
        tile_cols=machine.matrix.reuse_cols,
        tile_depth=tile_depth,
        step_depth=engines.step_depth or tile_depth,
        gap_cycles=math.ceil(engines.gap_cycles),
        load_cycles=math.ceil(engines.load_cycles),
        matrix_latency=math.ceil(engines.matrix_latency_cycles),
        local_bytes=machine.local.capacity_bytes,
        local_width=machine.local.width_bytes_per_cycle,
        accumulator_bytes=int(engines.accumulator_bytes),
        partial_width=engines.partial_width_bytes_per_cycle,
        hop_cycles=math.ceil(engines.hop_cycles),
        reduction_width=engines.reduction_width_bytes_per_cycle,
        lanes=_lanes(machine.simd or machine.vector, dtype),
        simd_latency=math.ceil(engines.simd_latency_cycles),
        instruction_cycles=math.ceil(core.issue_cycles),
        blocks_per_instruction=core.blocks_per_instruction,
        n_contexts=core.n_contexts,
        queue_depth=core.queue_depth,
        dma_width=dma.width_bytes_per_cycle,
        request_cycles=math.ceil(dma.request_cycles),
        fragment_bytes=int(dma.fragment_bytes),
        outstanding=dma.outstanding,
        bucket_bytes=UNSHAPED_BYTES if dma.bucket_bytes is None else dma.bucket_bytes,
        bucket_rate=dma.bucket_rate_bytes_per_cycle or 1.0,
        sram_width=sram_width,
        sram_latency=math.ceil(memory.sram_latency_cycles + way_cycles),
        cache_bytes=cache_bytes if memory.is_cache else 0.0,
        dram_width=lower_dram(machine).width(write_frac),
        dram_latency=math.ceil(memory.dram_latency_s * machine.clock_hz),
        has_broadcast=memory.broadcast,
        has_prefetch=memory.prefetch and memory.is_cache,
        layout_rows=engines.layout_rows or 0,
        own_width=min(sram_width, noc.own),
        row_width=min(sram_width, noc.row),
        column_width=min(sram_width, noc.column),
        store_width=min(sram_width, noc.store),
        has_lone_cores=machine.simd is None and machine.array is None and lower_cores(machine) is not None,
    )


def without_matrix(timing: PeTiming) -> PeTiming:
    """Give what operators without products see: to them, machines are alike that differ in the matrix engine only."""
    return timing._replace(
        n_tiles=0, tile_rows=0, tile_cols=0, tile_depth=0, step_depth=0, gap_cycles=0, load_cycles=0, matrix_latency=0,
        local_width=0.0, accumulator_bytes=0, partial_width=0.0, hop_cycles=0, reduction_width=0.0,
    )  # fmt: skip


def _sram_width(machine: Machine, timing: Timing) -> float:
    """Bytes per cycle of the SRAM when all PEs ask for fragments of the network at places of their own."""
    width, n_banks = machine.sram.width_bytes_per_cycle, timing.memory.n_banks
    if n_banks is None:
        return width
    n_words = max(1, round(timing.dma.fragment_bytes * n_banks / width))
    return width * bank_efficiency(machine.pe.n_pes, n_banks, n_words)


def _lanes(engine: LaneEngine | None, dtype: str) -> float:
    """Elements per cycle; a dtype without lanes of its own is converted to fp32, as are the sums of a matmul."""
    lanes = engine.lanes if engine else {}
    return lanes.get(dtype, lanes.get("fp32", 1.0))


def lower_matmul(
    batch: int, m: int, n: int, k: int, dtypes: tuple[str, str, str], is_far: tuple[bool, bool, bool], operations: int
) -> MatmulShape:
    """Lower the shape of a matmul: dtypes of a, b, c, whether each is in DRAM, SIMD operations per result."""
    a_bytes, b_bytes, c_bytes = (dtype_bytes(dtype) for dtype in dtypes)
    return MatmulShape(batch, m, n, k, a_bytes, b_bytes, c_bytes, *is_far, operations)
