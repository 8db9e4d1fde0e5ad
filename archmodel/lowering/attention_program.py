"""The program of fused attention: a software pipeline of steps, its buffers, and the local memory that they take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from archmodel.dtypes import dtype_bytes
from archmodel.kernels.pe_timing import MOST_CACHED
from archmodel.lowering.attention_setting import Cut, Setting, Share
from archmodel.lowering.attention_steps import SUM_BYTES, Steps
from archmodel.lowering.far import FromDram
from archmodel.lowering.moves import AHEAD, BEHIND, count_ahead
from archmodel.lowering.packs import Floats
from archmodel.lowering.program import Command, Grid, Program


class Load(NamedTuple):
    """Work of the units and memories of attention.

    Parameters
    ----------
    n_steps
        Steps in all.
    most, total
        Of the busiest one, and of all of them, in one step; without DRAM [cycles].
    served
        Requests to DRAM in a step: bytes of one, and PEs that make it on their own [B].
    """

    n_steps: int
    most: float
    total: float
    served: tuple[tuple[float, int], ...]

    def busiest_cycles(self, dram_width: Floats) -> Floats:
        """Cycles of the unit or memory that is busiest in a step, for all steps, and of one step in sequence.

        Parameters
        ----------
        dram_width
            Of many machines that differ in nothing else [B/cycle].
        """
        dram = np.zeros(dram_width.shape)
        for n_bytes, n_readers in self.served:
            dram += np.maximum(1.0, np.ceil(n_bytes / dram_width)) * n_readers
        return self.n_steps * np.maximum(self.most, dram) + (self.total + dram)


class Pipeline:
    """Steps of attention under a cut, and the order in which their commands are issued.

    Parameters
    ----------
    setting
        An attention and where it runs.
    cut, share
        How it is cut, and what the busiest PE does.

    Model
    -----
    A slot of the program has commands of several steps. While the values of step i are multiplied, the sums of step
    i + 1, the exponentials of step i + 2, the maxima of step i + 3 and the scores of step i + 4 are at work; without
    reductions the score function of step i + 1 and the scores of step i + 2. Prologue and epilogue fill and drain the
    pipeline once: the queries of later turns and the results of earlier ones move in pieces, one with each slot.
    """

    def __init__(self, setting: Setting, cut: Cut, share: Share) -> None:
        self.setting, self.cut, self.share = setting, cut, share
        self.steps = Steps(setting, cut, share)
        self.n_ahead = min(self.steps.n_ahead, share.n_steps)

    def program(self) -> Program:
        """Write the program."""
        steps, n_turns, depth = self.steps, self.share.n_turns, self.steps.depth
        n_body = self.share.n_steps - depth
        slot, last = list(steps.step()), list(steps.step(is_last=True))
        n_whole = 1 if steps.has_pieces else n_turns
        prologue = list(steps.load_queries(n_whole, self.n_ahead))
        body: list[Command] = []
        epilogue: list[Command] = []
        for i in range(depth):
            prologue += [command for lead, command, first in slot if i - depth + min(lead, depth) >= first]
            leads = last if i == depth - 1 else slot
            epilogue += [command for lead, command, _ in leads if i + min(lead, depth) < depth]
        if n_body:
            body += [command for _, command, _ in slot]
            body += steps.finish((n_turns - 1) / n_body, 1) if steps.has_pieces else ()
        epilogue += steps.finish(n_whole, depth if steps.has_pieces else 1)
        named = {each.buffer for command in (*prologue, *epilogue) for each in command.inputs}
        buffers = {name: size for name, size in self._buffers().items() if name in named}
        return Program(
            tuple(body), buffers, tuple(prologue), tuple(epilogue), n_inner=n_body,
            queue_depth=self.setting.site.timing.queue_depth,
            grid=Grid(n_batch=self.share.n_groups, n_m=self.cut.n_sharing),
        )  # fmt: skip

    def local_bytes(self) -> float:
        """Bytes of local memory that the buffers take; sums are in the accumulators as far as these hold them."""
        setting, op, cut = self.setting, self.setting.op, self.cut
        n_scores, n_results, size = cut.n_rows * cut.n_keys, cut.n_rows * op.value_dim, setting.element_bytes
        n_held = min(2, self.share.n_turns)
        queries = n_held * cut.n_rows * op.head_dim * setting.q.element_bytes
        # Keys that are values, too, stay until the second product if nothing transposes them before.
        n_blocks = 2 if setting.v or setting.is_turning else self.n_ahead + 2
        kept = n_blocks * cut.n_keys * op.head_dim * setting.k.element_bytes
        if setting.v:
            kept += 2 * cut.n_keys * op.value_dim * setting.v.element_bytes
        # A block of scores is worked on in place until it is transposed; results take the place of their sums.
        scores = (self.n_ahead + 1) * n_scores * max(size, dtype_bytes(setting.score_dtype))
        if setting.is_turning:
            kept += 2 * cut.n_keys * op.value_dim * size
            scores += 2 * n_scores * size
        if setting.bias:
            kept += 2 * cut.n_rows / setting.group * cut.n_keys * setting.bias.element_bytes
        results = n_held * (n_results * SUM_BYTES if self.steps.is_merging else self.steps.out_bytes)
        spilled = max(0, SUM_BYTES * (2 * n_scores + n_results) - setting.site.timing.accumulator_bytes)
        return queries + kept + scores + results + spilled

    def load(self) -> Load:
        """Count the work of the units and memories in a step."""
        return self._add_up(command for _, command, _ in self.steps.step())

    def least_cycles(self) -> float:
        """Count cycles that are no more than `Load.busiest_cycles` on any machine, by a part of the commands."""
        load = self._add_up(self.steps.least())
        return load.n_steps * load.most + load.total

    def _add_up(self, commands: Iterable[Command]) -> Load:
        work: dict[str, float] = defaultdict(float)
        served: list[tuple[float, int]] = []
        for command in commands:
            work[command.unit] += command.occupancy_cycles
            n_readers = self.share.n_groups * (self.cut.n_sharing if command.cast == "own" else 1)
            if isinstance(command.service_cycles, FromDram):
                served.append((command.service_cycles.n_bytes, n_readers))
            else:
                work[command.resource] += command.service_cycles * n_readers
        return Load(self.share.n_steps, max(work.values()), sum(work.values()), tuple(served))

    def _buffers(self) -> dict[str, int]:
        setting, op, cut, timing = self.setting, self.setting.op, self.cut, self.setting.site.timing
        n_pes = self.share.n_groups * cut.n_sharing
        n_streams = self.share.n_groups if timing.has_broadcast else n_pes
        query_bytes = cut.n_rows * op.head_dim * setting.q.element_bytes
        key_bytes = cut.n_keys * op.head_dim * setting.k.element_bytes
        value_bytes = cut.n_keys * op.value_dim * setting.v.element_bytes if setting.v else 0.0
        n_keys = 2 if setting.v or not setting.is_turning else 4
        ahead = count_ahead(timing, n_streams, value_bytes)
        return {
            "queries": self.n_ahead + 2, "queries" + AHEAD: count_ahead(timing, n_pes, query_bytes),
            "keys": n_keys, "keys" + AHEAD: count_ahead(timing, n_streams, key_bytes),
            "biases": 2, "biases" + AHEAD: MOST_CACHED,
            "rows": 2, "rows" + AHEAD: ahead, "values": 2, "values" + AHEAD: ahead,
            "sums": 2, "scores": 2, "maxima": 2, "exponentials": 2, "weights": 2, "turned": 2, "partial": 1,
            "done": self.steps.depth + 2, "results": 2, "results" + BEHIND: MOST_CACHED,
        }  # fmt: skip
