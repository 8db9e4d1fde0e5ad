"""What the models that count cycles share: they lower operators to programs and differ in how they count these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import UnsupportedError
from archmodel.kernels.matmul_shape import MatmulMapping
from archmodel.lowering.operators.matmul import lower_product
from archmodel.lowering.phases import Phase, Site, can_lower, find_site, lower_site, lowerings
from archmodel.lowering.products import is_product_alone
from archmodel.lowering.program import CAUSES, SHARED, UNITS
from archmodel.lowering.remembered import Remembered
from archmodel.lowering.sites import SiteColumns, Some
from archmodel.machine.types import Machine, list_assumed
from archmodel.mapping import LaunchMode, Placement, place, reasons_against, reasons_against_launch
from archmodel.mapping.embedding import expect_hits
from archmodel.mapping.fusion import RULES, Rule, fuse
from archmodel.mapping.matmul import find_in_groups, say_mapping
from archmodel.models.roofline import Roofline, energy_j, moved_bytes, say_warnings
from archmodel.models.totals import add_up
from archmodel.results import RESOURCES, TOTALS, Result, ResultTable
from archmodel.workload.fused import Fused
from archmodel.workload.types import Operator, Trace

STATIONS = (*UNITS, *SHARED, "issue")
"""Where the commands of a program are at work: units of a PE, shared resources, the core that issues."""
_BOUND = {
    "load": "local", "store": "local", "prefetch": "dram", "write_back": "dram", "reduce": "local", "link": "local",
    "matrix": "matrix", "simd": "simd", "vector": "vector", "layout": "layout", "network": "link", "sram": "sram",
    "dram": "dram", "host": "host", "issue": "issue",
}  # fmt: skip
MOST_CYCLES = 1e15
"""Longest work of the matrix engine that is counted; sums of 64-bit integers are far from overflowing."""
BINDERS = (*RESOURCES, "layout", "issue", "launch")
_FUSED = Remembered(64)


@dataclass(frozen=True, slots=True)
class Count:
    """Cycles of one execution of an operator.

    Parameters
    ----------
    cycles, serial_cycles
        As counted, and if nothing overlapped.
    work_cycles
        Cycles at work by `STATIONS`, those of a PE or of the shared resource.
    stall_cycles
        Cycles for which the matrix engine of the slowest PE waited, by `CAUSES`; empty where they are not counted.
    mapping
        Of a matmul on a grid of PEs, else ``None``.
    """

    cycles: int
    serial_cycles: int
    work_cycles: Mapping[str, int]
    stall_cycles: Mapping[str, int]
    mapping: MatmulMapping | None


class Counts(NamedTuple):
    """Cycles, and those if nothing overlapped, of U unlike sites (U, 2); cycles at work by `STATIONS` (U, 15)."""

    cycles: NDArray[np.int64]
    work_cycles: NDArray[np.int64]


def as_counts(counted: Sequence[Count]) -> Counts:
    """Put counts into columns."""
    cycles = [(count.cycles, count.serial_cycles) for count in counted]
    work = [[count.work_cycles[station] for station in STATIONS] for count in counted]
    return Counts(np.array(cycles, np.int64), np.array(work, np.int64))


def binder_of(station: str) -> str:
    """Say which of `BINDERS` a station of `STATIONS` counts for."""
    return _BOUND[station]


class CountedModel:
    """Base of models that count cycles: `count_phases` is theirs."""

    name: ClassVar[str]

    def count_phases(self, phases: tuple[Phase, ...]) -> Count:
        """Count the cycles of one operator."""
        raise NotImplementedError

    def supports(self, trace: Trace, machine: Machine) -> tuple[str, ...]:
        """Say why there would be no answer: no timing, an operator that is not known, and what `Roofline` needs."""
        known = (*self.reasons_against_machine(machine), *_unknown(trace, machine, self.name))
        return (*known, *reasons_against(trace, machine))

    def reasons_against_machine(self, machine: Machine) -> tuple[str, ...]:
        """Say why a machine cannot be counted."""
        if machine.timing is None:
            return (f"{machine.name}: no section 'timing' is described; model {self.name!r} needs one",)
        if machine.array is not None and machine.pe.n_pes * machine.matrix.n_tiles > 1:
            return (f"{machine.name}: 'array' describes one systolic array; give one PE with one tile",)
        return ()

    def count(self, site: Site) -> Count:
        """Count the cycles of one execution of one operator; `UnsupportedError` when it does not fit."""
        return self.count_phases(lower_site(site))

    def counts_together(self, site: Site) -> bool:
        """Whether `count_sites` takes an operator on all machines of a group of `SiteColumns` at once."""
        return is_product_alone(site)

    def count_sites(self, columns: SiteColumns, some: Some) -> Counts:
        """Count an operator on machines of a group of `SiteColumns`.

        Parameters
        ----------
        columns, some
            The operator on many machines, and which of its unlike sites are counted.

        Raises
        ------
        UnsupportedError
            When it cannot be lowered.
        """
        sites = [columns.site(idx) for idx in np.arange(len(columns.near))[some].tolist()]
        shape = columns.shape(int(columns.near[some][0]))
        if shape is None:
            return as_counts([self.count(site) for site in sites])
        found = find_in_groups(shape, columns.groups_of(some), sites[0].n_pes)
        mappings = [MatmulMapping(*mapping) for mapping in found.mappings.tolist()]
        phases = [lower_product(shape, site, mapping) for site, mapping in zip(sites, mappings, strict=True)]
        return as_counts([self.count_phases((phase,)) for phase in phases])

    def evaluate(self, trace: Trace, machine: Machine, launch: LaunchMode = "graph") -> Result:
        """Evaluate one trace on one machine.

        Raises
        ------
        UnsupportedError
            With every reason.
        """
        reasons = (*self.supports(trace, machine), *reasons_against_launch(machine, launch))
        if reasons:
            raise UnsupportedError(f"{trace.name} ({trace.phase}) on {machine.name}", reasons)
        trace = fuse_for(trace, machine, launch)
        placement = place(trace, machine, launch)
        bound = Roofline().evaluate(trace, expect_hits(trace, machine, placement), launch)
        try:
            counted = self.count_all(trace, machine, placement)
        except UnsupportedError:
            reasons = _not_lowered(trace, machine, placement)
            raise UnsupportedError(f"{trace.name} ({trace.phase}) on {machine.name}", reasons) from None
        rows = [
            _operator_row(trace, idx, machine, placement, count, bound.operators["lower_s"][idx])
            for idx, count in enumerate(counted)
        ]
        total = _add_up(trace, machine, placement, rows, bound.lower_s)
        return Result(
            machine=machine.name,
            workload=trace.name,
            phase=trace.phase,
            dtype=trace.dtype,
            model=self.name,
            run={**trace.run, "launch": launch},
            operators=ResultTable.from_rows(rows),
            warnings=say_warnings(trace, machine, placement),
            provenance={"archmodel": version("archmodel"), "assumed": list_assumed(machine.provenance)},
            **total,
        )

    def count_all(self, trace: Trace, machine: Machine, placement: Placement) -> list[Count]:
        """Count every operator; equal ones once."""
        sites = [find_site(trace, idx, machine, placement) for idx in range(len(trace.operators))]
        known = {site: self.count(site) for site in dict.fromkeys(sites)}
        return [known[site] for site in sites]

    def count_machines(
        self, traces: Sequence[Trace], machines: Sequence[Machine], placements: Sequence[Placement]
    ) -> list[list[Count]]:
        """Count every operator of a trace on its machine, with its placement."""
        return [self.count_all(*each) for each in zip(traces, machines, placements, strict=True)]

    def _count_able(
        self, asked: Sequence[tuple[Trace, Machine, Placement]]
    ) -> list[tuple[list[Count], tuple[str, ...]]]:
        """Count every operator of a trace on its machine, or say why there is no answer."""
        if not asked:
            return []
        try:
            return [(counted, ()) for counted in self.count_machines(*zip(*asked, strict=True))]
        except UnsupportedError:
            if len(asked) == 1:
                return [([], _not_lowered(*asked[0]))]
        return [answer for each in asked for answer in self._count_able([each])]

    def evaluate_batch(self, trace: Trace, machines: Sequence[Machine], launch: LaunchMode = "graph") -> ResultTable:
        """Evaluate one trace on many machines: a row each, with ``status`` and ``message``."""
        reasons = [(*self.supports(trace, each), *reasons_against_launch(each, launch)) for each in machines]
        asked: list[tuple[Trace, Machine, Placement]] = []
        for machine, against in zip(machines, reasons, strict=True):
            if not against:
                fused = fuse_for(trace, machine, launch)
                asked.append((fused, machine, place(fused, machine, launch)))
        answers = iter(zip(asked, self._count_able(asked), strict=True))
        rows = []
        for machine, against in zip(machines, reasons, strict=True):
            if not against:
                (fused, _, placement), (counted, against) = next(answers)
            row: dict[str, Any] = {
                "machine": machine.name, "workload": trace.name, "phase": trace.phase, "dtype": trace.dtype,
                "model": self.name, "launch": launch, "status": "unsupported" if against else "ok",
                "message": "; ".join(against), **dict.fromkeys(TOTALS), "warnings": [],
            }  # fmt: skip
            if not against:
                operators = [
                    _operator_row(fused, idx, machine, placement, count, 0.0) for idx, count in enumerate(counted)
                ]
                with_hits = expect_hits(fused, machine, placement)
                (lower_s,) = Roofline().evaluate_batch(fused, [with_hits], launch)["lower_s"]
                total = _add_up(fused, machine, placement, operators, lower_s)
                row |= {name: total[name] for name in TOTALS}
                row["warnings"] = list(say_warnings(fused, machine, placement))
            rows.append(row)
        return ResultTable.from_rows(rows)


def fuse_for(trace: Trace, machine: Machine, launch: LaunchMode) -> Trace:
    """Join operators as the compiler of a machine does: not if the host launches each, nor on a systolic array.

    Parameters
    ----------
    trace, machine
        What and where.
    launch
        As in `archmodel.mapping.place`.
    """
    if launch == "eager" or machine.array is not None or machine.timing is None:
        return trace
    has_layout = machine.timing.engines.layout_rows is not None
    rules: tuple[Rule, ...] = RULES if has_layout else ("tails", "siblings")
    return _FUSED.find((trace,), rules, lambda: fuse(trace, rules))


def _add_up(
    trace: Trace, machine: Machine, placement: Placement, rows: Sequence[Mapping[str, Any]], lower_s: float
) -> dict[str, Any]:
    """Add operators up to the step; stations that machines lack or that never bind are not named."""
    total = add_up(trace, machine, placement, rows, lower_s, BINDERS, "busiest")
    bound_s = {name: time_s for name, time_s in total["bound_s"].items() if name not in ("issue", "layout") or time_s}
    return total | {"bound_s": bound_s}


def _unknown(trace: Trace, machine: Machine, model: str) -> tuple[str, ...]:
    """Name the operators that are not counted: one never counts as free."""
    reasons: dict[str, str] = {}
    for operator in trace.operators:
        why = reason_unknown(operator, machine)
        if why:
            reasons.setdefault(why, f"model {model!r} {why} (first: {operator.name!r})")
    return tuple(reasons.values())


def reason_unknown(operator: Operator, machine: Machine) -> str:
    """Say why an operator is not counted; empty when it is."""
    op = operator.op.principal
    if not can_lower(op.kind):
        return f"does not know operator kind {op.kind!r}; it knows {', '.join(lowerings())}"
    peak = machine.peak_flop_per_s("matrix", operator.dtype) / machine.clock_hz
    if peak and op.work().matrix_flop / peak > MOST_CYCLES:
        return f"counts up to {MOST_CYCLES:.0e} cycles; a {op.kind} of this size takes more"
    return ""


def reason_not_lowered(site: Site) -> str:
    """Say why an operator becomes no program on a machine; empty when it does."""
    try:
        lower_site(site)
    except UnsupportedError as error:
        return "; ".join(error.reasons)
    return ""


def _not_lowered(trace: Trace, machine: Machine, placement: Placement) -> tuple[str, ...]:
    """Name the operators that become no program on a machine: of each reason, the first."""
    reasons: dict[str, str] = {}
    for idx, operator in enumerate(trace.operators):
        why = reason_not_lowered(find_site(trace, idx, machine, placement))
        if why:
            reasons.setdefault(why, f"{machine.name}: operator {operator.name!r}: {why}")
    return tuple(reasons.values())


def _operator_row(
    trace: Trace, idx: int, machine: Machine, placement: Placement, count: Count, lower_s: float
) -> dict[str, Any]:
    operator = trace.operators[idx]
    flop, executions = operator.op.work().flop * operator.count, operator.count
    launch_s = placement.launch_s * executions
    latency_s = count.cycles / machine.clock_hz * executions + launch_s
    work_s = {name: cycles / machine.clock_hz * executions for name, cycles in count.work_cycles.items()}
    busiest = max(work_s, key=work_s.__getitem__)
    busy_s = dict.fromkeys(RESOURCES, 0.0)
    for name, time_s in work_s.items():
        if _BOUND[name] in busy_s and name not in ("prefetch", "write_back"):
            busy_s[_BOUND[name]] = max(busy_s[_BOUND[name]], time_s)
    mapping = count.mapping
    return {
        "operator": operator.name,
        "kind": operator.op.principal.kind,
        "group": operator.op.principal.group,
        "dtype": operator.dtype,
        "count": executions,
        "flop": flop,
        "bytes": moved_bytes(trace, idx) * executions,
        "latency_s": latency_s,
        "lower_s": lower_s,
        "upper_s": count.serial_cycles / machine.clock_hz * executions + launch_s,
        "launch_s": launch_s,
        "bound": "launch" if launch_s > latency_s / 2 else _BOUND[busiest],
        "busiest": _BOUND[busiest],
        "energy_j": energy_j(machine, latency_s),
        "throughput": flop / latency_s,
        "throughput_unit": "FLOP/s",
        **{f"{name}_busy_s": time_s for name, time_s in busy_s.items()},
        "fused": list(operator.op.names) if isinstance(operator.op, Fused) else [],
        "cycles": count.cycles * executions,
        "work_cycles": {name: cycles * executions for name, cycles in count.work_cycles.items() if cycles},
        "stall_cycles": {cause: cycles * executions for cause, cycles in count.stall_cycles.items()},
        "mapping": None if mapping is None else say_mapping(mapping),
    }


def add_stations(values: Sequence[Sequence[int]]) -> dict[str, int]:
    """Add up the cycles at work of several phases by station."""
    return {name: sum(column) for name, column in zip(STATIONS, zip(*values, strict=True), strict=True)}


def add_stalls(values: Sequence[Sequence[int]]) -> dict[str, int]:
    """Add up the stalls of several phases by cause."""
    return {name: sum(cycles) for name, cycles in zip(CAUSES, zip(*values, strict=True), strict=True)}
