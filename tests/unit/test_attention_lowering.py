"""Programs of attention: blocks under masks, what moves, what is spread where, how long it takes, on all machines."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from operator_references import attention_mask

import archmodel as am
from archmodel.kernels.attention_blocks import Cut, Mask, count_key_blocks, count_keys, spread_cut
from archmodel.kernels.program import CAST, IN_A, IN_B, NONE, OCCUPANCY, OUT, OWN, PUSH, RESERVE, RESOURCE, SERVICE
from archmodel.kernels.program import UNIT as UNIT_COLUMN
from archmodel.lowering.attention_cuts import Cuts, find_missed
from archmodel.lowering.attention_setting import Tried, find_setting, time_lanes
from archmodel.lowering.phases import find_site, lower_site
from archmodel.lowering.program import MAX_TOKENS, SHARED, UNITS
from archmodel.mapping import place
from archmodel.models import find_model
from archmodel.workload.operators.attention import Attention
from archmodel.workload.single import operators_trace

MACHINES = ["mtia_v1", "mtia_2i", "mtia_300", "rivos_like", "tt_wormhole_n150", "systolic_ws"]
PREFILL = {"batch": 1, "n_heads": 8, "n_kv_heads": 8, "q_len": 1024, "kv_len": 1024, "head_dim": 128, "causal": True}
DECODE = {"batch": 1, "n_heads": 32, "n_kv_heads": 8, "q_len": 1, "kv_len": 4096, "head_dim": 128, "causal": True}
OPERATORS = {
    "prefill": PREFILL,
    "prefill with grouped heads": {**PREFILL, "n_kv_heads": 2},
    "window": {**PREFILL, "window": 128},
    "cross attention": {**PREFILL, "kv_len": 77, "causal": False},
    "decode": DECODE,
    "decode of one short sequence": {**DECODE, "kv_len": 17},
    "latent decode": {**DECODE, "n_kv_heads": 1, "head_dim": 288, "v_dim": 256, "is_kv_shared": True},
    "candidates": {**PREFILL, "score": "silu", "targets": 256},
    "candidates with a bias": {**PREFILL, "score": "silu", "targets": 256, "has_bias": True},
    "a small encoder": {**PREFILL, "q_len": 197, "kv_len": 197, "head_dim": 64, "causal": False},
    "short sequences": {**PREFILL, "batch": 64, "q_len": 16, "kv_len": 16, "head_dim": 32},
}


def trace_of(dims, level="sram", dtype="fp16"):
    op = Attention(**dims)
    return operators_trace("attention", [dims], dtype, {operand.name: level for operand in op.operands()})


def site_of(machine, dims, level="sram"):
    chip, trace = am.machine(machine), trace_of(dims, level)
    return find_site(trace, 0, chip, place(trace, chip))


def cycles_of(machine, dims, level="sram", mode=None):
    return find_model("cycle", mode).count(site_of(machine, dims, level)).cycles


def service(phase, resource):
    """Cycles for which a shared memory serves all PEs."""
    table, loops = phase.table.commands, phase.table.loops
    times = np.repeat([1, loops[3], 1], loops[:3])
    asks = table[:, RESOURCE] == SHARED.index(resource)
    n_readers = np.where(table[:, CAST] == OWN, phase.grid.n_pes, phase.grid.n_batch)
    return int((times * table[:, SERVICE] * n_readers)[asks].sum())


def busy(phase, unit):
    """Cycles for which a unit of one PE is busy."""
    table, loops = phase.table.commands, phase.table.loops
    times = np.repeat([1, loops[3], 1], loops[:3])
    return int((times * table[:, OCCUPANCY])[table[:, UNIT_COLUMN] == UNITS.index(unit)].sum())


def spread(setting, n_rows, n_keys, n_sharing=1, n_splits=1):
    return spread_cut(setting.mask, setting.n_heads, setting.site.n_pes, n_rows, n_keys, n_sharing, n_splits)


def lower_under(setting, *blocks):
    cuts = np.array([spread(setting, *blocks)])
    return Cuts.of(setting, Tried(cuts, time_lanes(setting, cuts))).lower(0)


def units(phase):
    return {UNITS[unit] for unit in phase.table.commands[:, UNIT_COLUMN]}


# Blocks under masks.


@pytest.mark.parametrize(
    "limits",
    [{}, {"window": 5}, {"chunk": 4}, {"window": 3, "chunk": 8}, {"targets": 6}, {"targets": 4, "window": 7}],
    ids=str,
)
@pytest.mark.parametrize(("n_rows", "n_keys"), [(1, 1), (4, 3), (6, 8), (24, 5)])
def test_blocks_of_keys_cover_what_the_mask_lets_pass(limits, n_rows, n_keys):
    op = Attention(**{**PREFILL, "n_heads": 4, "n_kv_heads": 2, "q_len": 12, "kv_len": 20, **limits})
    mask = Mask(op.q_len, op.kv_len, 2, op.causal, op.window, op.chunk, op.targets)
    attended = np.repeat(attention_mask(op), 2, axis=0)  # two heads stacked
    lengths = []
    for begin in range(0, len(attended), n_rows):
        rows = attended[begin : begin + n_rows]
        first, last = 8 + begin // 2, 8 + (begin + len(rows) - 1) // 2
        keys = count_keys(mask, first, last)
        seen = np.flatnonzero(rows.any(axis=0))
        assert keys >= seen.size
        if not op.targets:  # nothing between the first and the last key that the rows see is skipped
            assert keys <= seen[-1] - seen[0] + 1 + (op.chunk or 0)
        lengths.append(math.ceil(keys / n_keys))
    assert count_key_blocks(mask, n_rows, n_keys, 1) == (sum(lengths), max(lengths), min(lengths))


def test_without_a_mask_every_block_is_visited():
    mask = Mask(100, 1000, 1, False, 0, 0, 0)
    assert count_key_blocks(mask, 32, 128, 1) == (4 * 8, 8, 8)
    assert count_key_blocks(mask, 32, 128, 3) == (4 * 3, 3, 3)


def test_causal_blocks_grow_by_hand():
    """Four blocks of 16 queries over blocks of 32 keys: keys 16, 32, 48, 64, which are 1, 1, 2, 2 blocks."""
    assert count_key_blocks(Mask(64, 64, 1, True, 0, 0, 0), 16, 32, 1) == (6, 2, 1)


# What falls to a PE.


def test_rounds_of_blocks_are_evened_out_by_hand():
    """128 blocks of queries attend 1, 1, 2, 2 … 64 blocks of keys; 64 PEs take a long and a short one each."""
    dims = {**PREFILL, "n_heads": 1, "n_kv_heads": 1, "q_len": 4096, "kv_len": 4096}
    setting = find_setting(site_of("mtia_2i", dims))
    cut = spread(setting, 32, 64)
    assert (cut.n_groups, cut.n_turns, cut.n_steps) == (64, 2, 65)
    # One block each: the longest decides.
    alone = spread(setting, 64, 64)
    assert (alone.n_turns, alone.n_steps) == (1, 64)


@pytest.mark.parametrize("name", OPERATORS)
def test_pes_do_at_least_the_pairs_of_the_mask(name):
    site = site_of("mtia_2i", OPERATORS[name])
    setting, op = find_setting(site), Attention(**OPERATORS[name])
    for cut in (*map(Cut._make, setting.tried.cuts.tolist()), spread(setting, 16, 16, 1, 3)):
        n_pairs = cut.n_groups * cut.n_sharing * cut.n_steps * cut.n_rows * cut.n_keys
        assert n_pairs >= op.batch * op.n_heads * op.pairs
        assert cut.n_groups * cut.n_sharing <= site.n_pes


def test_cuts_are_tried_by_hand():
    """Two heads of 64 queries on 64 PEs: blocks of 16, 32 and 64 rows; no PE to spare but for what two heads leave."""
    dims = {**PREFILL, "n_heads": 2, "n_kv_heads": 2, "q_len": 64, "kv_len": 128, "causal": False}
    cuts = [Cut._make(cut) for cut in find_setting(site_of("mtia_2i", dims)).tried.cuts.tolist()]
    assert {(cut.n_rows, cut.n_sharing, cut.n_splits) for cut in cuts} == {
        (16, 1, 1), (16, 1, 8), (16, 4, 1), (16, 4, 8), (32, 1, 1), (32, 1, 16), (64, 1, 1), (64, 1, 32),
    }  # fmt: skip
    assert [cut.n_keys for cut in cuts[:3]] == [32, 64, 128]
    assert {cut.n_keys for cut in cuts if cut.n_splits == 32} == {4}


# What moves.


def test_keys_and_values_come_from_dram_once_if_the_cache_holds_them():
    site = site_of("mtia_2i", PREFILL, "dram")
    (phase,) = lower_site(site)
    n_bytes = 4 * PREFILL["n_heads"] * 1024 * 128 * 2.0  # q, k, v and out
    assert service(phase, "dram") * site.timing.dram_width == pytest.approx(n_bytes, rel=0.1)


def test_without_a_cache_every_block_of_queries_fetches_its_keys():
    cached = site_of("mtia_2i", PREFILL, "dram")
    setting = find_setting(cached)
    cuts = np.array([spread(setting, 64, 64)])
    assert find_missed(setting, cuts) < 0.2
    no_cache = replace(setting, site=replace(cached, timing=cached.timing._replace(cache_bytes=0.0)))
    assert find_missed(no_cache, cuts) == 1.0


def test_query_heads_of_a_group_share_what_is_loaded():
    (alone,) = lower_site(site_of("mtia_2i", {**DECODE, "n_kv_heads": 32, "batch": 8}, "dram"))
    (grouped,) = lower_site(site_of("mtia_2i", {**DECODE, "n_kv_heads": 8, "batch": 8}, "dram"))
    assert service(grouped, "dram") == pytest.approx(service(alone, "dram") / 4, rel=0.02)


def test_a_shared_latent_is_loaded_once():
    dims = {**DECODE, "n_kv_heads": 1, "head_dim": 576, "v_dim": 512, "n_heads": 128, "batch": 64}
    site = site_of("mtia_2i", {**dims, "is_kv_shared": True}, "dram")
    phases = lower_site(site)
    n_bytes = 2.0 * 64 * (4096 * 576 + 128 * (576 + 512))
    assert sum(service(phase, "dram") for phase in phases) * site.timing.dram_width == pytest.approx(n_bytes, rel=0.05)


def test_pes_that_share_keys_read_them_together():
    setting = find_setting(site_of("mtia_2i", {**PREFILL, "causal": False}))
    together, apart = lower_under(setting, 32, 64, 16), lower_under(setting, 32, 64)
    assert service(together, "sram") < service(apart, "sram") / 4
    assert busy(together, "matrix") == busy(apart, "matrix")


def test_a_bias_is_one_more_load_of_every_block():
    bias = {**OPERATORS["candidates"], "has_bias": True}
    assert cycles_of("mtia_2i", bias) > cycles_of("mtia_2i", OPERATORS["candidates"])


@pytest.mark.parametrize("level", ["sram", "dram"])
@pytest.mark.parametrize("machine", MACHINES[:-1])
def test_programs_take_from_every_buffer_and_give_to_it_what_they_take_space_for(machine, level):
    for dims in OPERATORS.values():
        table = lower_site(site_of(machine, dims, level))[0].table
        assert 1 <= table.capacity.min() <= table.capacity.max() <= MAX_TOKENS
        times = np.repeat([1, table.loops[3], 1], table.loops[:3])
        for buffer in range(table.capacity.size):
            gives = table.commands[:, OUT] == buffer
            assert (table.commands[:, [IN_A, IN_B]] == buffer).any()
            assert gives.any()
            assert times[gives] @ (table.commands[gives, RESERVE] - table.commands[gives, PUSH]) == 0
        named = table.commands[:, [IN_A, IN_B, OUT]]
        assert set(np.unique(named)) - {NONE} == set(range(table.capacity.size))


# Who works.


def test_softmax_works_on_lanes_and_vector_cores_and_silu_on_lanes_only():
    (softmax,), (silu,) = (lower_site(site_of("mtia_2i", OPERATORS[name])) for name in ("prefill", "candidates"))
    assert {"matrix", "simd", "vector", "layout"} <= units(softmax)
    assert "vector" not in units(silu)
    (vector_only,) = lower_site(site_of("rivos_like", PREFILL))
    assert "simd" not in units(vector_only)
    (lanes_only,) = lower_site(site_of("tt_wormhole_n150", PREFILL))
    assert "vector" not in units(lanes_only)


def test_decode_splits_keys_among_pes_that_would_idle():
    attend, combine = lower_site(site_of("mtia_300", {**DECODE, "kv_len": 32768}, "dram"))
    assert (attend.name, combine.name) == ("attend", "combine")
    assert attend.grid.n_pes == 72  # 8 heads in 9 parts


def test_an_array_multiplies_unfused_and_without_masks():
    phases = lower_site(site_of("systolic_ws", PREFILL))
    assert [phase.name for phase in phases] == ["product", "softmax", "product"]
    assert cycles_of("systolic_ws", PREFILL) == cycles_of("systolic_ws", {**PREFILL, "causal": False})


def test_what_does_not_fit_local_memory_is_refused_with_what_to_do():
    tiny = am.machine("mtia_2i", {"local.capacity": "16 KiB"})
    with pytest.raises(am.UnsupportedError, match=r"do not fit the 16384 B of local memory; make it larger"):
        am.evaluate(tiny, trace_of(PREFILL), model="cycle")


# How long it takes.


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", OPERATORS)
def test_times_are_bracketed_and_the_closed_form_is_near(machine, name):
    chip, trace = am.machine(machine), trace_of(OPERATORS[name])
    by_model = {model: am.evaluate(chip, trace, model=model).operators.rows() for model in ("analytic", "cycle")}
    cycle, analytic = (next(iter(by_model[model])) for model in ("cycle", "analytic"))
    for row in (cycle, analytic):
        assert row["lower_s"] <= row["latency_s"] <= row["upper_s"]
    assert analytic["cycles"] == pytest.approx(cycle["cycles"], rel=0.15)


@pytest.mark.parametrize("machine", ["mtia_2i", "mtia_300", "tt_wormhole_n150"])
@pytest.mark.parametrize("name", ["prefill with grouped heads", "window", "decode", "candidates", "latent decode"])
def test_one_pe_stands_for_all(machine, name):
    one, every = (cycles_of(machine, OPERATORS[name], "dram", mode) for mode in ("representative", "grid"))
    assert one == pytest.approx(every, rel=0.05)  # 4.5 % at most, on Wormhole


def test_causal_is_half_of_full_and_a_window_is_less():
    dims = {**PREFILL, "q_len": 4096, "kv_len": 4096}
    full, causal, window = (
        cycles_of("mtia_2i", {**dims, **limits}) for limits in ({"causal": False}, {}, {"window": 256})
    )
    assert causal == pytest.approx(full / 2, rel=0.06)
    assert window < causal / 4


@pytest.mark.parametrize("machine", ["mtia_2i", "mtia_300"])
def test_decode_of_a_long_context_is_bound_by_dram(machine):
    dims = {**DECODE, "kv_len": 131_072}
    site = site_of(machine, dims, "dram")
    least = 2 * 8 * 131_072 * 128 * 2.0 / site.timing.dram_width
    assert least <= cycles_of(machine, dims, "dram") <= 1.06 * least


@pytest.mark.parametrize(
    ("machine", "least", "most"), [("mtia_2i", 0.70, 0.90), ("mtia_300", 0.60, 0.85), ("mtia_v1", 0.35, 0.50)]
)
def test_long_prefill_uses_the_matrix_engine_as_well_as_attention_on_gpus(machine, least, most):
    """FlashAttention has 35 to 40 % of the peak of an H100 in version 2 and 75 % in version 3 (arXiv:2407.08608)."""
    dims = {**PREFILL, "n_heads": 32, "n_kv_heads": 8, "q_len": 4096, "kv_len": 4096}
    chip = am.machine(machine)
    flop = Attention(**dims).work().matrix_flop
    used = flop / chip.peak_flop_per_s("matrix", "fp16") / (cycles_of(machine, dims) / chip.clock_hz)
    assert least <= used <= most
