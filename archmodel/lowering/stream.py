"""Programs of operators whose rows are independent: each PE loads tiles of its rows, works on them, stores results."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from archmodel.errors import UnsupportedError
from archmodel.kernels.lanes import simd_cycles
from archmodel.kernels.matmul_program import MOST_CACHED
from archmodel.lowering.indexed import gather_rows, scatter_rows
from archmodel.lowering.moves import AHEAD, BEHIND, count_ahead, load_rows, plain_issue, store_rows
from archmodel.lowering.phases import Phase, Site
from archmodel.lowering.program import Command, Grid, Input, Program

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
    is_indexed
        Rows are at a list of indices (`archmodel.lowering.indexed`).
    """

    n_elements: float
    element_bytes: float
    is_far: bool
    n_pieces: int = 1
    is_indexed: bool = False

    @property
    def row_bytes(self) -> float:
        """Bytes of a row."""
        return self.n_elements * self.element_bytes

    def load(self, site: Site, n_rows: int, into: str) -> tuple[Command, ...]:
        """Bring a tile of so many rows into local memory."""
        if self.is_indexed:
            return (gather_rows(site, n_rows, self.row_bytes, into, is_far=self.is_far),)
        piece_bytes = self.row_bytes / self.n_pieces
        return load_rows(site.timing, n_rows * self.n_pieces, piece_bytes, into, is_far=self.is_far)

    def store(self, site: Site, n_rows: int, out_of: str) -> tuple[Command, ...]:
        """Bring a tile of so many rows out of local memory."""
        if self.is_indexed:
            return scatter_rows(site, n_rows, self.row_bytes, out_of, is_far=self.is_far)
        piece_bytes = self.row_bytes / self.n_pieces
        return store_rows(site.timing, n_rows * self.n_pieces, piece_bytes, out_of, is_far=self.is_far)


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
        What is loaded for each row: up to two flows, of which a tile each is one token. None: nothing is loaded.
    stages
        Gives the work on a tile of so many rows, in order. None: the one flow in is stored as it is.
    flows_out
        What is stored for each row: up to two flows. What is fused behind the operator works on the first.

    Model
    -----
    PE i has ``⌈rows / PEs⌉`` of them, in tiles of equal size: as many rows as fit local memory with two tiles of each
    flow and two between stages, but at least `LEAST_TILES` tiles. Stages run one after another on a tile and overlap
    across tiles. What lies between stages is as wide as the widest flow.

    Raises
    ------
    UnsupportedError
        When a row does not fit local memory.
    """
    n_pes = min(site.n_pes, n_rows)
    per_pe = math.ceil(n_rows / n_pes)
    tail_flows = _tail_flows(site, flows_out)
    per_tile = _rows_of_tile(site, per_pe, [*flows_in, *tail_flows, *flows_out], len(stages(1)))
    n_tiles = math.ceil(per_pe / per_tile)
    per_tile = math.ceil(per_pe / n_tiles)
    timing, taken = site.timing, []
    body: list[Command] = []
    buffers: dict[str, int] = {}
    for idx, flow in enumerate(flows_in):
        into = f"in{idx}"
        body += flow.load(site, per_tile, into)
        buffers |= {into: 2, into + AHEAD: count_ahead(timing, n_pes, per_tile * flow.row_bytes)}
        taken.append(Input(into))
    work = list(stages(per_tile))
    if site.tail.operations:
        n_results = math.ceil(per_tile * flows_out[0].n_elements)
        work.append(Stage("simd", simd_cycles(n_results, site.tail.operations, timing.lanes), timing.simd_latency))
    for idx, stage in enumerate(work):
        given, n_given = f"stage{idx}", 1
        if idx == len(work) - 1:
            given, n_given = "out", max(1, len(flows_out))
            for flow in tail_flows:
                body += flow.load(site, per_tile, "tail")
                n_tail = len(tail_flows)
                buffers |= {"tail": 2 * n_tail, "tail" + AHEAD: count_ahead(timing, n_pes, per_tile * flow.row_bytes)}
            taken += [Input("tail", len(tail_flows), len(tail_flows))] if tail_flows else []
        occupancy, latency = stage.occupancy_cycles, stage.latency_cycles
        command = Command(stage.unit, plain_issue(timing), occupancy, latency, tuple(taken), given, n_given, n_given)
        body.append(command if flows_out or given != "out" else _without_output(command))
        buffers[given] = 2 * n_given
        taken = [Input(given)]
    source = taken[0].buffer
    for flow in flows_out:
        body += flow.store(site, per_tile, source)
        buffers[source + BEHIND] = MOST_CACHED
    program = Program(tuple(body), buffers, n_inner=n_tiles, queue_depth=timing.queue_depth, grid=Grid(n_m=n_pes))
    return site.phase(name, program)


def cut_rows(site: Site, n_elements: int, element_bytes: float) -> tuple[int, int]:
    """Cut elements that have no rows into rows and elements per row: a fragment of the network each, or a PE's share.

    Parameters
    ----------
    site
        Where.
    n_elements
        In all.
    element_bytes
        Of the widest operand.
    """
    per_row = max(1, min(int(site.timing.fragment_bytes / element_bytes), math.ceil(n_elements / site.n_pes)))
    return math.ceil(n_elements / per_row), per_row


def _tail_flows(site: Site, flows_out: Sequence[Flow]) -> list[Flow]:
    """Operands of what is fused behind: tokens of one buffer come from one memory, that of the farthest."""
    is_far = any(place.is_far for place in site.tail.operands)
    return [Flow(flows_out[0].n_elements, place.element_bytes, is_far) for place in site.tail.operands]


def _without_output(command: Command) -> Command:
    return Command(command.unit, command.issue_cycles, command.occupancy_cycles, command.latency_cycles, command.inputs)


def _rows_of_tile(site: Site, per_pe: int, flows: Sequence[Flow], n_stages: int) -> int:
    """Rows of the largest tile that fits, two tiles of each flow and two between stages."""
    widest = max(flow.row_bytes for flow in flows)
    row_bytes = 2 * (sum(flow.row_bytes for flow in flows) + max(0, n_stages - 1) * widest)
    fit = int(site.timing.local_bytes // row_bytes)
    if fit < 1:
        reason = (
            f"{site.op.kind}: a row needs {row_bytes:.0f} B of local memory with its buffers, and a PE has "
            f"{site.timing.local_bytes:.0f} B; make local memory larger or the row shorter"
        )
        raise UnsupportedError("lowering", (reason,))
    return min(fit, math.ceil(per_pe / min(LEAST_TILES, per_pe)))
