"""Why an operator takes the cycles it takes: laws, critical path, stall ledger, and what would help."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from archmodel.errors import UnsupportedError
from archmodel.kernels.program import MATRIX, NONE, OCCUPANCY, RESOURCE, SERVICE, UNIT
from archmodel.lowering.operators.matmul import MAPPED, lower_mapped
from archmodel.lowering.phases import Phase, find_site, lower_site
from archmodel.lowering.program import CAUSES, SHARED, UNITS
from archmodel.machine.timing import Timing
from archmodel.machine.types import Machine
from archmodel.mapping import place
from archmodel.mapping.matmul import say_mapping
from archmodel.models.counted import STATIONS
from archmodel.models.cycle import Cycle
from archmodel.workload.types import Trace

LAWS = {
    "prefetch": "asks DRAM for what the cache lacks",
    "load": "request + max(beats, fragments x (latency + 1) / outstanding, shaped)",
    "matrix": "load + (ceil(blocks / tiles) - 1) x max(stream, load) + stream + partial sums; stream = columns + gaps",
    "reduce": "(members - 1) x hop + bytes / width",
    "simd": "ceil(elements / lanes) x operations",
    "vector": "turns of the loop, each behind the one before by its busier pipe or by its chain of results",
    "layout": "(tiles + 1) x rows of a tile",
    "network": "steps x latency + bytes / bandwidth of the links to other chips",
    "store": "request + max(beats, fragments x (latency + 1) / outstanding, shaped)",
    "write_back": "asks DRAM to take what leaves the cache",
    "systolic": "stream + fill, or as long as the on-chip memory needs",
}
"""Law of each unit in words; the exact form is in ``docs/methods/timing.md``."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What `explain` finds; cycles of one execution.

    Parameters
    ----------
    cycles, bound_cycles
        As counted, and the physical bound.
    utilisation
        Of the matrix engine.
    phases
        Per phase: ``phase``, ``cycles``, ``mapping``, and its path: ``fill_cycles`` before the station that ``binds``
        can start, its ``work_cycles``, ``wait_cycles`` on top,
        and ``drain_cycles`` after its last command.
    commands
        Per command of a program: unit, cycles, times, law.
    ledger
        Per phase and unit: ``busy``, a column per stall cause and ``idle`` after its last command; they sum to cycles.
    gains
        Per change: cycles with it, and how much faster that is, best first.
    """

    cycles: int
    bound_cycles: float
    utilisation: float | None
    phases: list[dict[str, Any]]
    commands: list[dict[str, Any]]
    ledger: list[dict[str, Any]]
    gains: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain dicts and lists, ready for JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def _timing(change: Callable[[Timing], Timing]) -> Callable[[Machine], Machine]:
    def apply(machine: Machine) -> Machine:
        assert machine.timing is not None
        return replace(machine, timing=change(machine.timing))

    return apply


CHANGES: Mapping[str, Callable[[Machine], Machine]] = {
    "matrix engine: twice the tiles": lambda m: replace(m, matrix=replace(m.matrix, n_tiles=2 * m.matrix.n_tiles)),
    "core: instructions in half the cycles": _timing(
        lambda t: replace(t, core=replace(t.core, issue_cycles=t.core.issue_cycles / 2))
    ),
    "DMA: twice the width": _timing(
        lambda t: replace(t, dma=replace(t.dma, width_bytes_per_cycle=2 * t.dma.width_bytes_per_cycle))
    ),
    "DMA: twice the requests under way": _timing(
        lambda t: replace(t, dma=replace(t.dma, outstanding=2 * t.dma.outstanding))
    ),
    "SRAM: twice the width": lambda m: replace(
        m, sram=replace(m.sram, width_bytes_per_cycle=2 * m.sram.width_bytes_per_cycle)
    ),
    "SRAM: half the latency": _timing(
        lambda t: replace(t, memory=replace(t.memory, sram_latency_cycles=t.memory.sram_latency_cycles / 2))
    ),
    "DRAM: twice the bandwidth": lambda m: replace(
        m, dram=replace(m.dram, bandwidth_bytes_per_s=2 * m.dram.bandwidth_bytes_per_s)
    ),
    "DRAM: half the latency": _timing(
        lambda t: replace(t, memory=replace(t.memory, dram_latency_s=t.memory.dram_latency_s / 2))
    ),
    "accumulators: twice the capacity": _timing(
        lambda t: replace(t, engines=replace(t.engines, accumulator_bytes=2 * t.engines.accumulator_bytes))
    ),
    "reduction network: twice the width": _timing(
        lambda t: replace(
            t,
            engines=replace(t.engines, reduction_width_bytes_per_cycle=2 * t.engines.reduction_width_bytes_per_cycle),
        )
    ),
}
"""Changes that are tried one at a time, at the same mapping if the operator is one product."""


def explain(trace: Trace, machine: Machine) -> Explanation:
    """Explain the first operator of a trace.

    Raises
    ------
    UnsupportedError
        When the cycle model has no answer.
    """
    model = Cycle()
    reasons = model.supports(trace, machine)
    if reasons:
        raise UnsupportedError(f"{trace.name} on {machine.name}", reasons)
    placement, operator = place(trace, machine), trace.operators[0]
    phases = lower_site(find_site(trace, 0, machine, placement))
    mapping = phases[-1].mapping if operator.op.kind in MAPPED else None
    cycles = model.count_phases(phases).cycles
    peak, flop = machine.peak_flop_per_s("matrix", operator.dtype), operator.op.work().matrix_flop
    found: list[list[dict[str, Any]]] = [[], [], []]
    for phase in phases:
        for rows, part in zip(found, _explain_phase(phase, is_array=machine.array is not None), strict=True):
            rows += part
    gains: list[dict[str, Any]] = []
    for what, change in CHANGES.items():
        changed = change(machine)
        if changed.array is not None and changed.matrix.n_tiles > 1:
            continue  # one array has one tile
        site = find_site(trace, 0, changed, placement)
        took = model.count_phases(lower_site(site) if mapping is None else lower_mapped(site, mapping)).cycles
        gains.append({"change": what, "cycles": took, "gain_frac": cycles / took - 1})
    gains.sort(key=lambda row: -row["gain_frac"])
    lower_s = model.evaluate(trace, machine).operators["lower_s"][0]
    utilisation = flop * machine.clock_hz / cycles / peak if flop else None
    paths, commands, ledger = found
    return Explanation(cycles, lower_s * machine.clock_hz, utilisation, paths, commands, ledger, gains)


def _explain_phase(phase: Phase, *, is_array: bool) -> tuple[list[dict[str, Any]], ...]:
    """Explain one phase: its path, its commands, its ledger."""
    run = phase.run("representative")
    _, _, work, heads = phase.count()
    busiest = STATIONS[int(np.argmax(work))]
    ledger = []
    for u, name in enumerate(UNITS):
        if run.busy_cycles[0, u]:
            stalls = dict(zip(CAUSES, run.stall_cycles[0, u].tolist(), strict=True))
            busy = int(run.busy_cycles[0, u])
            ledger.append({"phase": phase.name, "unit": name, "busy": busy, **stalls})
            ledger[-1]["idle"] = run.cycles - busy - sum(stalls.values())
    followed = "matrix" if run.busy_cycles[0, MATRIX] else max(ledger, key=lambda row: int(row["busy"]))["unit"]
    drain = next(int(row["idle"]) for row in ledger if row["unit"] == followed)
    at_work = max(work)
    fill = min(heads[int(np.argmax(work))], run.cycles - at_work)
    after = run.cycles - fill - at_work
    path = {
        "phase": phase.name,
        "cycles": run.cycles,
        "fill_cycles": fill,
        "binds": busiest,
        "work_cycles": at_work,
        "wait_cycles": max(0, after - drain),
        "drain_cycles": min(drain, after),
        "mapping": None if phase.mapping is None else say_mapping(phase.mapping),
    }
    return [path], _say_commands(phase, is_array=is_array), ledger


def _say_commands(phase: Phase, *, is_array: bool) -> list[dict[str, Any]]:
    """List the commands of a program once, with how often each runs."""
    commands, loops, _ = phase.table
    n_prologue, n_body, n_epilogue, n_inner, n_outer = loops.tolist()
    times = [n_outer] * n_prologue + [n_inner * n_outer] * n_body + [n_outer] * n_epilogue
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for command, count in zip(commands, times, strict=True):
        name = UNITS[command[UNIT]]
        shared = "" if command[RESOURCE] == NONE else SHARED[command[RESOURCE]]
        key = (name, int(command[OCCUPANCY]), shared, int(command[SERVICE]))
        row = rows.setdefault(
            key,
            {
                "phase": phase.name, "unit": name, "times": 0, "unit_cycles": key[1], "shared": shared,
                "shared_cycles": key[3], "law": LAWS["systolic" if is_array and name == "matrix" else name],
            },
        )  # fmt: skip
        row["times"] += count
    return list(rows.values())
