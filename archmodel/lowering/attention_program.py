"""The program of fused attention: what a PE does with each block of keys, as a software pipeline.

Structure, laws and what they leave out: ``docs/methods/operators/attention.md``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from archmodel.dtypes import dtype_bytes
from archmodel.kernels.lanes import issue_cycles
from archmodel.kernels.layout_unit import transpose_cycles
from archmodel.kernels.matmul_program import MOST_CACHED
from archmodel.kernels.matrix_engine import (
    count_held_blocks,
    divide_up,
    dot_product_bytes,
    dot_product_cycles,
    partial_sum_cycles,
    transfer_up,
)
from archmodel.lowering.moves import AHEAD, BEHIND, count_ahead, load_rows, plain_issue, store_rows
from archmodel.lowering.passes import Pass, on_vector, pass_stage
from archmodel.lowering.phases import Place, Site
from archmodel.lowering.program import Command, Grid, Input, Program
from archmodel.lowering.stream import Stage
from archmodel.workload.operators.attention import Attention

SUM_BYTES = 4
"""Sums of the matrix engine and the numbers that belong to a row are fp32."""
ROW_STATE = 2
"""Numbers of a row beside its results: maximum and sum."""

# Scores leave the accumulators scaled and in the format of the operator. The factor of a row is what its sums shrink by
# when its maximum grows: maximum, subtract, exp, and the sum of the row by it.
_SCALE = (Pass("scale", 1),)
_MAXIMUM = Pass("maximum", 1, is_fold=True)
_EXP = (Pass("exp_of_difference", 2),)
_SUM = Pass("sum", 1, is_fold=True)
_SILU = (Pass("scale", 1), Pass("silu", 1), Pass("scale", 1))
_FACTOR = Pass("exp", 4)
_MERGE = Pass("modulate", 2)


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


class Setting(NamedTuple):
    """An attention and where it runs: what all its cuts have in common. Without v, values are parts of the keys."""

    site: Site
    op: Attention
    q: Place
    k: Place
    v: Place | None
    out: Place

    @property
    def group(self) -> int:
        """Query heads that share keys."""
        return self.op.n_heads // self.op.n_kv_heads


class Pipeline:
    """Commands of attention under a cut, and the order in which they are issued.

    Parameters
    ----------
    setting
        An attention and where it runs.
    cut, share
        How it is cut, and what the busiest PE does.

    Model
    -----
    A step is a block of queries times a block of keys. While the values of step i are multiplied, the sums of step
    i + 1, the exponentials of step i + 2, the maxima of step i + 3 and the scores of step i + 4 are at work; without
    reductions the score function of step i + 1 and the scores of step i + 2. Blocks of queries follow one another
    without a gap: the queries of the next turn and the results of the last one move in pieces, one with each step.
    """

    def __init__(self, setting: Setting, cut: Cut, share: Share) -> None:
        site = setting.site
        self.setting, self.site, self.op, self.cut, self.share = setting, site, setting.op, cut, share
        self.is_softmax = setting.op.score == "softmax"
        self.n_ahead = min(4 if self.is_softmax else 2, share.n_steps)
        self.n_body = share.n_steps - self.n_ahead
        self.element_bytes = dtype_bytes(site.dtype)
        # Vector cores that cannot count in the format of the operator are given scores in fp32.
        self.score_dtype = site.dtype if site.cores is None or site.dtype in site.cores.own else "fp32"
        self.is_turning = site.timing.layout_rows > 0
        self.is_merging = self.is_softmax and share.n_steps > share.n_turns
        self.has_pieces = share.n_turns > 1 and self.n_body > 0
        self.issue = plain_issue(site.timing)

    def program(self) -> Program:
        """Write the program."""
        n_ahead, turns = self.n_ahead, self.share.n_turns
        prologue = list(self._load_queries(1 if self.has_pieces else turns, n_ahead))
        body: list[Command] = []
        epilogue: list[Command] = []
        for slot in range(n_ahead):  # a pipeline fills, and drains
            prologue += self._slot(range(n_ahead - slot, n_ahead + 1))
            epilogue += self._slot(range(n_ahead - slot), is_last=slot == n_ahead - 1)
        if self.n_body:
            piece = (turns - 1) / self.n_body
            body += self._load_queries(piece, 1) if self.has_pieces else ()
            body += self._slot(range(n_ahead + 1))
            body += self._finish(piece, 1) if self.has_pieces else ()
        epilogue += self._finish(1 if self.has_pieces else turns, n_ahead if self.has_pieces else 1)
        named = {each.buffer for command in (*prologue, *epilogue) for each in command.inputs}
        buffers = {name: size for name, size in self._buffers().items() if name in named}
        return Program(
            tuple(body), buffers, tuple(prologue), tuple(epilogue), n_inner=self.n_body,
            queue_depth=self.site.timing.queue_depth, grid=Grid(n_batch=self.share.n_groups, n_m=self.cut.n_sharing),
        )  # fmt: skip

    def local_bytes(self) -> float:
        """Bytes of local memory that the buffers take; sums are in the accumulators as far as these hold them."""
        op, cut, site = self.op, self.cut, self.site
        n_held = 1 if self.share.n_turns == 1 else 2 if self.has_pieces else self.share.n_turns
        n_scores, n_results = cut.n_rows * cut.n_keys, cut.n_rows * op.value_dim
        queries = n_held * cut.n_rows * op.head_dim * self.setting.q.element_bytes
        n_blocks = 2 if self.is_turning or not op.is_kv_shared else self.n_ahead + 2
        kept = n_blocks * cut.n_keys * op.head_dim * self.setting.k.element_bytes
        if self.setting.v:
            kept += 2 * cut.n_keys * op.value_dim * self.setting.v.element_bytes
        if self.is_turning:
            kept += 2 * cut.n_keys * op.value_dim * self.element_bytes
        # A block of scores is worked on in place, until the product with its values; results take the place of sums.
        scores = (self.n_ahead + 1) * n_scores * max(self.element_bytes, dtype_bytes(self.score_dtype))
        if self.is_turning:
            scores += n_scores * self.element_bytes
        results = n_held * (n_results * SUM_BYTES if self.is_merging else self._out_bytes())
        spilled = max(0, SUM_BYTES * (2 * n_scores + n_results) - site.timing.accumulator_bytes)
        return queries + kept + scores + results + spilled

    def busiest_cycles(self) -> float:
        """Cycles of the unit or memory that is busiest in a step, for all steps, and of one step in sequence."""
        work: dict[str, float] = defaultdict(float)
        for command in self._slot(range(self.n_ahead + 1)):
            work[command.unit] += command.occupancy_cycles
            n_readers = self.share.n_groups * (self.cut.n_sharing if command.cast == "own" else 1)
            work[command.resource] += command.service_cycles * n_readers
        return self.share.n_steps * max(work.values()) + sum(work.values())

    def _slot(self, leads: range, *, is_last: bool = False) -> Iterator[Command]:
        """Write the steps at work in one slot, by how many steps they are ahead of the values."""
        n_ahead = self.n_ahead
        if n_ahead in leads:
            yield from self._load_keys()
            yield self._multiply_keys()
        # On one unit the earliest step goes first.
        for command, lead in sorted(self._score(), key=lambda each: each[1]):
            if lead in leads:
                yield command
        if 0 in leads:
            yield from self._multiply_values(is_giving=self.has_pieces or is_last)

    def _load_queries(self, n_blocks: float, n_pushed: int) -> tuple[Command, ...]:
        """Load so many blocks of queries: rows of the heads that share keys lie together."""
        row_bytes = self.op.head_dim * self.setting.q.element_bytes
        rows, row_bytes = self._rows(n_blocks, row_bytes)
        is_far = self.setting.q.is_far
        return load_rows(self.site.timing, rows, row_bytes, "queries", is_far=is_far, n_pushed=n_pushed)

    def _rows(self, n_blocks: float, row_bytes: float) -> tuple[int, float]:
        """Contiguous rows in so many blocks of queries or results, and bytes of each."""
        n_together = min(self.setting.group, self.cut.n_rows)
        n_rows = max(1, math.ceil(n_blocks * self.cut.n_rows / n_together))
        return n_rows, n_blocks * self.cut.n_rows * row_bytes / n_rows

    def _load_keys(self) -> Iterator[Command]:
        # A block of keys that are values, too, is one token for each.
        n_pushed = 2 if self.op.is_kv_shared and self.is_turning else 1
        yield from self._load(self.setting.k, self.op.head_dim, "keys", n_pushed)

    def _load(self, place: Place, dim: int, into: str, n_pushed: int) -> tuple[Command, ...]:
        cast = "same_b" if self.cut.n_sharing > 1 else "own"
        return load_rows(
            self.site.timing, self.cut.n_keys, dim * place.element_bytes, into, is_far=place.is_far, cast=cast,
            n_pushed=n_pushed, missed_frac=self.share.missed_frac,
        )  # fmt: skip

    def _multiply_keys(self) -> Command:
        issue, occupancy = self._multiply(self.cut.n_rows, self.cut.n_keys, self.op.head_dim)
        taken = (Input("queries", 1, int(self.has_pieces)), Input("keys"))
        return Command("matrix", issue, occupancy, self.site.timing.matrix_latency, taken, "sums")

    def _score(self) -> list[tuple[Command, int]]:
        """Write the score function of one block, and how many steps its commands are ahead of the values."""
        dtype, n_ahead = self.site.dtype, self.n_ahead
        if self.is_softmax:
            chain = [
                (self._map("sums", "scores", _SCALE, "fp32", self.score_dtype), n_ahead),
                (self._fold("scores", "maxima", _MAXIMUM, self.score_dtype), min(3, n_ahead)),
                (self._map("maxima", "exponentials", _EXP, self.score_dtype, dtype), min(2, n_ahead)),
                (self._fold("exponentials", "weights", _SUM, dtype), min(1, n_ahead)),
            ]
        else:
            chain = [(self._map("sums", "weights", _SILU, "fp32", dtype), min(1, n_ahead))]
        if self.is_turning:
            chain.append((self._turn(self.cut.n_keys, self.cut.n_rows, "weights", "turned"), 0))
        return chain

    def _map(self, taken: str, given: str, passes: Sequence[Pass], dtype: str, stored: str) -> Command:
        """Write passes over all scores of a block."""
        stages = [pass_stage(self.site, one, self.cut.n_rows, self.cut.n_keys, dtype, stored) for one in passes]
        return self._lanes(stages, (Input(taken),), given)

    def _fold(self, taken: str, given: str, one: Pass, dtype: str) -> Command:
        """Write a reduction over the keys of a block, which are rows: lanes have a query each, and none is folded."""
        n_rows, n_keys, cores = self.cut.n_rows, self.cut.n_keys, self.site.cores
        if on_vector(self.site, one) and cores is not None:
            n_rows, n_keys = cores.n_cores, math.ceil(n_rows * n_keys / cores.n_cores)
        return self._lanes([pass_stage(self.site, one, n_rows, n_keys, dtype)], (Input(taken),), given)

    def _turn(self, n_rows: int, n_cols: int, taken: str, given: str) -> Command:
        """Write the transposing of a tile."""
        size = self.site.timing.layout_rows
        occupancy = transpose_cycles(divide_up(n_rows, size) * divide_up(n_cols, size), size)
        return Command("layout", self.issue, occupancy, 0, (Input(taken),), given)

    def _lanes(self, stages: Sequence[Stage], taken: tuple[Input, ...], given: str) -> Command:
        occupancy = sum(stage.occupancy_cycles for stage in stages)
        return Command(stages[0].unit, self.issue, occupancy, stages[-1].latency_cycles, taken, given)

    def _multiply_values(self, *, is_giving: bool) -> Iterator[Command]:
        op, cut, timing = self.op, self.cut, self.site.timing
        if self.setting.v:
            yield from self._load(self.setting.v, op.value_dim, "rows" if self.is_turning else "values", 1)
        if self.is_turning:
            yield self._turn(cut.n_keys, op.value_dim, "keys" if op.is_kv_shared else "rows", "values")
        taken_values = () if op.is_kv_shared and not self.is_turning else (Input("values"),)
        weights = Input("turned" if self.is_turning else "weights")
        issue, occupancy = self._multiply(cut.n_rows, op.value_dim, cut.n_keys)
        n_results = cut.n_rows * op.value_dim
        if not self.is_softmax and self.share.n_steps > self.share.n_turns:
            occupancy += partial_sum_cycles(n_results * SUM_BYTES, timing.accumulator_bytes, timing.partial_width)
        given = "partial" if self.is_merging else "done" if is_giving else ""
        product = Command("matrix", issue, occupancy, timing.matrix_latency, (weights, *taken_values), given)
        yield product if given else _without_output(product)
        if self.is_merging:
            # All blocks but the first of a turn: sum · factor + product, and the factor itself.
            n_merged = math.ceil(n_results * (1 - self.share.n_turns / self.share.n_steps))
            stages = [
                pass_stage(self.site, _FACTOR, 1, cut.n_rows, "fp32"),
                pass_stage(self.site, _MERGE, 1, n_merged, "fp32"),
            ]
            merge = self._lanes(stages, (Input("partial"),), "done")
            yield merge if is_giving else _without_output(merge)

    def _finish(self, n_blocks: float, n_taken: int) -> tuple[Command, ...]:
        """Divide so many blocks of results by the sums of their rows, or convert them, and store them."""
        op = self.op
        n_elements = math.ceil(n_blocks * self.cut.n_rows * op.value_dim)
        stored = self.setting.out.dtype if self.cut.n_splits == 1 else "fp32"
        stage = pass_stage(self.site, _SCALE[0], 1, n_elements, "fp32", stored)
        finish = self._lanes([stage], (Input("done", n_taken, n_taken),), "results")
        row_bytes, is_far = self._out_bytes() / self.cut.n_rows, self.setting.out.is_far
        rows, row_bytes = self._rows(n_blocks, row_bytes)
        is_far = is_far and self.cut.n_splits == 1
        return finish, *store_rows(self.site.timing, rows, row_bytes, "results", is_far=is_far)

    def _out_bytes(self) -> float:
        """Bytes of a block of results: of a part of the keys, sums and the state of their rows."""
        dim = self.op.value_dim
        if self.cut.n_splits > 1:
            return self.cut.n_rows * (dim + ROW_STATE) * SUM_BYTES
        return self.cut.n_rows * dim * self.setting.out.element_bytes

    def _multiply(self, n_rows: int, n_cols: int, depth: int) -> tuple[int, int]:
        """Cycles to issue and to do a product; what is shorter to hold is held, the other streams by."""
        t = self.site.timing
        choices = []
        for held, streamed in ((n_cols, n_rows), (n_rows, n_cols)):
            took = dot_product_cycles(
                streamed, held, depth, t.tile_rows, t.tile_cols, t.tile_depth, t.step_depth, t.n_tiles, t.load_cycles,
                t.gap_cycles,
            )  # fmt: skip
            n_bytes = dot_product_bytes(
                streamed, held, depth, t.tile_rows, t.tile_depth, self.element_bytes, self.element_bytes
            )
            n_products = count_held_blocks(held, depth, t.tile_rows, t.tile_depth) * divide_up(streamed, t.tile_cols)
            issue = issue_cycles(n_products, t.blocks_per_instruction, t.instruction_cycles, t.n_contexts)
            choices.append((max(took, transfer_up(n_bytes, t.local_width)), issue))
        occupancy, issue = min(choices)
        return issue, occupancy

    def _buffers(self) -> dict[str, int]:
        op, cut, timing, n_groups = self.op, self.cut, self.site.timing, self.share.n_groups
        n_pes = n_groups * cut.n_sharing
        n_streams = n_groups if timing.has_broadcast else n_pes
        key_bytes = cut.n_keys * op.head_dim * self.setting.k.element_bytes
        queries = cut.n_rows * op.head_dim * self.setting.q.element_bytes
        # Of keys that are values, too, a block is two tokens.
        n_keys = 4 if op.is_kv_shared and self.is_turning else 2
        sizes = {
            "queries": self.n_ahead + 2, "queries" + AHEAD: count_ahead(timing, n_pes, queries),
            "keys": n_keys, "keys" + AHEAD: count_ahead(timing, n_streams, key_bytes),
            "sums": 2, "scores": 2, "maxima": 2, "exponentials": 2, "weights": 2, "turned": 1, "values": 2,
            "partial": 1, "done": self.n_ahead + 2, "results": 2, "results" + BEHIND: MOST_CACHED,
        }  # fmt: skip
        if self.setting.v:
            value_bytes = cut.n_keys * op.value_dim * self.setting.v.element_bytes
            ahead = count_ahead(timing, n_streams, value_bytes)
            sizes |= {"rows": 2, "rows" + AHEAD: ahead, "values" + AHEAD: ahead}
        return sizes


def _without_output(command: Command) -> Command:
    return replace(command, output="")
