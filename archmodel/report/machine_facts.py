"""What is said of the parts of a machine, each statement with the values that it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archmodel.machine.load import count_channels, load_dram
from archmodel.machine.types import SET_BY_USER, LaneEngine, Machine
from archmodel.report.wording import show_unit
from archmodel.units import format_bytes, format_count, format_number, format_si, unit_of, yaml_key

ASSUMED, SET = "†", "‡"
"""Marks of what rests on a value that is assumed, or that the user set."""
MOST_CELLS = 1024
"""Banks, parts or channels that are drawn one by one."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What a box says.

    Parameters
    ----------
    text
        With `ASSUMED` or `SET` behind it where that holds for a value.
    values
        What it rests on, by dotted path as in `Machine.provenance`.
    """

    text: str
    values: tuple[str, ...]


def _fact(machine: Machine, text: str, *paths: str) -> Fact:
    """State values of a machine, each in place of a ``{}``; paths beyond those are what the text rests on, too."""
    shown = [_show(path, _value(machine, path)) for path in paths]
    return _marked(machine, text.format(*shown), paths)


def _marked(machine: Machine, text: str, paths: Sequence[str]) -> Fact:
    values = tuple(_key(path) for path in paths)
    notes = [machine.provenance.get(value) for value in values]
    is_set = any(note is not None and note.source == SET_BY_USER for note in notes)
    is_assumed = any(note is None or note.is_assumed for note in notes)
    return Fact(text + (ASSUMED if is_assumed else "") + (SET if is_set else ""), values)


def _key(path: str) -> str:
    """Name a value as machine files and `Machine.provenance` do."""
    return ".".join(yaml_key(part) for part in path.split("."))


def _value(machine: Machine, path: str) -> Any:
    node: Any = machine
    for part in path.split("."):
        node = node[part] if isinstance(node, Mapping) else getattr(node, part)
    return node


def _number(value: float) -> str:
    """Show whole numbers exactly, others to four digits."""
    return f"{value:,.0f}" if float(value).is_integer() else format_number(value)


def _show(path: str, value: Any) -> str:
    """Show a value with the unit that the name of its field ends in."""
    if isinstance(value, str | bool):
        return str(value).replace("_", " ")
    if path.endswith("_frac"):
        return f"{_number(100 * value)} %"
    unit = unit_of(path)
    if unit == "B":
        return format_bytes(value)
    if unit in ("B/s", "Hz", "s", "W", "V"):
        return format_si(value, unit, 4).rstrip()
    return f"{_number(value)} {show_unit(unit)}".rstrip()


def _by_rate(rates: Mapping[str, float]) -> Iterator[tuple[float, list[str]]]:
    """Join number formats that have the same rate, the fastest first."""
    for rate in sorted(set(rates.values()), reverse=True):
        yield rate, [dtype for dtype, other in rates.items() if other == rate]


def _is_of_all(machine: Machine, path: str) -> bool:
    """Whether an area or a power is that of the machine as it is, not that of one with other parts."""
    is_set = {value: note.source == SET_BY_USER for value, note in machine.provenance.items()}
    return is_set.get(_key(path), False) or not any(is_set.values())


def chip_facts(machine: Machine) -> list[Fact]:
    """Say what holds for the whole chip, with the peaks of all PEs; area and power if no other part was changed."""
    facts = [_fact(machine, "{}", "clock_hz")]
    if machine.process not in ("none", "not stated"):
        facts.append(Fact(machine.process, ()))
    if machine.die_mm2 is not None and _is_of_all(machine, "die_mm2"):
        facts.append(_fact(machine, "die of {}", "die_mm2"))
    if machine.io_dies is not None:
        facts.append(_fact(machine, "{} dies for links of {} each", "io_dies.n_dies", "io_dies.die_mm2"))
    if _is_of_all(machine, "power.tdp_w"):
        facts.append(_fact(machine, "design limit {}", "power.tdp_w"))
    if machine.power.typical_w is not None and _is_of_all(machine, "power.typical_w"):
        facts.append(_fact(machine, "typically {}", "power.typical_w"))
    peaks = {dtype: machine.peak_flop_per_s("matrix", dtype) for dtype in machine.matrix.macs_per_cycle}
    parts = ["clock_hz", "pe.rows", "pe.cols", "matrix.n_tiles", *(["array.size"] if machine.array else [])]
    for peak, dtypes in _by_rate(peaks):
        paths = [*parts, *(f"matrix.macs_per_cycle.{dtype}" for dtype in dtypes)]
        facts.append(_marked(machine, f"{format_si(peak, 'FLOP/s')} {'/'.join(dtypes)}", paths))
    return facts


def grid_facts(machine: Machine) -> list[Fact]:
    """Say how many PEs there are."""
    n_pes, text = machine.pe.n_pes, f"{machine.pe.rows:,} × {machine.pe.cols:,}"
    facts = [_marked(machine, f"{format_count(n_pes, 'PE')}: {text}", ["pe.rows", "pe.cols"])]
    if machine.pe.n_spare:
        facts.append(_fact(machine, "{} more are spare or off", "pe.n_spare"))
    return facts


def pe_parts(machine: Machine) -> Iterator[tuple[str, str, list[Fact]]]:
    """Give role, title and facts of each part of a PE, without facts if the machine has none."""
    is_array = machine.array is not None
    yield "core", "Cores", [] if is_array else _core_facts(machine)
    yield "matrix", "Systolic array" if is_array else "Matrix engine", _matrix_facts(machine)
    yield "simd", "SIMD engine", _lane_facts(machine, "simd", machine.simd)
    yield "vector", "Vector cores", [*_rvv_facts(machine), *_lane_facts(machine, "vector", machine.vector)]
    yield "link", "Reduction", [] if is_array else _reduction_facts(machine)
    yield "local", "Layout unit", _layout_facts(machine)
    yield "dma", "DMA" if machine.timing else "Port to memory", _port_facts(machine)


def _core_facts(machine: Machine) -> list[Fact]:
    if machine.timing is None:
        return []
    core = machine.timing.core
    return [
        _fact(machine, "{} contexts in turn" if core.n_contexts > 1 else "{} context", "timing.core.n_contexts"),
        _fact(machine, "{} an instruction", "timing.core.issue_cycles"),
        _fact(machine, "for {} block" + "s" * (core.blocks_per_instruction > 1), "timing.core.blocks_per_instruction"),
        _fact(machine, "queues of {} commands", "timing.core.queue_depth"),
    ]


def _matrix_facts(machine: Machine) -> list[Fact]:
    where, rates = "tile", machine.matrix.macs_per_cycle
    if machine.array is not None:
        where = "cell"
        facts = [
            _fact(machine, "{} × {} cells", "array.size", "array.size"),
            _fact(machine, "{}", "array.dataflow"),
            _fact(machine, "tiles overlap" if machine.array.overlap else "one tile after the other", "array.overlap"),
        ]
    else:
        n_tiles = "{} tile" if machine.matrix.n_tiles == 1 else "{} tiles"
        facts = [_fact(machine, n_tiles, "matrix.n_tiles")]
    facts.append(Fact(f"MACs a cycle and {where}:", ()))
    for rate, dtypes in _by_rate(rates):
        paths = [f"matrix.macs_per_cycle.{dtype}" for dtype in dtypes]
        facts.append(_marked(machine, f"{_number(rate)} {', '.join(dtypes)}", paths))
    if machine.wave is not None and machine.timing is None:
        facts.append(_fact(machine, "results from {} × {}", "wave.tile_rows", "wave.tile_cols"))
    elif machine.array is None:
        facts.append(_fact(machine, "blocks of {} × {}", "matrix.reuse_rows", "matrix.reuse_cols"))
    return facts


def _lane_facts(machine: Machine, name: str, engine: LaneEngine | None) -> list[Fact]:
    if engine is None:
        return []
    facts = []
    for rate, dtypes in _by_rate(engine.lanes):
        paths = [f"{name}.lanes.{dtype}" for dtype in dtypes]
        facts.append(_marked(machine, f"{_number(rate)} lanes {', '.join(dtypes)}", paths))
    return [*facts, _fact(machine, "{} FLOP a lane and cycle", f"{name}.flop_per_lane")]


def _rvv_facts(machine: Machine) -> list[Fact]:
    vector = machine.timing.vector if machine.timing else None
    if vector is None:
        return []
    facts = [_fact(machine, "registers of {} bit", "timing.vector.vlen"),
             _fact(machine, "data path of {} bit", "timing.vector.dlen")]  # fmt: skip
    if vector.n_cores is not None:
        facts.insert(0, _fact(machine, "{} RVV core" + ("s" if vector.n_cores > 1 else ""), "timing.vector.n_cores"))
    return facts


def _reduction_facts(machine: Machine) -> list[Fact]:
    if machine.timing is None:
        return []
    return [
        _fact(machine, "{} of sums", "timing.engines.accumulator_bytes"),
        _fact(machine, "to memory {}", "timing.engines.partial_width_bytes_per_cycle"),
        _fact(machine, "to neighbours {}", "timing.engines.reduction_width_bytes_per_cycle"),
        _fact(machine, "{} a hop", "timing.engines.hop_cycles"),
    ]


def _layout_facts(machine: Machine) -> list[Fact]:
    if machine.timing is None or machine.timing.engines.layout_rows is None:
        return []
    return [_fact(machine, "transposes {} × {}", *["timing.engines.layout_rows"] * 2)]


def _port_facts(machine: Machine) -> list[Fact]:
    if machine.timing is not None:
        dma = machine.timing.dma
        facts = [
            _fact(machine, "{} a direction", "timing.dma.width_bytes_per_cycle"),
            _fact(machine, "{} × {} under way", "timing.dma.outstanding", "timing.dma.fragment_bytes"),
            _fact(machine, "{} a command", "timing.dma.request_cycles"),
        ]
        if dma.rows_per_command is not None:
            facts.append(_fact(machine, "{} rows an indexed one", "timing.dma.rows_per_command"))
        if dma.bucket_rate_bytes_per_cycle is not None:
            facts.append(_fact(machine, "shaped to {}", "timing.dma.bucket_rate_bytes_per_cycle"))
        return facts
    if machine.wave is None:
        return []
    return [
        _fact(machine, "{}", "wave.width_bytes_per_cycle"),
        _fact(machine, "{} under way", "wave.in_flight_bytes"),
    ]


def local_facts(machine: Machine) -> list[Fact]:
    """Say what the memory of a PE is like."""
    bandwidth = format_si(machine.local.width_bytes_per_cycle * machine.clock_hz, "B/s")
    return [
        _fact(machine, "{}", "local.capacity_bytes"),
        _fact(machine, f"{{}}, {bandwidth}, read and written", "local.width_bytes_per_cycle", "clock_hz"),
    ]


def network_facts(machine: Machine) -> list[Fact]:
    """Say how PEs and memories are joined."""
    if machine.timing is None:
        return [Fact("not described", ())]
    noc = machine.timing.noc
    facts = [Fact("crossbar that blocks nothing", ())]
    if noc is not None:
        where = {"left_right": "at both ends of all rows", "all_sides": "on all sides", "routers": "behind all routers"}
        facts = [
            _fact(machine, "{} of {} × {} routers", *(f"timing.noc.{name}" for name in ("topology", "rows", "cols"))),
            _fact(machine, "links of {} a direction", "timing.noc.link_width_bytes_per_cycle"),
            _fact(machine, "{} a hop", "timing.noc.hop_cycles"),
            _marked(machine, f"memories {where[noc.ports]}", ["timing.noc.ports"]),
        ]
    said = "one read serves PEs that need the same" if machine.timing.memory.broadcast else "no broadcast"
    return [*facts, _marked(machine, said, ["timing.memory.broadcast"])]


def count_parts(machine: Machine) -> int:
    """Count the parts that the SRAM can be split into."""
    return max(1, round(machine.sram.capacity_bytes / machine.sram.partition_bytes))


def sram_facts(machine: Machine) -> list[Fact]:
    """Say what the memory is like that all PEs share."""
    bandwidth = format_si(machine.sram_bandwidth_bytes_per_s, "B/s")
    facts = [
        _fact(machine, "{}", "sram.capacity_bytes"),
        _fact(machine, f"{{}}, {bandwidth}, read and written", "sram.width_bytes_per_cycle", "clock_hz"),
    ]
    if 1 < count_parts(machine) <= MOST_CELLS:
        facts.append(_fact(machine, "split in parts of {}", "sram.partition_bytes"))
    if machine.timing is not None:
        memory = machine.timing.memory
        if memory.n_banks is not None:
            facts.append(_fact(machine, "{} banks", "timing.memory.n_banks"))
        facts.append(_fact(machine, "{} to first data", "timing.memory.sram_latency_cycles"))
        said = "caches DRAM where it holds no activations" if memory.is_cache else "no cache"
        facts.append(_marked(machine, said, ["timing.memory.is_cache"]))
    elif machine.wave is not None:
        facts.append(_fact(machine, "{} to data under load", "wave.sram_latency_s"))
    return facts


def dram_facts(machine: Machine) -> list[Fact]:
    """Say what the device memory is like, and its channels."""
    facts = [
        _fact(machine, "{}, {}", "dram.capacity_bytes", "dram.technology"),
        _fact(machine, "{}", "dram.bandwidth_bytes_per_s"),
    ]
    channels = machine.timing.dram if machine.timing else None
    if channels is not None:
        n_pins = load_dram(machine.dram.technology).n_pins
        rate = format_si(8 * channels.pin_rate_bytes_per_s, "b/s")
        text = f"{count_channels(machine):,} channels of {n_pins} pins at {rate}"
        facts.append(_marked(machine, text, ["dram.bandwidth_bytes_per_s", "timing.dram.pin_rate_bytes_per_s"]))
    facts.append(_fact(machine, "long streams reach {}", "dram.efficiency_frac"))
    if machine.dram.ecc_overhead_frac:
        facts.append(_fact(machine, "ECC takes {}", "dram.ecc_overhead_frac"))
    if machine.timing is not None:
        facts.append(_fact(machine, "{} on top of that of the SRAM", "timing.memory.dram_latency_s"))
    elif machine.wave is not None:
        facts.append(_fact(machine, "{} to data under load", "wave.dram_latency_s"))
    return facts


def host_facts(machine: Machine) -> list[Fact]:
    """Say how the host is reached."""
    return [_fact(machine, "{} a direction", "host.bandwidth_bytes_per_s")]


def link_facts(machine: Machine) -> list[Fact]:
    """Say how other chips are reached."""
    return [
        _fact(machine, "{} of {} chips", "scale_up.topology", "scale_up.n_chips"),
        _fact(machine, "{} a direction, all links", "scale_up.bandwidth_bytes_per_s"),
        _fact(machine, "{} a step", "scale_up.latency_s"),
    ]
