"""Model `wave`: each rule on its own, by hand where it can be."""

from __future__ import annotations

import math

import pytest

import archmodel as am
from archmodel.errors import InputError, UnsupportedError
from archmodel.kernels.wave import memory_s
from archmodel.kernels.wave_attention import QUERIES
from archmodel.kernels.wave_product import Product, is_tile, reread, time_product, time_product_tiled
from archmodel.lowering.wave import lower_chip

H100 = am.machine("h100_sxm")
CHIP = lower_chip(H100, H100.wave)
MAC_S = 1 / (2048 * 1.83e9 * 0.80)  # 2048 MACs of 16 bits per cycle and SM, at what large products reach
WAVE_MACHINES = [name for name in am.machines() if am.machine(name).wave is not None]
OPERATORS = {
    operator.op.kind: operator for name in am.workloads() for operator in reversed(am.workload(name).operators)
}


def product(m, n, k, dram_bytes=0.0):
    return Product(1.0, float(m), float(n), float(k), 2.0, 2.0, 2.0, 1.0, MAC_S, dram_bytes, 0.0)


def operator_row(kind, machine=H100, **dims):
    place = dims.pop("place", None)
    return am.evaluate_operator(machine, kind, model="wave", launch="graph", place=place, **dims)


def kernel_s(row):
    return row["latency_s"] - row["launch_s"]


def test_machines_that_describe_waves():
    assert WAVE_MACHINES == ["h100_500w", "h100_sxm", "h200_sxm", "mi300x", "tpu_v5e"]


def test_a_chip_is_its_machine_seen_from_one_slot():
    assert CHIP.n_slots == 132
    assert math.isclose(1 / CHIP.sram_s_per_byte, 3005 * 1.83e9)
    assert math.isclose(132 / CHIP.local_s_per_byte, H100.local_bandwidth_bytes_per_s)
    assert CHIP.sram_bytes == 25 * 2**20
    tpu = am.machine("tpu_v5e")
    assert lower_chip(tpu, tpu.wave).n_slots == 4


def test_one_tile_too_many_is_one_more_wave():
    full = time_product_tiled(CHIP, product(128 * 132, 128, 4096), 128.0, 128.0, 1.0)
    over = time_product_tiled(CHIP, product(128 * 133, 128, 4096), 128.0, 128.0, 1.0)
    assert (full.n_waves, over.n_waves) == (1, 2)
    assert over.matrix_s == 2 * full.matrix_s == pytest.approx(2 * 128 * 128 * 4096 * MAC_S)
    assert over.time_s > full.time_s + 0.9 * full.matrix_s


def test_a_step_is_whole():
    whole, more = (time_product_tiled(CHIP, product(128, 128, k), 128.0, 128.0, 1.0) for k in (64, 65))
    assert more.matrix_s == 2 * whole.matrix_s


def test_tiles_fit_the_instruction_either_way_round_and_the_accumulators():
    assert is_tile(CHIP, 64.0, 8.0)
    assert is_tile(CHIP, 8.0, 64.0)
    assert not is_tile(CHIP, 32.0, 32.0)  # neither edge has 64 rows
    assert is_tile(CHIP, 192.0, 256.0)
    assert not is_tile(CHIP, 256.0, 256.0)  # 256 KiB of sums in 192 KiB


def test_the_tile_taken_is_the_fastest_tried():
    for shape in ((8192, 8192, 8192), (1, 4096, 4096), (300, 1000, 7777)):
        best = time_product(CHIP, product(*shape))
        for rows, cols in ((128.0, 128.0), (128.0, 256.0), (64.0, 8.0), (8.0, 64.0)):
            assert best.time_s <= time_product_tiled(CHIP, product(*shape), rows, cols, 1.0).time_s


def test_depth_is_split_only_while_slots_are_idle():
    deep, wide = time_product(CHIP, product(64, 64, 65536)), time_product(CHIP, product(8192, 8192, 65536))
    assert deep.split > 1
    assert deep.n_tiles <= 2 * CHIP.n_slots
    assert wide.split == 1


def test_operands_that_fit_pass_dram_once_others_by_patches():
    assert reread(CHIP, product(1024, 1024, 1024), 128.0, 256.0, 1.0) == 1.0
    m = n = k = 16384
    # 132 tiles of 128 x 256 at once: a patch of 17 x 8 in a grid of 128 x 64.
    patches_m, patches_n = math.ceil(128 / 17), math.ceil(64 / 8)
    read = 2 * k * (m * patches_n + n * patches_m)
    expected = (read + 2 * m * n) / (2 * (m * k + n * k + m * n))
    assert reread(CHIP, product(m, n, k), 128.0, 256.0, 1.0) == pytest.approx(expected)


def test_few_slots_cannot_fill_the_memory():
    one = memory_s(1e6, CHIP.dram_s_per_byte, CHIP.dram_latency_s, 1.0, CHIP.in_flight_bytes)
    assert one == pytest.approx(1e6 * 0.6e-6 / 32768)
    assert memory_s(1e6, CHIP.dram_s_per_byte, CHIP.dram_latency_s, 132.0, CHIP.in_flight_bytes) == pytest.approx(
        1e6 / (3.35e12 * 0.942)
    )


def test_small_streams_cost_latency_large_ones_bandwidth():
    small, large = (operator_row("elementwise", n=n, function="add") for n in (1024, 2**28))
    assert small["bound"] == "latency"
    assert kernel_s(small) == pytest.approx((0.77 + 0.6 + 0.15) * 1e-6, rel=0.1)
    assert kernel_s(large) == pytest.approx(large["bytes"] / (3.35e12 * 0.942), rel=0.01)


def test_an_eager_launch_contains_the_latencies_of_a_small_kernel():
    eager = am.evaluate_operator(H100, "elementwise", n=1024, function="add", model="wave")
    assert eager["latency_s"] == pytest.approx(H100.launch.eager_s, rel=0.05)


PROMPT = {"batch": 1, "n_heads": 32, "n_kv_heads": 8, "q_len": 8192, "kv_len": 8192, "head_dim": 128}


def test_masks_skip_blocks():
    full, causal = (kernel_s(operator_row("attention", **PROMPT, causal=mask)) for mask in (False, True))
    window = kernel_s(operator_row("attention", **PROMPT, causal=True, window=1024))
    chunk = kernel_s(operator_row("attention", **PROMPT, causal=True, chunk=1024))
    assert 0.5 < causal / full < 0.56
    assert 1024 / 8192 < window / full < 1.5 * 1024 / 8192
    assert chunk < window


def test_a_block_takes_products_and_what_of_the_scores_is_not_hidden():
    row = operator_row("attention", **PROMPT)
    blocks = 32 * (8192 // 128) * (8192 // 128)
    block_cycles = 2048 / 0.80 + (1 - 0.49) * 16384 * (1 / 16 + 6 / 128)
    n_waves = math.ceil(32 * 8192 / 128 / 132)
    assert row["n_waves"] == n_waves
    expected_s = n_waves * (8192 // 128) * block_cycles / 1.83e9
    assert blocks <= 132 * n_waves * (8192 // 128)
    assert kernel_s(row) == pytest.approx(expected_s, rel=0.03)


def test_flash_attention_3_comes_out_as_the_ablation_it_was_taken_from():
    """582 TFLOP/s (arXiv:2407.08608): batch 4, 8448 positions, 16 heads of 128, unmasked, without pipelining."""
    dims = {"batch": 4, "n_heads": 16, "n_kv_heads": 16, "q_len": 8448, "kv_len": 8448, "head_dim": 128}
    row = operator_row("attention", dtype="fp16", **dims)
    assert row["flop"] > 0
    assert 4 * 4 * 16 * 8448**2 * 128 / kernel_s(row) == pytest.approx(582e12, rel=0.04)


def test_few_queries_stack_their_heads_and_split_their_keys():
    decode = {**PROMPT, "q_len": 1, "kv_len": 65536}
    row = operator_row("attention", **decode)
    rows, _ = row["tile"].split("x")
    assert int(rows) == 8  # four heads, the least that the instruction has
    assert row["split"] > 1
    assert row["bound"] == "dram"
    cache_bytes = 2 * 8 * 65536 * 128 * 2
    assert kernel_s(row) == pytest.approx(cache_bytes / (3.35e12 * 0.942), rel=0.15)


def test_many_queries_are_not_stacked():
    row = operator_row("attention", **PROMPT)
    assert row["tile"].startswith(f"{QUERIES:.0f}x")
    assert row["split"] == 1


def test_shared_keys_and_values_are_read_once():
    absorbed = {"batch": 64, "n_heads": 16, "n_kv_heads": 1, "q_len": 1, "kv_len": 8192, "head_dim": 576, "v_dim": 512}
    shared = operator_row("attention", **absorbed, is_kv_shared=True)
    apart = operator_row("attention", **absorbed)
    assert shared["dram_busy_s"] / apart["dram_busy_s"] == pytest.approx(576 / (576 + 512), rel=0.05)


def test_rows_are_quantised_by_a_kernel_of_their_own():
    plain = operator_row("linear", m=4096, n=4096, k=4096, dtype="fp8")
    quantised = operator_row("linear", m=4096, n=4096, k=4096, dtype="fp8", quantise="rows")
    assert quantised["latency_s"] > plain["latency_s"] + H100.launch.operator_s


def test_the_end_of_a_fused_product_is_fused():
    b = am.TraceBuilder(dtype="bf16")
    x = b.input("x", (4096, 1024))
    x = b.add("fc", OPERATORS["matmul"].op.__class__(m=4096, n=1024, k=1024), x)
    b.add("act", OPERATORS["elementwise"].op.__class__(n=4096 * 1024, function="gelu"), x)
    trace = b.finish(name="mlp", title="MLP", phase="inference", run={}, items=1, item="row")
    assert len(am.evaluate(H100, trace, model="wave").operators) == 1
    assert len(am.evaluate(H100, trace, model="wave", launch="eager").operators) == 2


# Operands of lone operators are in DRAM: what does not fit that of a TPU.
SMALLER = {"grouped_matmul": {"m_total": 64, "experts": 8, "active": 8.0}}


@pytest.mark.parametrize("name", WAVE_MACHINES)
def test_every_operator_kind_has_an_answer(name):
    machine = am.machine(name)
    for kind, operator in OPERATORS.items():
        row = operator_row(kind, machine, dtype="bf16", **(operator.op.dims() | SMALLER.get(kind, {})))
        assert row["status"] == "ok", (kind, row["message"])
        assert 0 < row["lower_s"] <= row["latency_s"] <= row["upper_s"], kind


def test_a_machine_without_the_section_is_refused():
    with pytest.raises(UnsupportedError, match="no section 'wave' is described"):
        am.evaluate_operator(am.machine("mtia_2i"), "matmul", m=64, n=64, k=64, dtype="fp16", model="wave")


def test_a_tile_that_no_slot_holds_is_refused():
    with pytest.raises(InputError, match=r"wave\.accumulators: no tile fits; give at least 2048 B"):
        am.machine("h100_sxm", {"wave.accumulators": "1 KiB"})


def test_wide_values_leave_room_for_fewer_queries():
    absorbed = {"batch": 1, "n_heads": 128, "n_kv_heads": 1, "q_len": 1, "kv_len": 8192, "head_dim": 576, "v_dim": 512}
    row = operator_row("attention", **absorbed, is_kv_shared=True)
    assert row["tile"] == "64x128"  # 128 queries with their scores and outputs are 320 KiB of sums
