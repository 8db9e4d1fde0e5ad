"""Programs of the hardware PE for embedding bags, softmax and layer norm, by the generators of the cycle model.

What moves and in what order comes from `archmodel.lowering.stream` and `archmodel.lowering.indexed`. What a stage does
is a loop of whole numbers (`archmodel.verify.integer_loops`) or an operation of the SIMD engine on a tile in local
memory, and its cycles are by the same laws as those of every stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from archmodel.kernels.lanes import simd_cycles
from archmodel.kernels.pe_timing import PeTiming
from archmodel.kernels.program import IN_A, IN_B, NONE, OUT
from archmodel.kernels.vector_unit import VectorCore
from archmodel.lowering.dram import DramChannels
from archmodel.lowering.indexed import gather_rows
from archmodel.lowering.moves import load_rows, plain_issue, store_rows
from archmodel.lowering.phases import Site
from archmodel.lowering.program import Command, CommandTable, Input, Program, tabulate
from archmodel.lowering.row_access import RowAccess
from archmodel.lowering.stream import Flow, Stage, stream
from archmodel.verify.integer_loops import loop_cycles
from archmodel.workload.operators.embedding_bag import EmbeddingBag
from archmodel.workload.operators.normalise import LayerNorm, Softmax
from archmodel.workload.types import OperatorKind

WORD_BYTES = 4


@dataclass(frozen=True, slots=True)
class Step:
    """Work of one unit on a tile: a loop of the vector unit, or an operation of the SIMD engine.

    Parameters
    ----------
    loop, scalars
        The loop (`archmodel.verify.integer_loops.LOOPS`) and its scalars; no loop: the SIMD engine works.
    held, held_offset
        Words that the loop shares by all rows, and where its address points in them [B].
    operation
        Of the SIMD engine: code, b and a.
    is_wide_in, is_wide_out
        Whether elements and results are words instead of bytes.
    """

    loop: str = ""
    scalars: tuple[int, int] = (0, 0)
    held: tuple[int, ...] = ()
    held_offset: int = 0
    operation: tuple[int, int, int] = (0, 0, 0)
    is_wide_in: bool = True
    is_wide_out: bool = True


@dataclass(frozen=True, slots=True)
class RowKernel:
    """Rows, and what is done to them.

    Parameters
    ----------
    name
        ``embedding_bag``, ``softmax`` or ``layer_norm``.
    n_tiles, rows_per_tile, n_cols
        Tiles; rows of each, for bags the bags; elements of a row.
    n_per_turn
        Elements of a turn of a loop.
    is_wide
        Whether rows are words in memory, else bytes; results are the same.
    steps
        What is done to a tile, in order.
    per_bag
        Rows of a bag; 0 where there are no bags.
    """

    name: str
    n_tiles: int
    rows_per_tile: int
    n_cols: int
    n_per_turn: int
    is_wide: bool
    steps: tuple[Step, ...] = field(repr=False)
    per_bag: int = 0

    @property
    def element_bytes(self) -> int:
        """Bytes of an element in memory."""
        return WORD_BYTES if self.is_wide else 1

    @property
    def n_elements(self) -> int:
        """Elements that a loop treats for each row that it gives: for bags those of all their rows."""
        return self.n_cols * max(1, self.per_bag)

    @property
    def n_gathered(self) -> int:
        """Rows that a tile gathers."""
        return self.rows_per_tile * self.per_bag


def write_program(kernel: RowKernel, timing: PeTiming, core: VectorCore) -> CommandTable:
    """Write the program of a kernel for one PE.

    Parameters
    ----------
    kernel
        What to do.
    timing, core
        Of the PE and of its vector unit.
    """
    stages = [_stage(kernel, idx, timing, core) for idx in range(len(kernel.steps))]
    site = _site(kernel, timing)
    if kernel.per_bag:
        return _without_unused(tabulate(_bag_program(kernel, site, stages)))
    flows = [Flow(kernel.n_cols, kernel.element_bytes, is_far=False, is_joined=True)]
    flows += [
        Flow(len(step.held), WORD_BYTES, is_far=False, stage=idx, is_held=True)
        for idx, step in enumerate(kernel.steps)
        if step.held
    ]
    n_rows = kernel.n_tiles * kernel.rows_per_tile
    phase = stream(site, kernel.name, n_rows, flows, lambda n_rows: stages, flows[:1])
    return _without_unused(phase.table)


def _stage(kernel: RowKernel, idx: int, timing: PeTiming, core: VectorCore) -> Stage:
    """Give the work of a step on a tile; a step of bags is before or behind the loop that adds them up."""
    step = kernel.steps[idx]
    if step.loop:
        cycles = loop_cycles(step.loop, kernel.rows_per_tile, kernel.n_elements, kernel.n_per_turn, core)
        return Stage("vector", cycles)
    return Stage("simd", simd_cycles(count_elements(kernel, idx), 1, timing.lanes), timing.simd_latency)


def count_elements(kernel: RowKernel, idx: int) -> int:
    """Count the elements of a tile that a step takes: those of all gathered rows until they are added up."""
    is_added = any(step.loop == "bag" for step in kernel.steps[:idx])
    return kernel.rows_per_tile * (kernel.n_cols if is_added else kernel.n_elements)


def _bag_program(kernel: RowKernel, site: Site, stages: Sequence[Stage]) -> Program:
    """Write the program of bags: the list of the next tile is loaded before the rows of this one are gathered."""
    timing, n_rows = site.timing, kernel.n_gathered
    lists = load_rows(timing, 1, n_rows * WORD_BYTES, "indices", is_far=False)
    row_bytes = kernel.n_cols * kernel.element_bytes
    work = gather_rows(site, n_rows, row_bytes, "rows", is_far=False, inputs=(Input("indices"),), beside_bytes=0.0)
    given, buffers = "rows", {"indices": 2, "rows": 2}
    for idx, stage in enumerate(stages):
        taken, given = Input(given), f"stage{idx}"
        times = (plain_issue(timing), stage.occupancy_cycles, stage.latency_cycles)
        work += (Command(stage.unit, *times, (taken,), given),)
        buffers[given] = 2
    tile_bytes = kernel.rows_per_tile * kernel.n_cols * kernel.element_bytes
    work += store_rows(timing, 1, tile_bytes, given, is_far=False)
    return Program(
        prologue=lists, body=(*lists, *work), epilogue=work, buffers=buffers, n_inner=kernel.n_tiles - 1,
        queue_depth=timing.queue_depth,
    )  # fmt: skip


def _site(kernel: RowKernel, timing: PeTiming) -> Site:
    """Say where the operator runs: on one PE, with everything in SRAM."""
    n_rows, n_cols = kernel.n_tiles * kernel.rows_per_tile, kernel.n_cols
    kinds: dict[str, OperatorKind] = {
        "softmax": Softmax(n_rows, n_cols),
        "layer_norm": LayerNorm(n_rows, n_cols, affine=True),
        "embedding_bag": EmbeddingBag(1, n_rows, n_cols, n_rows, max(1, kernel.per_bag)),
    }
    return Site(
        op=kinds[kernel.name], dtype="int32" if kernel.is_wide else "int8", places=(), timing=timing, n_pes=1,
        array=None, is_round_robin=False, dram=DramChannels("", None, timing.dram_width, 1.0, 1.0, 1),
        rows=RowAccess(rows_per_command=max(1, kernel.n_gathered)),
    )  # fmt: skip


def _without_unused(table: CommandTable) -> CommandTable:
    """Leave out the buffers that no command names: tiles in a cache that this PE has not."""
    columns = [IN_A, IN_B, OUT]
    used = [b for b in np.unique(table.commands[:, columns]) if b != NONE]
    number = {NONE: NONE} | {int(b): i for i, b in enumerate(used)}
    commands = table.commands.copy()
    for column in columns:
        commands[:, column] = [number[int(b)] for b in commands[:, column]]
    return CommandTable(commands, table.loops, table.capacity[used])
