"""Turn traces and machines into packs. The only place where objects become arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from archmodel.dtypes import DTYPES, dtype_bytes, dtype_idx
from archmodel.lowering.packs import Floats, MachinePack, OperatorPack, PlacementPack
from archmodel.machine.columns import MachineColumns
from archmodel.machine.types import LaneEngine, Machine
from archmodel.mapping.placement import Placement
from archmodel.workload.types import Operator, Trace

_FIELDS = [name for name in OperatorPack._fields if name not in ("dtype_idx", "exchange_idx")]


class _Same:
    """A trace as a key: equal to itself only."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def __hash__(self) -> int:
        return id(self.trace)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.trace is self.trace


def pack_operators(trace: Trace) -> OperatorPack:
    """Lower the operators of a trace; a sweep asks for the same ones with every part."""
    return _pack_operators(_Same(trace))


@lru_cache(maxsize=16)
def _pack_operators(same: _Same) -> OperatorPack:
    trace = same.trace
    rows = np.zeros((len(_FIELDS), len(trace.operators)))
    dtypes = np.zeros(len(trace.operators), dtype=np.int64)
    exchanges = np.zeros(len(trace.operators), dtype=np.int64)
    exchange_idx = {exchange: 1 + idx for idx, exchange in enumerate(trace.exchanges)}
    tables = lay_out_tables(trace)
    for idx, operator in enumerate(trace.operators):
        row = _lower_operator(trace, operator, tables) | {"live_bytes": trace.live_bytes[idx]}
        rows[:, idx] = [row.get(name, 0.0) for name in _FIELDS]
        dtypes[idx] = dtype_idx(operator.dtype)
        exchanges[idx] = exchange_idx.get((operator.op, operator.dtype), 0)
    columns = {name: np.ascontiguousarray(rows[i]) for i, name in enumerate(_FIELDS)}
    return OperatorPack(dtype_idx=dtypes, exchange_idx=exchanges, **columns)


def lay_out_tables(trace: Trace) -> dict[str, tuple[float, float]]:
    """Put the embedding tables behind each other, smallest first: first byte and size by tensor name."""
    tables = sorted((t for t in trace.tensors.values() if t.role == "table"), key=lambda t: t.n_bytes * t.count)
    places, first_byte = {}, 0.0
    for table in tables:
        n_bytes = table.n_bytes * table.count
        # Alternatives are asked one at a time: each table has the memory to itself.
        places[table.name] = (0.0 if trace.is_alternatives else first_byte, n_bytes)
        first_byte += n_bytes
    return places


def _lower_operator(trace: Trace, operator: Operator, tables: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    op, work, reuse = operator.op, operator.op.work(), operator.op.reuse()
    size = dtype_bytes(operator.dtype)
    row = {
        "matrix_flop": work.matrix_flop,
        "simd_flop": work.simd_flop,
        "vector_flop": work.vector_flop,
        "link_bytes": op.link_bytes(operator.dtype),
        "reuse_sqrt": reuse.sqrt * size**1.5,
        "reuse_linear": reuse.linear * size**2,
        "element_bytes": size,
        "executions": float(operator.count),
        "activation_bytes": 0.0,
        "weight_bytes": 0.0,
        "sram_bytes": 0.0,
        "dram_bytes": 0.0,
    }
    for operand, name in zip(op.operands(), operator.tensors, strict=True):
        tensor = trace.tensors[name]
        moved_bytes = operand.n_touched * tensor.bytes_per_element
        is_gathered = operand.row > 0 and (tensor.role in ("weight", "table") or tensor.level == "dram")
        if is_gathered and tensor.level != "sram" and "gather_rows" not in row:
            row["gather_rows"] = operand.n_touched / operand.row
            row["gather_row_bytes"] = operand.row * tensor.bytes_per_element
            row["is_table"] = float(tensor.role == "table")
            row["is_weight"] = float(tensor.role == "weight" and tensor.level is None)
            row["table_first_byte"], row["table_bytes"] = tables.get(name, (0.0, 0.0))
        elif tensor.level is not None or tensor.role == "kv_cache":
            row["sram_bytes" if tensor.level == "sram" else "dram_bytes"] += moved_bytes
        elif tensor.role == "weight":
            row["weight_bytes"] += moved_bytes
        else:
            row["activation_bytes"] += moved_bytes
    return row


def pack_machines(machines: Sequence[Machine]) -> MachinePack:
    """Lower machines; bandwidths and rates become seconds per byte and per FLOP."""
    columns: dict[str, list[float] | list[list[float]]] = {name: [] for name in MachinePack._fields}
    for machine in machines:
        for name, value in _lower_machine(machine).items():
            columns[name].append(value)  # type: ignore[arg-type]
    # Transposed, tables by dtype have the machines innermost; columns stay as they are.
    arrays = {name: np.ascontiguousarray(np.transpose(values), np.float64) for name, values in columns.items()}
    return MachinePack(**arrays)


def pack_columns(machines: MachineColumns) -> MachinePack:
    """Lower machines of one structure, all at once."""
    arrays = {}
    for name, value in _lower_machine(machines.machine()).items():
        parts = [np.broadcast_to(part, machines.n_machines) for part in (value if isinstance(value, list) else [value])]
        arrays[name] = np.array(parts if isinstance(value, list) else parts[0], np.float64)
    return MachinePack(**arrays)


def _lower_machine(machine: Machine) -> dict[str, float | list[float]]:
    dram, local_bytes, sram_bytes = machine.dram, machine.local_capacity_bytes, machine.sram.capacity_bytes
    peak = dram.bandwidth_bytes_per_s
    streaming = peak * dram.efficiency_frac * (1 - dram.ecc_overhead_frac)
    gathering = peak * dram.gather_efficiency_frac * (1 - dram.ecc_overhead_frac)
    matrix = machine.matrix.efficiency_frac
    return {
        "matrix_s_per_flop": [_inverse(machine.peak_flop_per_s("matrix", dtype) * matrix) for dtype in DTYPES],
        "matrix_efficiency": matrix,
        "simd_s_per_flop": [_lane_s(machine, machine.simd, dtype) for dtype in DTYPES],
        "vector_s_per_flop": [_lane_s(machine, machine.vector, dtype) for dtype in DTYPES],
        "simd_s_per_vector_flop": [0.0 if machine.vector else _lane_s(machine, machine.simd, d) for d in DTYPES],
        "vector_s_per_simd_flop": [0.0 if machine.simd else _lane_s(machine, machine.vector, d) for d in DTYPES],
        "local_s_per_byte": 1 / machine.local_bandwidth_bytes_per_s,
        "sram_s_per_byte": 1 / machine.sram_bandwidth_bytes_per_s,
        "dram_s_per_byte": 1 / streaming,
        "dram_peak_s_per_byte": 1 / peak,
        "gather_s_per_byte": 1 / gathering,
        "host_s_per_byte": 1 / machine.host.bandwidth_bytes_per_s,
        "link_s_per_byte": _inverse(machine.scale_up.bandwidth_bytes_per_s if machine.scale_up else 0.0),
        "local_inv_bytes": 1 / local_bytes,
        "local_inv_sqrt_bytes": local_bytes**-0.5,
        "sram_inv_bytes": 1 / sram_bytes,
        "sram_inv_sqrt_bytes": sram_bytes**-0.5,
        "operand_reads_per_mac": _operand_reads_per_mac(machine),
        "access_bytes": dram.access_bytes,
        "embedding_hit_frac": machine.sram.embedding_hit_frac,
    }


def _operand_reads_per_mac(machine: Machine) -> float:
    rows, cols = machine.matrix.reuse_rows, machine.matrix.reuse_cols
    if machine.array:
        rows = cols = machine.array.size
    return 1 / rows + 1 / cols


def _lane_s(machine: Machine, engine: LaneEngine | None, dtype: str) -> Any:
    """Seconds per operation: one per lane and cycle. A dtype without lanes of its own is converted to fp32."""
    lanes = engine.lanes if engine else {}
    return _inverse(machine.pe.n_pes * lanes.get(dtype, lanes.get("fp32", 0.0)) * machine.clock_hz)


def _inverse(rate: Any) -> Any:
    # A resource that is absent gets rate 1/inf only through `reasons_against`, which refuses work for it beforehand;
    # 0 keeps 0 · absent = 0 instead of NaN.
    if isinstance(rate, np.ndarray):
        return np.divide(1.0, rate, out=np.zeros(rate.shape), where=rate > 0)
    return 1 / rate if rate > 0 else 0.0


def pack_placements(placements: Sequence[Placement]) -> PlacementPack:
    """Lower one placement per machine."""
    exchange_s = np.array([(0.0, *placement.exchange_s) for placement in placements])
    columns = {name: _column(placements, name) for name in PlacementPack._fields if name != "exchange_s"}
    return PlacementPack(**columns, exchange_s=np.ascontiguousarray(exchange_s.T))


def pack_placement(placement: Placement, n_machines: int) -> PlacementPack:
    """Lower the placement of one trace on machines of one structure, whose values are scalars or columns."""
    values = {name: getattr(placement, name) for name in PlacementPack._fields if name != "exchange_s"}
    columns = {name: _spread(value, n_machines) for name, value in values.items()}
    exchange_s = [_spread(value, n_machines) for value in (0.0, *placement.exchange_s)]
    return PlacementPack(**columns, exchange_s=np.array(exchange_s))


def _spread(value: Any, n: int) -> Floats:
    return np.array(np.broadcast_to(value, n), np.float64)


def _column(placements: Sequence[Placement], name: str) -> Floats:
    return np.array([getattr(placement, name) for placement in placements], dtype=np.float64)
