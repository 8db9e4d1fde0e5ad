"""From operators and machines to what the kernels of model `wave` take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archmodel.dtypes import dtype_bytes
from archmodel.kernels.wave import Chip, Stream
from archmodel.kernels.wave_attention import Scores
from archmodel.kernels.wave_product import Product
from archmodel.machine.timing import WaveTiming
from archmodel.machine.types import Machine
from archmodel.mapping.placement import Placement
from archmodel.workload.fused import Fused
from archmodel.workload.operators.attention import Attention
from archmodel.workload.operators.conv import Conv2d, Conv3d
from archmodel.workload.operators.linear import Linear
from archmodel.workload.operators.matmul import BatchedMatmul, GroupedMatmul, Matmul
from archmodel.workload.types import Operator, OperatorKind, Trace

_SUM_BYTES = 4
# Score function per pair: exponentials (a SiLU also divides, on the same unit) and operations on lanes, two of which
# convert the result to the type of the second product, at half the rate of an FMA.
_SCORE_WORK = {"softmax": (1.0, 6.0), "silu": (2.0, 5.0)}


@dataclass(frozen=True, slots=True)
class WaveKernels:
    """What an operator is run as.

    Parameters
    ----------
    main
        The kernel that does its work.
    before
        A kernel ahead of it (rows are quantised), if there is one.
    """

    main: Product | Scores | Stream
    before: Stream | None = None


def has_tiles(op: OperatorKind) -> bool:
    """Whether an operator runs as tiles of the matrix engine.

    Parameters
    ----------
    op
        Its kind and dims.
    """
    return isinstance(op, Attention) or _product_shape(op) is not None


def lower_chip(machine: Machine, wave: WaveTiming) -> Chip:
    """Lower a machine.

    Parameters
    ----------
    machine
        The chip.
    wave
        Its section of that name.
    """
    n_slots = machine.pe.n_pes * wave.slots
    lanes = machine.simd or machine.vector
    lane_rate = lanes.lanes["fp32"] if lanes else 1.0
    dram = machine.dram
    dram_bytes_per_s = dram.bandwidth_bytes_per_s * dram.efficiency_frac * (1 - dram.ecc_overhead_frac)
    return Chip(
        n_slots=float(n_slots),
        tile_rows=float(wave.tile_rows),
        tile_cols=float(wave.tile_cols),
        accumulators=wave.accumulators_bytes / _SUM_BYTES,
        step_bytes=wave.step_bytes,
        reuse_rows=float(machine.matrix.reuse_rows),
        reuse_cols=float(machine.matrix.reuse_cols),
        n_sharing=float(wave.sharing),
        local_s_per_byte=n_slots / machine.local_bandwidth_bytes_per_s,
        port_s_per_byte=wave.slots / (wave.width_bytes_per_cycle * machine.clock_hz),
        sram_s_per_byte=1 / machine.sram_bandwidth_bytes_per_s,
        dram_s_per_byte=1 / dram_bytes_per_s,
        sram_bytes=machine.sram.capacity_bytes / wave.sram_copies,
        in_flight_bytes=wave.in_flight_bytes / wave.slots,
        sram_latency_s=wave.sram_latency_s,
        dram_latency_s=wave.dram_latency_s,
        exp_s=wave.slots / (wave.exps_per_cycle * machine.clock_hz),
        lane_s=wave.slots / (lane_rate * machine.clock_hz),
        overlap_frac=wave.overlap_frac,
        launch_s=machine.launch.operator_s,
        start_s=wave.start_s,
    )


def lower_kernels(
    trace: Trace, idx: int, machine: Machine, chip: Chip, placement: Placement, busy_s: Mapping[str, float]
) -> WaveKernels:
    """Lower one operator.

    Parameters
    ----------
    trace, idx
        The workload, and which of its operators.
    machine, chip
        The chip, and what `lower_chip` makes of it.
    placement
        Where tensors live.
    busy_s
        What the roofline says of one execution, by resource [s].
    """
    operator = trace.operators[idx]
    op = operator.op.principal
    operand_bytes = _operand_bytes(trace, idx, placement)
    moved_bytes, dram_bytes = (sum(column) for column in zip(*operand_bytes, strict=True))
    shape = _product_shape(op)
    if isinstance(op, Attention):
        return WaveKernels(_scores(trace, operator, op, _mac_s(machine, chip, operator.dtype), dram_bytes))
    if shape is None:
        return WaveKernels(_stream(moved_bytes, dram_bytes, chip, busy_s))
    a_bytes, b_bytes, c_bytes = _element_bytes(trace, operator)
    before = None
    lanes_s = busy_s["simd"] + busy_s["vector"]
    if isinstance(op, Linear) and op.is_quantised:
        before, narrow_bytes = _quantising(op, operand_bytes[0], a_bytes, operator.dtype, chip, busy_s)
        dram_bytes += narrow_bytes - operand_bytes[0][1]
        a_bytes, lanes_s = dtype_bytes(operator.dtype), 0.0
    batch, m, n, k = shape
    a_read_frac = min(1.0, op.operands()[0].n_elements / (batch * m * k))
    mac_s = _mac_s(machine, chip, operator.dtype)
    return WaveKernels(
        Product(batch, m, n, k, a_bytes, b_bytes, c_bytes, a_read_frac, mac_s, dram_bytes, lanes_s), before
    )


def _product_shape(op: OperatorKind) -> tuple[float, float, float, float] | None:
    """Batch, rows, columns and depth of an operator that is a product, else ``None``."""
    if isinstance(op, Matmul | Linear):
        return 1.0, float(op.m), float(op.n), float(op.k)
    if isinstance(op, BatchedMatmul):
        return float(op.batch), float(op.m), float(op.n), float(op.k)
    if isinstance(op, GroupedMatmul):
        return op.active, op.m_total / op.active, float(op.n), float(op.k)
    if isinstance(op, Conv2d | Conv3d):
        pixels = op.batch * op.out_height * op.out_width
        depth = op.in_channels // op.groups * op.kernel**2
        if isinstance(op, Conv3d):
            pixels, depth = pixels * op.out_frames, depth * op.kernel_frames
        return float(op.groups), float(pixels), float(op.out_channels // op.groups), float(depth)
    return None


def _element_bytes(trace: Trace, operator: Operator) -> tuple[float, float, float]:
    """Bytes of an element of both inputs and of the output."""
    names = operator.op.head_tensors if isinstance(operator.op, Fused) else operator.tensors
    sizes = [trace.tensors[name].bytes_per_element for name in names]
    return sizes[0], sizes[1], sizes[-1]


def _mac_s(machine: Machine, chip: Chip, dtype: str) -> float:
    """Seconds per MAC of one slot, at the rate that large matmuls reach."""
    return 2 * chip.n_slots / (machine.peak_flop_per_s("matrix", dtype) * machine.matrix.efficiency_frac)


def _quantising(
    op: Linear, a_bytes: tuple[float, float], wide_bytes: float, dtype: str, chip: Chip, busy_s: Mapping[str, float]
) -> tuple[Stream, float]:
    """Kernel that quantises the rows of a linear layer, and the bytes of the result that go through DRAM."""
    n_elements, size = float(op.m * op.k), dtype_bytes(dtype)
    narrow_bytes = a_bytes[1] * size / wide_bytes
    moved_bytes = n_elements * (wide_bytes + size)
    return Stream(
        moved_bytes=moved_bytes,
        dram_bytes=a_bytes[1] + narrow_bytes,
        simd_s=busy_s["simd"],
        vector_s=busy_s["vector"],
        local_s=0.0,
        sram_s=moved_bytes * chip.sram_s_per_byte,
        gather_s=0.0,
        host_s=0.0,
        link_s=0.0,
    ), narrow_bytes


def _operand_bytes(trace: Trace, idx: int, placement: Placement) -> list[tuple[float, float]]:
    """By operand: bytes that one execution moves, and those of them from and to DRAM but for rows that are gathered."""
    operator, live_bytes = trace.operators[idx], trace.live_bytes[idx]
    spilled_frac = max(0.0, 1.0 - placement.lls_bytes / max(1.0, live_bytes))
    rows = []
    for operand, name in zip(operator.op.operands(), operator.tensors, strict=True):
        tensor = trace.tensors[name]
        n_bytes = operand.n_touched * tensor.bytes_per_element
        is_gathered = operand.row > 0 and (tensor.role in ("weight", "table") or tensor.level == "dram")
        if is_gathered or tensor.level == "sram":
            dram_frac = 0.0
        elif tensor.level == "dram" or tensor.role == "kv_cache":
            dram_frac = 1.0
        else:
            dram_frac = placement.weight_miss_frac if tensor.role == "weight" else spilled_frac
        rows.append((n_bytes, n_bytes * dram_frac))
    return rows


def _stream(moved_bytes: float, dram_bytes: float, chip: Chip, busy_s: Mapping[str, float]) -> Stream:
    return Stream(
        moved_bytes=moved_bytes,
        dram_bytes=dram_bytes,
        simd_s=busy_s["simd"],
        vector_s=busy_s["vector"],
        local_s=busy_s["local"],
        sram_s=busy_s["sram"],
        gather_s=max(0.0, busy_s["dram"] - dram_bytes * chip.dram_s_per_byte),
        host_s=busy_s["host"],
        link_s=busy_s["link"],
    )


def _scores(trace: Trace, operator: Operator, op: Attention, mac_s: float, dram_bytes: float) -> Scores:
    sizes = [trace.tensors[name].bytes_per_element for name in operator.tensors]
    n_exps, n_lane_ops = _SCORE_WORK[op.score]
    # Keys of the query with most of them: the last one, or, with chunks, the last of a whole chunk.
    longest = min(op.kv_len, op.window or op.kv_len, op.chunk or op.kv_len)
    return Scores(
        batch=float(op.batch),
        n_heads=float(op.n_heads),
        n_kv_heads=float(op.n_kv_heads),
        q_len=float(op.q_len),
        head_dim=float(op.head_dim),
        v_dim=float(op.value_dim),
        kv_attended=float(op.kv_attended),
        longest=float(longest),
        mean=op.pairs / op.q_len,
        growth=(1.0 if op.window else 0.5) if op.causal else 0.0,
        kv_width=float(op.head_dim + (0 if op.is_kv_shared else op.value_dim)),
        element_bytes=sizes[0],
        kv_bytes=sizes[1],
        out_bytes=sizes[-1],
        n_exps=n_exps,
        n_lane_ops=n_lane_ops,
        mac_s=mac_s,
        dram_bytes=dram_bytes,
    )
