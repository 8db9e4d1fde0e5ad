"""What operators become: phases, each a program on its grid, and the registry of the functions that write them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from archmodel.kernels.closed_form import HEAD, N_STATIONS, N_WORK_ROWS, TOTAL, count_cycles
from archmodel.kernels.matmul_shape import MatmulMapping
from archmodel.kernels.pe_timing import PeTiming
from archmodel.lowering.dram import NO_DRAM, DramChannels, lower_dram
from archmodel.lowering.far import open_rates
from archmodel.lowering.placed import NO_TAIL, Place, PlacedOperator, Tail, count_cache, count_live, place_operator
from archmodel.lowering.program import CommandTable, Grid, Program, tabulate
from archmodel.lowering.record import EventRecord
from archmodel.lowering.row_access import RowAccess, find_row_access
from archmodel.lowering.run import Mode, Run, run_table
from archmodel.lowering.rvv import VectorCores, lower_cores
from archmodel.lowering.timing import lower_timing, without_matrix
from archmodel.machine.types import Machine, SystolicArray
from archmodel.mapping import Placement
from archmodel.mapping.collectives import time_exchange
from archmodel.registry import import_plugins
from archmodel.workload.types import Operator, OperatorKind, Trace


@dataclass(frozen=True, slots=True)
class Phase:
    """A program on its grid; an operator is one phase after another.

    Parameters
    ----------
    name
        What it does.
    table, grid, queue_depth, is_round_robin
        As `archmodel.lowering.run.run_table` takes them.
    mapping
        Of a matmul on a grid of PEs, else ``None``.
    program
        That the table is of; ``None`` where only a table was written.
    """

    name: str
    table: CommandTable
    grid: Grid
    queue_depth: int
    is_round_robin: bool
    mapping: MatmulMapping | None = None
    program: Program | None = None

    def run(self, mode: Mode, record: EventRecord | None = None) -> Run:
        """Follow its commands; what happens goes into ``record``."""
        return run_table(self.table, self.grid, mode, self.queue_depth, self.is_round_robin, record)

    def count(self) -> tuple[int, int, list[int], list[int]]:
        """Count in closed form.

        Returns
        -------
        (int, int, list, list)
            Cycles, and cycles if nothing overlapped; per station (units, shared resources, core) its cycles at work,
            and those before its first command can start.
        """
        work = np.zeros((N_WORK_ROWS, max(N_STATIONS, len(self.table.capacity))), dtype=np.int64)
        grid = (self.grid.n_batch, self.grid.n_m, self.grid.n_n, self.grid.n_k)
        commands, loops, capacity = self.table
        cycles, serial = count_cycles(commands, len(commands), loops, capacity, *grid, work)
        return int(cycles), int(serial), work[TOTAL, :N_STATIONS].tolist(), work[HEAD, :N_STATIONS].tolist()


@dataclass(frozen=True, slots=True)
class Site:
    """An operator and all that decides which program it becomes; equal sites have equal programs.

    Parameters
    ----------
    op, dtype
        Kind with dims, and number format of the arithmetic.
    places
        Where each of ``op.operands()`` is, in their order; the first output as what is fused behind leaves it.
    timing
        Of one PE, and of what is behind it.
    n_pes
        PEs of the machine.
    array
        As the machine describes it.
    is_round_robin
        Shared resources grant requests in turn.
    dram
        Behind all PEs: what random rows get of it.
    rows
        How rows at indices are reached; ``None`` for an operator without.
    tail
        What is fused behind.
    is_input_turned
        The first operand is transposed on its way in.
    exchange_cycles
        For which it exchanges data with other chips.
    cores
        Vector cores of a PE; ``None`` where their timing is not described.
    has_simd
        Whether there is a SIMD engine beside them; without one its work is the vector core's.
    """

    op: OperatorKind
    dtype: str
    places: tuple[Place, ...]
    timing: PeTiming
    n_pes: int
    array: SystolicArray | None
    is_round_robin: bool
    dram: DramChannels
    rows: RowAccess | None = None
    tail: Tail = NO_TAIL
    is_input_turned: bool = False
    exchange_cycles: int = 0
    cores: VectorCores | None = None
    has_simd: bool = True

    def place(self, name: str) -> Place:
        """Where the operand of a name is."""
        return self.places[_operand_names(self.op).index(name)]

    @property
    def result(self) -> Place:
        """Where the first output is."""
        pairs = zip(self.op.operands(), self.places, strict=True)
        return next(place for operand, place in pairs if operand.is_output)

    @property
    def lone_cores(self) -> VectorCores | None:
        """The vector cores where they do what elsewhere a SIMD engine does; else ``None``."""
        return None if self.has_simd or self.array is not None else self.cores

    def phase(self, name: str, program: Program) -> Phase:
        """Make a phase of a program."""
        grid, depth = program.grid, program.queue_depth
        return Phase(name, tabulate(program), grid, depth, self.is_round_robin, program=program)


@lru_cache(maxsize=4096)
def _operand_names(op: OperatorKind) -> tuple[str, ...]:
    return tuple(operand.name for operand in op.operands())


Way = tuple[Phase, ...]
"""Phases that do an operator."""
Lowering = Callable[[Site], Way]
WayLowering = Callable[[Site], list[Way]]
_LOWERINGS: dict[str, Lowering] = {}
_WAYS: dict[str, WayLowering] = {}
_LEAVING_RATES: set[str] = set()


def lowers(*kinds: str) -> Callable[[Lowering], Lowering]:
    """Decorate a function that lowers operators of some kinds: make it known."""

    def register(function: Lowering) -> Lowering:
        for kind in kinds:
            if kind in _LOWERINGS:
                raise ValueError(f"lowering of {kind!r} registered twice")
            _LOWERINGS[kind] = function
        return function

    return register


def lowers_ways(*kinds: str, leaves_rates: bool = False) -> Callable[[WayLowering], WayLowering]:
    """Decorate a function that lists ways to do operators of some kinds, of which the shortest is taken.

    What of them depends on DRAM and cache is in numbers of `archmodel.lowering.far`.

    Parameters
    ----------
    *kinds
        Of the operators.
    leaves_rates
        What depends on `archmodel.lowering.far.RATES` is in such numbers, too (`by_rates`): nothing else asks for them.
    """

    def register(function: WayLowering) -> WayLowering:
        lowers(*kinds)(lambda site: shortest(function(site)))
        _WAYS.update(dict.fromkeys(kinds, function))
        if leaves_rates:
            _LEAVING_RATES.update(kinds)
        return function

    return register


def ways_of(kind: str) -> WayLowering | None:
    """Give the function that lists the ways to do operators of a kind; ``None`` where that is not how it is lowered."""
    import_plugins("archmodel.lowerings")
    return _WAYS.get(kind)


def leaves_rates(kind: str) -> bool:
    """Whether programs of a kind of operators can be written before rates are known."""
    import_plugins("archmodel.lowerings")
    return kind in _LEAVING_RATES


def shortest(ways: Sequence[Way]) -> Way:
    """Choose the way that the closed form finds shortest, of equal ones the first."""
    return ways[0] if len(ways) == 1 else min(ways, key=lambda way: sum(phase.count()[0] for phase in way))


def lowerings() -> Mapping[str, Lowering]:
    """Map every operator kind that can be lowered to the function that does."""
    import_plugins("archmodel.lowerings")
    return MappingProxyType(dict(sorted(_LOWERINGS.items())))


def can_lower(kind: str) -> bool:
    """Whether operators of a kind can be lowered."""
    import_plugins("archmodel.lowerings")
    return kind in _LOWERINGS


def lower_phases(trace: Trace, idx: int, machine: Machine, placement: Placement) -> tuple[Phase, ...]:
    """Lower one operator of a trace to its phases.

    Parameters
    ----------
    trace, idx
        The operator.
    machine, placement
        Where; the machine has a section ``timing``.

    Raises
    ------
    UnsupportedError
        When the operator does not fit, or cannot be done with what the machine describes.
    """
    return lower_site(find_site(trace, idx, machine, placement))


@lru_cache(maxsize=4096)
def lower_site(site: Site) -> tuple[Phase, ...]:
    """Lower an operator; raises as `lower_phases`."""
    import_plugins("archmodel.lowerings")
    return _LOWERINGS[site.op.kind](site)


class MachineSites:
    """Makes the sites on a machine, and keeps what operators have in common there.

    Parameters
    ----------
    machine
        It has a section ``timing``.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine, self.dram, self.cores = machine, lower_dram(machine), lower_cores(machine)
        self._timings: dict[tuple[str, bool, bool], PeTiming] = {}

    @property
    def dram_latency(self) -> int:
        """Latency of the DRAM [cycles]."""
        assert self.machine.timing is not None  # whoever asks has checked
        return math.ceil(self.machine.timing.memory.dram_latency_s * self.machine.clock_hz)

    def timing(self, dtype: str, *, has_products: bool, is_open: bool = False) -> PeTiming:
        """Give the timing of a PE without DRAM and cache, and where it is to be open, without rates (`open_rates`)."""
        key = dtype, has_products, is_open
        if key not in self._timings:
            assert self.machine.timing is not None  # whoever asks has checked
            timing = lower_timing(self.machine, self.machine.timing, dtype, cache_bytes=1.0)
            timing = timing._replace(cache_bytes=1.0, dram_width=1.0, dram_latency=0)
            timing = timing if has_products else without_matrix(timing)
            self._timings[key] = open_rates(timing) if is_open else timing
        return self._timings[key]

    def site(
        self, placed: PlacedOperator, timing: PeTiming, rows: RowAccess | None, dram: DramChannels = NO_DRAM,
        exchange_cycles: int = 0,
    ) -> Site:  # fmt: skip
        """Give the site of an operator; parameters as in `Site`."""
        machine = self.machine
        assert machine.timing is not None  # whoever asks has checked
        return Site(
            op=placed.op,
            dtype=placed.dtype,
            places=placed.places,
            timing=timing,
            n_pes=machine.pe.n_pes,
            array=machine.array,
            is_round_robin=machine.timing.memory.arbitration == "round_robin",
            dram=dram,
            rows=rows,
            tail=placed.tail,
            is_input_turned=placed.is_input_turned,
            exchange_cycles=exchange_cycles,
            cores=self.cores,
            has_simd=machine.simd is not None,
        )


def find_site(trace: Trace, idx: int, machine: Machine, placement: Placement) -> Site:
    """Collect what decides which program an operator becomes; parameters as in `lower_phases`."""
    operator = trace.operators[idx]
    is_spilled, is_resident = count_live(trace, idx) > placement.lls_bytes, placement.weight_miss_frac == 0
    tensors = (trace.tensors[name] for name in dict.fromkeys(operator.tensors))
    n_bytes = sum(tensor.n_bytes for tensor in tensors if tensor.level == "sram")
    cache_bytes = count_cache(trace, machine.sram.capacity_bytes, placement.lls_bytes, n_bytes, is_spilled, is_resident)
    placed = place_operator(trace, idx, bool(is_spilled), bool(is_resident))
    rows = find_row_access(trace, operator, machine, placement)
    assert machine.timing is not None  # whoever asks has checked
    timing = lower_timing(machine, machine.timing, placed.dtype, float(cache_bytes), placed.write_frac)
    timing = timing if placed.has_products else without_matrix(timing)
    sites = MachineSites(machine)
    return sites.site(placed, timing, rows, sites.dram, _count_exchange(operator, machine))


def _count_exchange(operator: Operator, machine: Machine) -> int:
    """Cycles for which an operator exchanges data with other chips."""
    if machine.scale_up is None or not operator.op.link_bytes(operator.dtype):
        return 0
    return math.ceil(time_exchange(operator.op, operator.dtype, machine.scale_up).time_s * machine.clock_hz)
