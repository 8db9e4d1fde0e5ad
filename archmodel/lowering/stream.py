"""Programs of operators whose rows are independent: each PE loads tiles of its rows, works on them, stores results."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from archmodel.errors import UnsupportedError
from archmodel.kernels.lanes import simd_cycles
from archmodel.kernels.pe_timing import MOST_CACHED
from archmodel.lowering.far import by_rates
from archmodel.lowering.indexed import gather_rows, scatter_rows
from archmodel.lowering.moves import AHEAD, BEHIND, count_ahead, load_rows, missed_part, plain_issue, store_rows
from archmodel.lowering.phases import Phase, Site
from archmodel.lowering.program import Command, Grid, Input, Program
from archmodel.lowering.rvv import loop_cycles, loop_of

LEAST_TILES = 4
"""Tiles into which a PE cuts its rows at least, if it has as many: loads, work and stores then overlap."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What moves for each row, in or out.

    Parameters
    ----------
    n_elements, element_bytes
        Elements of a row, and bytes of each.
    is_far
        Whether they are in DRAM.
    n_pieces
        Contiguous pieces of a row.
    is_joined
        Rows follow one another without a gap, so that a tile is one piece.
    is_indexed
        Rows, or their pieces, are at a list of indices (`archmodel.lowering.indexed`).
    stage
        That takes a flow in.
    is_held
        One row, loaded before all others and kept for them; PEs share the read, or find it in the cache.
    missed_frac
        Of what comes from DRAM, the part that the cache lacks.
    """

    n_elements: float
    element_bytes: float
    is_far: bool
    n_pieces: int = 1
    is_indexed: bool = False
    stage: int = 0
    is_held: bool = False
    missed_frac: float = 1.0
    is_joined: bool = False

    @property
    def row_bytes(self) -> float:
        """Bytes of a row."""
        return self.n_elements * self.element_bytes

    def _pieces(self, n_rows: int) -> tuple[int, float]:
        """Contiguous pieces of a tile, and bytes of each."""
        if self.is_joined:
            return 1, n_rows * self.row_bytes
        return n_rows * self.n_pieces, self.row_bytes / self.n_pieces

    def load(self, site: Site, n_rows: int, into: str) -> tuple[Command, ...]:
        """Bring a tile of so many rows into local memory."""
        pieces, cast = self._pieces(n_rows), "same_b" if self.is_held else "own"
        if self.is_indexed:
            return gather_rows(site, *pieces, into, is_far=self.is_far)
        return load_rows(
            site.timing, *pieces, into, is_far=self.is_far, cast=cast, missed_frac=self.missed_frac
        )  # fmt: skip

    def store(self, site: Site, n_rows: int, out_of: str) -> tuple[Command, ...]:
        """Bring a tile of so many rows out of local memory."""
        if self.is_indexed:
            return scatter_rows(site, *self._pieces(n_rows), out_of, is_far=self.is_far)
        return store_rows(site.timing, *self._pieces(n_rows), out_of, is_far=self.is_far)


@dataclass(frozen=True, slots=True)
class Stage:
    """Work of one unit on a tile: cycles for which it is busy, and from then until its result is visible."""

    unit: str
    occupancy_cycles: int
    latency_cycles: int = 0


def stream(
    site: Site,
    name: str,
    n_rows: int,
    flows_in: Sequence[Flow],
    stages: Callable[[int], Sequence[Stage]],
    flows_out: Sequence[Flow],
) -> Phase:
    """Spread independent rows over the PEs and stream them through local memory.

    Parameters
    ----------
    site
        The operator and where it runs.
    name
        Of the phase.
    n_rows
        Rows in all. Operators without rows, elementwise ones, cut their elements into rows of their own (`cut_rows`).
    flows_in
        What is loaded for each row, and what is held: a tile each is one token. The first stage takes up to two, each
        further one its tile and one flow. None: nothing is loaded.
    stages
        Gives the work on a tile of so many rows, in order. None: the one flow in is stored as it is.
    flows_out
        What is stored for each row: up to two flows. What is fused behind the operator works on the first.

    Model
    -----
    A PE has ``⌈rows / PEs⌉`` of them, and as many PEs work as that takes. Rows are in tiles of equal size: as many as
    fit local memory with two tiles of each flow and two between stages beside what is held, but at least `LEAST_TILES`
    tiles. Stages run one after another on a tile and overlap across tiles. What lies between stages is as wide as the
    widest flow.

    Raises
    ------
    UnsupportedError
        When a row does not fit local memory.
    """
    per_pe = math.ceil(n_rows / site.n_pes)
    n_pes = math.ceil(n_rows / per_pe)
    tail_flows = _tail_flows(site, flows_out)
    per_tile = _rows_of_tile(site, per_pe, [*flows_in, *tail_flows, *flows_out], len(stages(1)))
    n_tiles = math.ceil(per_pe / per_tile)
    per_tile = math.ceil(per_pe / n_tiles)
    writer = _Writer(site, n_pes, per_tile)
    work = list(stages(per_tile))
    inputs: list[list[Input]] = [[] for _ in range(len(work) + 2)]  # of each stage, of the tail, of the store
    for idx, flow in enumerate(flows_in):
        inputs[flow.stage].append(writer.load(flow, f"in{idx}"))
    if site.tail.operations:
        inputs[len(work)] += [writer.load(flow, "tail", len(tail_flows)) for flow in tail_flows][:1]
        work.append(_tail_stage(site, per_tile * flows_out[0].n_elements))
    for idx, stage in enumerate(work):
        is_last = idx == len(work) - 1
        n_given = len(flows_out) if is_last else 1
        writer.add(stage, inputs[idx], "out" if is_last else f"stage{idx}", n_given)
        inputs[idx + 1].insert(0, Input("out" if is_last else f"stage{idx}"))
    source = inputs[len(work)][0].buffer
    for flow in flows_out:
        writer.body += flow.store(site, per_tile, source)
        writer.buffers[source + BEHIND] = MOST_CACHED
    program = Program(
        tuple(writer.body), writer.buffers, tuple(writer.prologue), n_inner=n_tiles,
        queue_depth=site.timing.queue_depth, grid=Grid(n_m=n_pes),
    )  # fmt: skip
    return site.phase(name, program)


class _Writer:
    """Commands and buffers of a program, as they are added."""

    def __init__(self, site: Site, n_pes: int, per_tile: int) -> None:
        self.site, self.n_pes, self.per_tile = site, n_pes, per_tile
        self.prologue: list[Command] = []
        self.body: list[Command] = []
        self.buffers: dict[str, int] = {}

    def load(self, flow: Flow, into: str, n_tokens: int = 1) -> Input:
        """Load a tile of a flow, one of so many that are tokens of a buffer; returns what takes them all."""
        if flow.is_held:
            if not self.site.timing.has_broadcast:
                flow = replace(flow, missed_frac=missed_part(self.site.timing, 1, self.n_pes))
            self.prologue += flow.load(self.site, 1, into)
            self.buffers |= {into: 1, into + AHEAD: 1}
            return Input(into, 1, 0)
        self.body += flow.load(self.site, self.per_tile, into)
        n_ahead = count_ahead(self.site.timing, self.n_pes, self.per_tile * flow.row_bytes)
        self.buffers |= {into: 2 * n_tokens, into + AHEAD: n_ahead}
        return Input(into, n_tokens, n_tokens)

    def add(self, stage: Stage, inputs: Sequence[Input], output: str, n_given: int) -> None:
        """Add the work of a stage; what gives nothing has no output."""
        n_tokens = max(1, n_given)
        issue, cycles = plain_issue(self.site.timing), (stage.occupancy_cycles, stage.latency_cycles)
        given = output if n_given else ""
        self.body.append(Command(stage.unit, issue, *cycles, tuple(inputs), given, n_tokens, n_tokens))
        if n_given:
            self.buffers[output] = 2 * n_tokens


def cut_rows(site: Site, n_elements: int, element_bytes: float) -> tuple[int, int]:
    """Cut elements that have no rows into rows and elements per row: fragments of the network, or a share of each PE.

    A row is no more than a 32nd of local memory, so that it fits with its buffers.

    Parameters
    ----------
    site
        Where.
    n_elements
        In all.
    element_bytes
        Of the widest operand.
    """
    most_bytes = min(site.timing.fragment_bytes, site.timing.local_bytes / 32)
    per_row = max(1, min(int(most_bytes / element_bytes), math.ceil(n_elements / site.n_pes)))
    return math.ceil(n_elements / per_row), per_row


def _tail_stage(site: Site, n_results: float) -> Stage:
    """Work of what is fused behind on a tile of results; on vector cores a loop for each function."""
    if site.lone_cores is None:
        n, n_operations = math.ceil(n_results), site.tail.operations
        cycles = by_rates(site.timing, lambda known: simd_cycles(n, n_operations, known.lanes))
        return Stage("simd", cycles, site.timing.simd_latency)
    dtype, cores = site.result.dtype, site.lone_cores
    parts = [(loop_of(name), math.ceil(n_results * share)) for name, share in site.tail.functions]
    return Stage("vector", sum(loop_cycles(loop, 1, n, dtype, dtype, cores) for loop, n in parts))


def _tail_flows(site: Site, flows_out: Sequence[Flow]) -> list[Flow]:
    """Operands of what is fused behind: tokens of one buffer come from one memory, that of the farthest."""
    is_far = any(place.is_far for place in site.tail.operands)
    return [Flow(flows_out[0].n_elements, place.element_bytes, is_far, is_joined=True) for place in site.tail.operands]


def _rows_of_tile(site: Site, per_pe: int, flows: Sequence[Flow], n_stages: int) -> int:
    """Rows of the largest tile that fits, two tiles of each flow and two between stages."""
    streamed = [flow.row_bytes for flow in flows if not flow.is_held]
    held_bytes = sum(flow.row_bytes for flow in flows if flow.is_held)
    row_bytes = 2 * (sum(streamed) + max(0, n_stages - 1) * max(streamed))
    fit = int((site.timing.local_bytes - held_bytes) // row_bytes)
    if fit < 1:
        reason = (
            f"{site.op.kind}: a row needs {row_bytes:.0f} B of local memory with its buffers, and a PE has "
            f"{site.timing.local_bytes:.0f} B; make local memory larger or the row shorter"
        )
        raise UnsupportedError("lowering", (reason,))
    return min(fit, math.ceil(per_pe / min(LEAST_TILES, per_pe)))
