"""Model of GPUs and TPUs: kernels whose tiles go round by round through the PEs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from archmodel.errors import UnsupportedError
from archmodel.kernels.wave import Answer, Chip, Stream, time_stream
from archmodel.kernels.wave_attention import Scores, time_scores
from archmodel.kernels.wave_product import Product, time_product
from archmodel.lowering.wave import WaveKernels, has_tiles, lower_chip, lower_kernels
from archmodel.machine.timing import WaveTiming
from archmodel.machine.types import Machine
from archmodel.mapping import LaunchMode, Placement, place, reasons_against, reasons_against_launch
from archmodel.mapping.fusion import Rule, fuse
from archmodel.models import register
from archmodel.models.roofline import Roofline, energy_j
from archmodel.models.totals import add_up
from archmodel.results import RESOURCES, TOTALS, Result, ResultTable
from archmodel.workload.types import Trace

LIMITS = ("matrix", "simd", "local", "sram", "dram", "latency")
"""What limits a kernel with tiles, in the order of ``archmodel.kernels.wave``; the score function is ``simd``."""
_FUSED: tuple[Rule, ...] = ("tails", "siblings")
_BINDERS = (*RESOURCES, "latency", "launch")


@register
class Wave:
    """Estimate from waves of tiles, latencies and launch cost, for machines with a section ``wave``.

    Model
    -----
    Products and attention: tiles in rounds through the PEs, with the tile that takes least. All else: a stream that
    small sizes cannot fill. Each kernel adds its latencies and a launch. Bounds are those of `Roofline`; the upper one
    adds what tiles waste. A compiled step is fused before. Equations: ``docs/methods/wave.md``.

    Sources
    -------
    NVIDIA, Matrix Multiplication Background User's Guide (wave quantisation); J. Shah et al., FlashAttention-3,
    arXiv:2407.08608; V. Volkov, Understanding Latency Hiding on GPUs, UC Berkeley, 2016.
    """

    name: ClassVar[str] = "wave"

    def supports(self, trace: Trace, machine: Machine) -> tuple[str, ...]:
        """Say why there would be no answer: no section ``wave``, work that is not tiled, what `Roofline` needs."""
        reasons = []
        if machine.wave is None:
            reasons.append(f"{machine.name}: no section 'wave' is described; model 'wave' needs one")
        unknown = {o.op.kind: o.name for o in trace.operators if o.op.work().matrix_flop and not has_tiles(o.op)}
        reasons.extend(
            f"model 'wave' does not know how operator kind {kind!r} is tiled (first: {name!r})"
            for kind, name in unknown.items()
        )
        return (*reasons, *reasons_against(trace, machine))

    def evaluate(self, trace: Trace, machine: Machine, launch: LaunchMode = "graph") -> Result:
        """Evaluate one trace on one machine.

        Raises
        ------
        UnsupportedError
            With every reason.
        """
        reasons = (*self.supports(trace, machine), *reasons_against_launch(machine, launch))
        if reasons or machine.wave is None:
            raise UnsupportedError(f"{trace.name} ({trace.phase}) on {machine.name}", reasons)
        return _evaluate_fused(fuse_kernels(trace, launch), machine, machine.wave, launch)

    def evaluate_batch(self, trace: Trace, machines: Sequence[Machine], launch: LaunchMode = "graph") -> ResultTable:
        """Evaluate one trace on many machines: a row each, with ``status`` and ``message``."""
        fused, rows = fuse_kernels(trace, launch), []
        for machine in machines:
            against = (*self.supports(trace, machine), *reasons_against_launch(machine, launch))
            row: dict[str, Any] = {
                "machine": machine.name, "workload": trace.name, "phase": trace.phase, "dtype": trace.dtype,
                "model": self.name, "launch": launch, "status": "unsupported" if against else "ok",
                "message": "; ".join(against), **dict.fromkeys(TOTALS), "warnings": [],
            }  # fmt: skip
            if not against and machine.wave is not None:
                result = _evaluate_fused(fused, machine, machine.wave, launch)
                row |= {**result.total(), "warnings": list(result.warnings)}
            rows.append(row)
        return ResultTable.from_rows(rows)


def fuse_kernels(trace: Trace, launch: LaunchMode) -> Trace:
    """Join operators as a compiler does; what the host launches one by one stays apart.

    Parameters
    ----------
    trace
        Of one step.
    launch
        As in `archmodel.mapping.place`.
    """
    return trace if launch == "eager" else fuse(trace, _FUSED)


def _evaluate_fused(trace: Trace, machine: Machine, wave: WaveTiming, launch: LaunchMode) -> Result:
    """Evaluate a fused trace: the result of the roofline with times of its own; equal kernels are timed once."""
    placement = place(trace, machine, launch)
    bound = Roofline().evaluate(trace, machine, launch)
    chip = lower_chip(machine, wave)
    known: dict[WaveKernels, Mapping[str, Any]] = {}
    rows = []
    for idx, said in enumerate(bound.operators.rows()):
        busy_s = {name: said[f"{name}_busy_s"] / said["count"] for name in RESOURCES}
        kernels = lower_kernels(trace, idx, machine, chip, placement, busy_s)
        if kernels not in known:
            known[kernels] = _time_kernels(kernels, chip)
        rows.append(_operator_row(machine, placement, said, known[kernels]))
    total = add_up(trace, machine, placement, rows, bound.lower_s, _BINDERS, "limit")
    return replace(bound, model=Wave.name, operators=ResultTable.from_rows(rows), **total)


def _time_kernels(kernels: WaveKernels, chip: Chip) -> Mapping[str, Any]:
    """Time the kernels of one execution; keys as in `_time_stream`."""
    said = _time_stream(kernels.main, chip) if isinstance(kernels.main, Stream) else _time_tiles(kernels.main, chip)
    if kernels.before is None:
        return said
    first = _time_stream(kernels.before, chip)
    gap_s = first["latency_s"] + chip.launch_s
    return {
        **said,
        "time_s": said["time_s"] + first["time_s"] + chip.launch_s,
        "latency_s": said["latency_s"] + gap_s,
        "busy_s": {name: said["busy_s"].get(name, 0.0) + first["busy_s"].get(name, 0.0) for name in RESOURCES},
    }


def _time_stream(op: Stream, chip: Chip) -> Mapping[str, Any]:
    """Time an operator without tiles: ``time_s``, ``latency_s`` of it, ``limit``, ``busy_s`` and the slots at work.

    ``other_s`` is what else may take time of its own, of tiles only.
    """
    time_s, n_active, dram_s, latency_s = time_stream(chip, op)
    idle = chip.n_slots / n_active
    busy_s = {
        "simd": op.simd_s * idle, "vector": op.vector_s * idle, "local": op.local_s * idle,
        "sram": op.sram_s, "dram": dram_s, "host": op.host_s, "link": op.link_s,
    }  # fmt: skip
    slowest = max(busy_s, key=busy_s.__getitem__)
    return {
        "time_s": time_s,
        "latency_s": latency_s,
        "limit": "latency" if latency_s > busy_s[slowest] else slowest,
        "busy_s": busy_s,
        "other_s": 0.0,
        "tile": None,
        "split": None,
        "n_waves": None,
        "tail_frac": n_active / chip.n_slots,
    }


def _time_tiles(op: Product | Scores, chip: Chip) -> Mapping[str, Any]:
    """Time a product or attention; as `_time_stream`, with the tile that takes least."""
    answer: Answer = time_product(chip, op) if isinstance(op, Product) else time_scores(chip, op)
    lanes_s = op.lanes_s if isinstance(op, Product) else answer.score_s
    return {
        "time_s": answer.time_s,
        "latency_s": answer.latency_s,
        "limit": LIMITS[answer.limit],
        "busy_s": {
            "matrix": answer.matrix_s,
            "simd": lanes_s,
            "local": answer.local_s,
            "sram": answer.sram_s,
            "dram": answer.dram_s,
        },
        "other_s": answer.other_s,
        "tile": f"{answer.rows:.0f}x{answer.cols:.0f}",
        "split": int(answer.split),
        "n_waves": int(answer.n_waves),
        "tail_frac": answer.n_tiles / (answer.n_waves * chip.n_slots),
    }


def _operator_row(
    machine: Machine, placement: Placement, bound: Mapping[str, Any], said: Mapping[str, Any]
) -> dict[str, Any]:
    """Describe all executions of one operator: what the roofline says of it, with times of its own."""
    count = bound["count"]
    # An eager launch was measured on whole small kernels: it contains what a kernel costs before and after its work.
    launch_s = max(machine.launch.operator_s, placement.launch_s - said["latency_s"])
    latency_s = (said["time_s"] + launch_s) * count
    serial_s = sum(said["busy_s"].values()) + said["other_s"] + said["latency_s"]
    return {
        **bound,
        "latency_s": latency_s,
        "upper_s": max(bound["upper_s"], (serial_s + launch_s) * count),
        "launch_s": launch_s * count,
        "bound": "launch" if launch_s > said["time_s"] else said["limit"],
        "energy_j": energy_j(machine, latency_s),
        "throughput": (bound["flop"] or bound["bytes"]) / latency_s,
        **{f"{name}_busy_s": said["busy_s"].get(name, 0.0) * count for name in RESOURCES},
        **{name: said[name] for name in ("limit", "tile", "split", "n_waves", "tail_frac")},
    }
