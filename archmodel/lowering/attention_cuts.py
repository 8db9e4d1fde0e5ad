"""The cuts of an attention on a machine: which look fastest, what they take, and the phase that one becomes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from archmodel.errors import UnsupportedError
from archmodel.kernels.attention_blocks import MOST_KEYS, MOST_ROWS
from archmodel.kernels.attention_cuts import N_JUDGED, judge_cuts
from archmodel.kernels.attention_program import MOST_COMMANDS, AttentionProgram
from archmodel.kernels.attention_shape import N_GATHER_FIELDS, AttentionShape
from archmodel.kernels.attention_steps import N_BUFFERS
from archmodel.kernels.closed_form import N_STATIONS
from archmodel.kernels.program import N_COMMAND_FIELDS, NONE
from archmodel.lowering.attention_setting import Setting, Tried
from archmodel.lowering.far import Far, fits_half
from archmodel.lowering.indexed import gather_rows
from archmodel.lowering.moves import missed_part
from archmodel.lowering.packs import Floats
from archmodel.lowering.phases import Phase, Site
from archmodel.lowering.placed import Place
from archmodel.lowering.program import SHARED, UNITS, CommandTable, Grid, Ints


@dataclass(frozen=True, eq=False)
class Cuts:
    """Cuts of an attention on a machine, or on many that differ in DRAM and cache and answer alike about these.

    Parameters
    ----------
    setting
        The attention and where it runs.
    tried
        The cuts, and what lanes or vector cores take under each.
    given
        What kernels are given of them: shape, timing, cuts, parts that the cache lacks, lanes, gathered biases.
    """

    setting: Setting
    tried: Tried
    given: tuple[AttentionShape, Floats, Ints, Floats, Ints, Ints]

    @classmethod
    def of(cls, setting: Setting, tried: Tried) -> Cuts:
        """Collect what kernels are given."""
        timings = np.array([setting.site.timing], np.float64)
        missed_frac, beside = find_missed(setting, tried.cuts), _gather_biases(setting, tried.cuts)
        return cls(setting, tried, (setting.shape, timings, tried.cuts, missed_frac, tried.lanes, beside))

    def judge(self, far: Far) -> tuple[Ints, Ints, Ints]:
        """Find the cuts that look fastest on each machine, and count them in closed form.

        Parameters
        ----------
        far
            Of machines that differ in nothing else that decides.

        Returns
        -------
        (ndarray (R, V) int64, ndarray (R, V, 2) int64, ndarray (R, V, 15) int64)
            Cuts, those that look fastest first; cycles, and those if nothing overlapped; cycles at work by station.

        Raises
        ------
        UnsupportedError
            When the smallest blocks do not fit local memory.
        """
        likely = np.full((N_JUDGED, len(far.cache_bytes)), NONE)
        n_fit, cycles, work = self._judge(far, likely, np.full(likely.shape, math.inf), _new_program())
        if n_fit == 0:
            reason = (
                f"attention: blocks of {MOST_ROWS[0]} queries and {MOST_KEYS[0]} keys with head_dim "
                f"{self.setting.op.head_dim} do not fit the {self.setting.site.timing.local_bytes:.0f} B of local "
                "memory; make it larger"
            )
            raise UnsupportedError("lowering", (reason,))
        return likely[:n_fit], cycles[:n_fit], work[:n_fit]

    def n_splits(self, chosen: Ints) -> Ints:
        """Give the parts of the keys under some cuts."""
        splits: Ints = self.tried.cuts[chosen, 3]
        return splits

    def lower(self, idx: int) -> Phase:
        """Lower attention under a cut; parts of the keys are left as they are."""
        site, (_, _, n_sharing, _, n_groups, *_) = self.setting.site, self.tried.cuts[idx].tolist()
        program = _new_program()
        self._judge(far_of(site), np.array([[idx]]), np.empty((0, 1)), program)
        n_commands, n_buffers = int(program.loops[:3].sum()), np.count_nonzero(program.capacity)
        table = CommandTable(program.commands[:n_commands].copy(), program.loops, program.capacity[:n_buffers])
        grid = Grid(n_batch=n_groups, n_m=n_sharing)
        return Phase("attend", table, grid, site.timing.queue_depth, site.is_round_robin)

    def _judge(self, far: Far, likely: Ints, best: Floats, program: AttentionProgram) -> tuple[int, Ints, Ints]:
        cycles, work = np.empty((*likely.shape, 2), np.int64), np.empty((*likely.shape, N_STATIONS), np.int64)
        n_fit = judge_cuts(*self.given, _as_rows(far), likely, best, program, cycles, work)
        return n_fit, cycles, work


def far_of(site: Site) -> Far:
    """Give what is behind the SRAM of one machine as columns."""
    timing = site.timing
    return Far(*np.array([[timing.cache_bytes], [timing.dram_width], [timing.dram_latency]], np.float64))


def _new_program() -> AttentionProgram:
    return AttentionProgram(
        np.empty((MOST_COMMANDS, N_COMMAND_FIELDS), np.int64), np.empty(MOST_COMMANDS), np.empty(5, np.int64),
        np.empty(N_BUFFERS, np.int64), np.empty(N_BUFFERS), np.empty(N_BUFFERS, np.int64),
    )  # fmt: skip


def _as_rows(far: Far) -> Floats:
    rows: Floats = np.column_stack((far.cache_bytes, far.dram_width, far.dram_latency)).astype(np.float64)
    return rows


def find_missed(setting: Setting, cuts: Ints) -> Floats:
    """Find the part of the keys and values loaded from DRAM that the cache lacks, under each cut (N,).

    Parameters
    ----------
    setting
        An attention and where it runs.
    cuts
        Fields of `archmodel.kernels.attention_blocks.Cut` (N, 8).

    Model
    -----
    Keys and values are fetched once if those of all heads at work fit half of the cache, else for every block of
    queries.
    """
    timing, n_attended = setting.site.timing, setting.op.kv_attended
    _, n_keys, n_sharing, _, n_groups, _, n_steps, n_heads = cuts.T
    if not (setting.k.is_far or (setting.v and setting.v.is_far)):
        return np.ones(len(cuts))  # nobody asks the cache
    kept = {n: fits_half(n * n_attended * setting.row_bytes, timing) for n in np.unique(n_heads).tolist()}
    n_loaded = n_groups * (1 if timing.has_broadcast else n_sharing) * n_steps * n_keys
    fetched_once = np.minimum(1.0, setting.n_heads * n_attended / n_loaded)
    missed: Floats = np.where([kept[n] for n in n_heads.tolist()], fetched_once, 1.0)
    return missed


def _gather_biases(setting: Setting, cuts: Ints) -> Ints:
    """Write what gathers the bias of a block under each cut (N, 2, 6)."""
    if setting.bias is None:
        return _no_biases(len(cuts))
    written = _no_biases(len(cuts)).copy()
    known: dict[tuple[int, int, int], list[list[int]]] = {}
    for row, (n_rows, n_keys, n_sharing, _, n_groups, _, n_steps, _) in zip(written, cuts.tolist(), strict=True):
        block = math.ceil(n_rows / setting.shape.group), n_keys, n_groups * n_sharing * n_steps
        if block not in known:
            known[block] = _gather_bias(setting, setting.bias, *block)
        row[: len(known[block])] = known[block]
    return written


@lru_cache(maxsize=64)
def _no_biases(n_cuts: int) -> Ints:
    return np.full((n_cuts, 2, N_GATHER_FIELDS), NONE)


def _gather_bias(setting: Setting, bias: Place, n_positions: int, n_keys: int, n_blocks: int) -> list[list[int]]:
    """Write what gathers a piece of the bias for every position of the queries, as long as there are keys.

    All PEs find their pieces, of all their blocks, in one short table.
    """
    site, op = setting.site, setting.op
    n_distinct = next(operand.n_elements for operand in op.operands() if operand.name == "bias")
    missed_frac = missed_part(site.timing, n_distinct, n_positions * n_keys * n_blocks)
    piece_bytes = n_keys * bias.element_bytes
    commands = gather_rows(site, n_positions, piece_bytes, "biases", is_far=bias.is_far, missed_frac=missed_frac)
    return [
        [
            UNITS.index(each.unit), each.issue_cycles, each.occupancy_cycles, each.latency_cycles,
            SHARED.index(each.resource), each.service_cycles,
        ]
        for each in commands
    ]  # fmt: skip
