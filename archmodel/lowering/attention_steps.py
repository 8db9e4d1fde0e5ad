"""Commands of fused attention: what a PE does with a block of queries and a block of keys.

Structure, laws and what they leave out: ``docs/methods/operators/attention.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from archmodel.kernels.layout_unit import transpose_cycles
from archmodel.kernels.matrix_engine import (
    divide_up,
    partial_sum_cycles,
)
from archmodel.lowering.attention_setting import Cut, Lead, Setting, Share, multiply_cycles
from archmodel.lowering.indexed import gather_rows
from archmodel.lowering.moves import load_rows, missed_part, plain_issue, store_rows
from archmodel.lowering.passes import Pass, on_vector, pass_stage
from archmodel.lowering.placed import Place
from archmodel.lowering.program import Command, Input
from archmodel.lowering.stream import Stage

SUM_BYTES = 4
"""Sums of the matrix engine and the numbers that belong to a row are fp32."""
ROW_STATE = 2
"""Numbers of a row beside its results: maximum and sum."""
PREFETCHED = 2
"""Steps by which what is prefetched from DRAM is ahead of what is loaded."""

# Scores leave the accumulators scaled and in the format of the operator. The factor of a row is what its sums shrink by
# when its maximum grows: maximum, subtract, exp, and the sum of the row by it.
_SCALE = (Pass("scale", 1),)
_BIAS = Pass("bias", 1)
_MAXIMUM = Pass("maximum", 1, is_fold=True)
_EXP = (Pass("exp_of_difference", 2),)
_SUM = Pass("sum", 1, is_fold=True)
_SILU = (Pass("silu", 1), Pass("scale", 1))
_FACTOR = Pass("exp", 4)
_MERGE = Pass("modulate", 2)


class Steps:
    """The commands of one step, a block of queries times a block of keys, and of what moves between steps.

    Parameters
    ----------
    setting
        An attention and where it runs.
    cut, share
        How it is cut, and what the busiest PE does.

    Model
    -----
    Scores lie with keys in rows, so that the lanes of the vector cores have a query each; weights and values are
    transposed for the second product. Results of a product are merged into those of the earlier blocks of a turn on the
    lanes; a score function without reductions leaves them to accumulate.
    """

    def __init__(self, setting: Setting, cut: Cut, share: Share) -> None:
        self.setting, self.site, self.op, self.cut, self.share = setting, setting.site, setting.op, cut, share
        self.is_softmax = setting.op.score == "softmax"
        self.n_ahead = 4 if self.is_softmax else 2
        is_fetching = setting.site.timing.has_prefetch and any(
            place.is_far for place in (setting.q, setting.k, setting.v) if place
        )
        self.depth = min(self.n_ahead + (PREFETCHED if is_fetching else 0), share.n_steps)
        self.has_pieces = share.n_turns > 1 and share.n_steps > self.depth
        self.is_merging = self.is_softmax and share.n_steps > share.n_turns
        self.issue = plain_issue(setting.site.timing)

    def step(self, *, is_last: bool = False) -> Iterator[Lead]:
        """Write the commands of a step; of all, the last one gives results even if they do not move in pieces."""
        setting = self.setting
        yield from self._ahead(self._keys(), self.n_ahead)
        if self.has_pieces:
            # The first block of queries is whole, and serves the first products.
            piece = (self.share.n_turns - 1) / (self.share.n_steps - self.n_ahead)
            yield from self._ahead(self.load_queries(piece, 1), self.n_ahead, first=self.n_ahead)
        if setting.bias:
            # A piece of the bias for every position of the queries, as long as there are keys.
            n_positions = math.ceil(self.cut.n_rows / setting.group)
            piece_bytes, is_far = self.cut.n_keys * setting.bias.element_bytes, setting.bias.is_far
            missed_frac = self._missed_bias(n_positions * self.cut.n_keys)
            commands = gather_rows(
                self.site, n_positions, piece_bytes, "biases", is_far=is_far, missed_frac=missed_frac
            )
            yield from self._ahead(commands, self.n_ahead)
        yield Lead(self.n_ahead, self._multiply_keys())
        # On one unit the earliest step goes first; commands of one step follow each other.
        yield from sorted(self.score(), key=lambda lead: min(lead.n_steps, self.depth))
        yield from self._ahead(self._values(), 0)
        if setting.is_turning:
            taken = "rows" if setting.v else "keys"
            yield Lead(0, self._turn(self.cut.n_keys, self.op.value_dim, taken, "values"))
        for command in self._multiply_values(gives=self.has_pieces or is_last):
            yield Lead(0, command)

    def _missed_bias(self, n_loaded: int) -> float:
        """Part of the bias loaded that the cache lacks: all PEs find their pieces of it in one short table."""
        op, share = self.op, self.share
        n_distinct = next(operand.n_elements for operand in op.operands() if operand.name == "bias")
        n_all = n_loaded * share.n_groups * self.cut.n_sharing * share.n_steps
        return missed_part(self.site.timing, n_distinct, n_all)

    def load_queries(self, n_blocks: float, n_pushed: int) -> tuple[Command, ...]:
        """Load so many blocks of queries: rows of the heads that share keys lie together."""
        place = self.setting.q
        rows, row_bytes = self._rows(n_blocks, self.op.head_dim * place.element_bytes)
        return load_rows(self.site.timing, rows, row_bytes, "queries", is_far=place.is_far, n_pushed=n_pushed)

    def finish(self, n_blocks: float, n_taken: int) -> tuple[Command, ...]:
        """Divide so many blocks of results by the sums of their rows, or convert them, and store them."""
        n_elements = math.ceil(n_blocks * self.cut.n_rows * self.op.value_dim)
        is_whole, out = self.cut.n_splits == 1, self.setting.out
        stage = pass_stage(self.site, _SCALE[0], 1, n_elements, "fp32", out.dtype if is_whole else "fp32")
        divide = self._lanes([stage], "done", "results", n_taken)
        rows, row_bytes = self._rows(n_blocks, self.out_bytes / self.cut.n_rows)
        return divide, *store_rows(self.site.timing, rows, row_bytes, "results", is_far=out.is_far and is_whole)

    @property
    def out_bytes(self) -> float:
        """Bytes of a block of results; of a part of the keys, sums and the state of their rows."""
        dim = self.op.value_dim
        if self.cut.n_splits > 1:
            return float(self.cut.n_rows * (dim + ROW_STATE) * SUM_BYTES)
        return self.cut.n_rows * dim * self.setting.out.element_bytes

    def _rows(self, n_blocks: float, row_bytes: float) -> tuple[int, float]:
        """Contiguous rows in so many blocks of queries or results, and bytes of each."""
        n_together = min(self.setting.group, self.cut.n_rows)
        n_rows = max(1, math.ceil(n_blocks * self.cut.n_rows / n_together))
        return n_rows, n_blocks * self.cut.n_rows * row_bytes / n_rows

    def _keys(self) -> tuple[Command, ...]:
        """Load a block of keys; where they are values, too, it is one token for each."""
        n_views = 2 if self.setting.v is None and self.setting.is_turning else 1
        return self._load(self.setting.k, self.op.head_dim, "keys", n_views)

    def _values(self) -> tuple[Command, ...]:
        """Load a block of values, if they are not parts of the keys."""
        if self.setting.v is None:
            return ()
        return self._load(self.setting.v, self.op.value_dim, "rows" if self.setting.is_turning else "values")

    def _load(self, place: Place, dim: int, into: str, n_pushed: int = 1) -> tuple[Command, ...]:
        cast = "same_b" if self.cut.n_sharing > 1 else "own"
        block = into, self.cut.n_keys, cast, self.share.missed_frac
        if block not in self.setting.loads:
            self.setting.loads[block] = load_rows(
                self.site.timing, self.cut.n_keys, dim * place.element_bytes, into, is_far=place.is_far, cast=cast,
                n_pushed=n_pushed, missed_frac=self.share.missed_frac,
            )  # fmt: skip
        return self.setting.loads[block]

    def _ahead(self, commands: Sequence[Command], lead: int, first: int = 0) -> Iterator[Lead]:
        """Say of commands that load how far they are ahead."""
        for command in commands:
            yield Lead(lead + PREFETCHED if command.unit == "prefetch" else lead, command, first)

    def _multiply_keys(self) -> Command:
        issue, occupancy = self._multiply(self.cut.n_rows, self.cut.n_keys, self.op.head_dim)
        taken = (Input("queries", 1, int(self.has_pieces)), Input("keys"))
        return Command("matrix", issue, occupancy, self.site.timing.matrix_latency, taken, "sums")

    def least(self) -> Iterator[Command]:
        """Give commands of a step that take no longer than its own, and no others: products, scores, keys, values."""
        block = self.cut.n_rows, self.cut.n_keys
        if block not in self.setting.least:
            dims = ((*block, self.op.head_dim), (self.cut.n_rows, self.op.value_dim, self.cut.n_keys))
            products = (Command("matrix", *self._multiply(*each)) for each in dims)
            self.setting.least[block] = (*products, *(lead.command for lead in self.score()))
        yield from self.setting.least[block]
        yield from self._keys()
        yield from self._values()

    def score(self) -> tuple[Lead, ...]:
        """Write the score function of one block, or find it written."""
        block = self.cut.n_rows, self.cut.n_keys
        if block not in self.setting.scores:
            seen = Steps(self.setting.seen_by_scores, self.cut, self.share)
            self.setting.scores[block] = tuple(seen._score())
        return self.setting.scores[block]

    def _score(self) -> Iterator[Lead]:
        """Write the score function of one block."""
        dtype, wide = self.site.dtype, self.setting.score_dtype
        scale = (*_SCALE, _BIAS) if self.setting.bias else _SCALE
        if self.is_softmax:
            yield Lead(4, self._map("sums", "scores", scale, "fp32", wide))
            yield Lead(3, self._fold("scores", "maxima", _MAXIMUM, wide))
            yield Lead(2, self._map("maxima", "exponentials", _EXP, wide, dtype))
            yield Lead(1, self._fold("exponentials", "weights", _SUM, dtype))
        else:
            yield Lead(1, self._map("sums", "weights", (*scale, *_SILU), "fp32", dtype))
        if self.setting.is_turning:
            yield Lead(0, self._turn(self.cut.n_keys, self.cut.n_rows, "weights", "turned"))

    def _map(self, taken: str, given: str, passes: Sequence[Pass], dtype: str, stored: str) -> Command:
        """Write passes over all scores of a block."""
        stages = [pass_stage(self.site, one, self.cut.n_rows, self.cut.n_keys, dtype, stored) for one in passes]
        command = self._lanes(stages, taken, given)
        return replace(command, inputs=(*command.inputs, Input("biases"))) if _BIAS in passes else command

    def _fold(self, taken: str, given: str, one: Pass, dtype: str) -> Command:
        """Write a reduction over the keys of a block, which are rows: lanes have a query each, and none is folded."""
        n_rows, n_keys, cores = self.cut.n_rows, self.cut.n_keys, self.site.cores
        if on_vector(self.site, one) and cores is not None:
            n_rows, n_keys = cores.n_cores, math.ceil(n_rows * n_keys / cores.n_cores)
        return self._lanes([pass_stage(self.site, one, n_rows, n_keys, dtype)], taken, given)

    def _lanes(self, stages: Sequence[Stage], taken: str, given: str, n_taken: int = 1) -> Command:
        """Write work of one unit, one after another."""
        occupancy, latency = sum(stage.occupancy_cycles for stage in stages), stages[-1].latency_cycles
        return Command(stages[0].unit, self.issue, occupancy, latency, (Input(taken, n_taken, n_taken),), given)

    def _turn(self, n_rows: int, n_cols: int, taken: str, given: str) -> Command:
        """Write the transposing of a tile."""
        size = self.site.timing.layout_rows
        occupancy = transpose_cycles(divide_up(n_rows, size) * divide_up(n_cols, size), size)
        return Command("layout", self.issue, occupancy, 0, (Input(taken),), given)

    def _multiply_values(self, *, gives: bool) -> Iterator[Command]:
        """Write the product with the values, and how results of several blocks become one."""
        op, cut, timing, setting = self.op, self.cut, self.site.timing, self.setting
        values = (Input("values"),) if setting.v or setting.is_turning else ()
        issue, occupancy = self._multiply(cut.n_rows, op.value_dim, cut.n_keys)
        n_results = cut.n_rows * op.value_dim
        if not self.is_softmax and self.share.n_steps > self.share.n_turns:
            occupancy += partial_sum_cycles(n_results * SUM_BYTES, timing.accumulator_bytes, timing.partial_width)
        taken = (Input("turned" if setting.is_turning else "weights"), *values)
        product = Command("matrix", issue, occupancy, timing.matrix_latency, taken, "partial")
        if not self.is_merging:
            yield replace(product, output="done" if gives else "")
            return
        yield product
        # In all blocks of a turn but the first.
        n_merged = math.ceil(n_results * (1 - self.share.n_turns / self.share.n_steps))
        stages = [
            pass_stage(self.site, _FACTOR, 1, cut.n_rows, "fp32"),
            pass_stage(self.site, _MERGE, 1, n_merged, "fp32"),
        ]
        yield self._lanes(stages, "partial", "done" if gives else "")

    def _multiply(self, n_rows: int, n_cols: int, depth: int) -> tuple[int, int]:
        return multiply_cycles(self.setting.engine, self.setting.element_bytes, n_rows, n_cols, depth)
