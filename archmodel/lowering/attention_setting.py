"""What the cuts of an attention have in common, and what blocks of queries and keys take under any of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

from archmodel.dtypes import dtype_bytes
from archmodel.kernels.lanes import issue_cycles
from archmodel.kernels.matrix_engine import (
    count_held_blocks,
    divide_up,
    dot_product_bytes,
    dot_product_cycles,
    transfer_up,
)
from archmodel.kernels.pe_timing import PeTiming
from archmodel.lowering.dram import NO_DRAM
from archmodel.lowering.phases import Site
from archmodel.lowering.placed import Place
from archmodel.lowering.program import Command
from archmodel.workload.operators.attention import Attention

_UNSEEN = PeTiming._make(math.nan for _ in PeTiming._fields)
_SEEN_BY_SCORES = ("lanes", "simd_latency", "instruction_cycles", "n_contexts", "layout_rows")


@dataclass(frozen=True, slots=True)
class Cut:
    """How attention is cut into blocks and spread over PEs.

    Parameters
    ----------
    n_rows
        Rows of a block of queries; the query heads that share keys are stacked.
    n_keys
        Keys of a block.
    n_sharing
        PEs that work on the same keys at a time, each with its own block of queries.
    n_splits
        Parts into which the keys of a block of queries are cut, for PEs of their own.
    """

    n_rows: int
    n_keys: int
    n_sharing: int
    n_splits: int


@dataclass(frozen=True, slots=True)
class Share:
    """What falls to the busiest PE under a cut.

    Parameters
    ----------
    n_groups
        Groups of PEs that share keys; all of them together are the PEs at work.
    n_turns
        Blocks of queries, one after another.
    n_steps
        Blocks of keys in all turns.
    missed_frac
        Part of the keys and values loaded from DRAM that the cache lacks.
    """

    n_groups: int
    n_turns: int
    n_steps: int
    missed_frac: float


class Lead(NamedTuple):
    """A command, by how many steps it is ahead of the product with the values, and the first step that has it."""

    n_steps: int
    command: Command
    first: int = 0


class Engine(NamedTuple):
    """What of a PE the products see: fields of `PeTiming`."""

    tile_rows: int
    tile_cols: int
    tile_depth: int
    step_depth: int
    n_tiles: int
    load_cycles: int
    gap_cycles: int
    local_width: float
    blocks_per_instruction: int
    instruction_cycles: int
    n_contexts: int


@dataclass(frozen=True)
class Setting:
    """An attention and where it runs: what all its cuts have in common. Without v, values are parts of the keys."""

    site: Site
    op: Attention
    q: Place
    k: Place
    v: Place | None
    bias: Place | None
    out: Place

    @property
    def group(self) -> int:
        """Query heads that share keys."""
        return self.op.n_heads // self.op.n_kv_heads

    @property
    def is_turning(self) -> bool:
        """Whether the layout unit transposes weights and values for the second product."""
        return self.site.timing.layout_rows > 0

    @cached_property
    def score_dtype(self) -> str:
        """Format of scores: vector cores that cannot count in that of the operator are given fp32."""
        cores, dtype = self.site.cores, self.site.dtype
        return dtype if cores is None or dtype in cores.own else "fp32"

    @cached_property
    def engine(self) -> Engine:
        """What the products see."""
        return Engine(*(getattr(self.site.timing, name) for name in Engine._fields))

    @cached_property
    def element_bytes(self) -> float:
        """Bytes of an element of what is multiplied."""
        return dtype_bytes(self.site.dtype)

    @cached_property
    def least(self) -> dict[tuple[int, int], tuple[Command, ...]]:
        """Products and scores of blocks, by their rows and keys."""
        return {}

    @cached_property
    def loads(self) -> dict[tuple[str, int, str, float], tuple[Command, ...]]:
        """What brings a block of keys or values into a buffer: its keys, who shares them, the part that is missed."""
        return {}

    @cached_property
    def seen_by_scores(self) -> Setting:
        """The same with nothing that the score function does not see; what it does not see is no number."""
        seen = {name: getattr(self.site.timing, name) for name in _SEEN_BY_SCORES}
        return replace(self, site=replace(self.site, timing=_UNSEEN._replace(**seen), n_pes=0, dram=NO_DRAM))

    @cached_property
    def scores(self) -> dict[tuple[int, int], tuple[Lead, ...]]:
        """Score functions of blocks, by their rows and keys: other cuts, and other machines, have the same."""
        return _scores(self.seen_by_scores)


@lru_cache(maxsize=1024)
def _scores(seen: Setting) -> dict[tuple[int, int], tuple[Lead, ...]]:
    """Keep the score functions of all settings that they cannot tell apart."""
    return {}


@lru_cache(maxsize=1 << 16)
def multiply_cycles(engine: Engine, element_bytes: float, n_rows: int, n_cols: int, depth: int) -> tuple[int, int]:
    """Cycles to issue and to do a product; what is shorter to hold is held, the other streams by."""
    t, choices = engine, []
    for held, streamed in ((n_cols, n_rows), (n_rows, n_cols)):
        took = dot_product_cycles(
            streamed, held, depth, t.tile_rows, t.tile_cols, t.tile_depth, t.step_depth, t.n_tiles, t.load_cycles,
            t.gap_cycles,
        )  # fmt: skip
        n_bytes = dot_product_bytes(streamed, held, depth, t.tile_rows, t.tile_depth, element_bytes, element_bytes)
        n_products = count_held_blocks(held, depth, t.tile_rows, t.tile_depth) * divide_up(streamed, t.tile_cols)
        issue = issue_cycles(n_products, t.blocks_per_instruction, t.instruction_cycles, t.n_contexts)
        choices.append((max(took, transfer_up(n_bytes, t.local_width)), issue))
    occupancy, issue = min(choices)
    return issue, occupancy
