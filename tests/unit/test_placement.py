"""Where tensors live, and what that costs."""

from __future__ import annotations

import pytest

import archmodel as am
from archmodel.errors import UnknownNameError
from archmodel.mapping import place, reasons_against
from archmodel.workload.operators.embedding_bag import EmbeddingBag
from archmodel.workload.operators.matmul import Matmul

MIB = 2**20


def fc_trace(m: int, n: int, k: int, repeat: int = 1) -> am.Trace:
    b = am.TraceBuilder(dtype="fp16")
    x = b.input("x", (m, k))
    with b.repeat(repeat, "layers"):
        b.add("fc", Matmul(m=m, n=n, k=k), x)
    return b.finish(name="fc", title="FC", phase="inference", run={}, items=m, item="row")


def table_trace(rows: int) -> am.Trace:
    b = am.TraceBuilder(dtype="fp16")
    indices = b.input("indices", (4096,), role="index")
    b.add("bags", EmbeddingBag(n_tables=1, rows=rows, dim=128, batch=256, pooling=16), indices)
    return b.finish(name="bags", title="Bags", phase="inference", run={}, items=256, item="sample")


@pytest.fixture
def machine():
    return am.machine("mtia_2i")  # 256 MiB of SRAM in grains of 32 MiB, 128 GB of DRAM


def test_sram_for_activations_grows_in_grains(machine):
    assert place(fc_trace(1024, 1024, 1024), machine).lls_bytes == 32 * MIB
    assert place(fc_trace(16384, 1024, 1024), machine).lls_bytes == 64 * MIB  # 32 MiB in, 32 MiB out


def test_weights_stay_on_chip_while_all_of_them_fit(machine):
    assert place(fc_trace(64, 1024, 1024, repeat=112), machine).weight_miss_frac == 0.0  # 224 MiB beside 32 MiB
    assert place(fc_trace(64, 1024, 1024, repeat=113), machine).weight_miss_frac == 1.0


def test_activations_beyond_sram_spill(machine):
    fits, spills = fc_trace(65536, 1024, 1024), fc_trace(131072, 1024, 1024)  # 256 and 512 MiB alive
    dram_s = [am.evaluate(machine, trace).operators["dram_busy_s"][0] for trace in (fits, spills)]
    peak = 204.8e9 * 0.95 * 0.875
    assert dram_s[0] == pytest.approx(2 * MIB / peak)  # the weights, which no longer fit beside the activations
    assert dram_s[1] == pytest.approx((256 * MIB + 2 * MIB) / peak)
    warnings = am.evaluate(machine, spills).warnings
    assert warnings == ("activations exceed the SRAM of mtia_2i: the excess spills to DRAM",)


def test_table_rows_beyond_dram_come_over_the_host_link(machine):
    result = am.evaluate(machine, table_trace(rows=1_000_000_000))  # 256 GB, twice the DRAM
    assert result.operators["host_busy_s"][0] > 0
    assert result.warnings == (
        "embedding tables exceed the DRAM of mtia_2i: 50% of their bytes lie behind the host link",
    )
    assert am.evaluate(machine, table_trace(rows=400_000_000)).operators["host_busy_s"][0] == 0


def test_small_tables_take_the_dram_first_and_fit_the_sram(machine):
    b = am.TraceBuilder(dtype="fp16")
    for name, rows in {"large": 1_000_000_000, "small": 200_000_000, "tiny": 100_000}.items():
        indices = b.input(f"{name}_indices", (4096,), role="index")
        b.add(name, EmbeddingBag(n_tables=1, rows=rows, dim=128, batch=256, pooling=16), indices)
    trace = b.finish(name="bags", title="Bags", phase="inference", run={}, items=256, item="sample")
    rows = {row["operator"]: row for row in am.evaluate(machine, trace).operators.rows()}
    assert rows["tiny"]["dram_busy_s"] == 0  # 26 MB stay in SRAM
    assert rows["small"]["host_busy_s"] == 0 < rows["small"]["dram_busy_s"]
    beyond = (256e9 + 51.2e9 + 25.6e6 - 128e9) / 256e9
    assert rows["large"]["host_busy_s"] == pytest.approx(4096 * 256 * 0.5 * beyond / 32e9)
    assert rows["large"]["dram_busy_s"] == pytest.approx(rows["small"]["dram_busy_s"])  # all rows pass DRAM


def test_a_lone_table_is_placed_like_any_other(machine):
    dims = {"n_tables": 1, "dim": 128, "batch": 1024, "pooling": 10, "dtype": "fp16"}

    def bags(rows: int, **place: str) -> dict[str, object]:
        return am.evaluate_operator(machine, "embedding_bag", rows=rows, place=place, **dims)

    assert bags(10_000_000_000)["host_busy_s"] > 0  # 2.56 TB
    assert bags(100_000_000)["host_busy_s"] == 0 < bags(100_000_000)["dram_busy_s"]
    assert bags(100_000, table="sram", indices="sram", out="sram")["dram_busy_s"] == 0
    with pytest.raises(am.UnsupportedError, match=r"operands of 'embedding_bag0', 25.6 GB in sram exceed 268 MB"):
        bags(100_000_000, table="sram")
    with pytest.raises(am.UnsupportedError, match=r"operands of 'embedding_bag0', 2.56 TB in dram exceed 128 GB"):
        bags(10_000_000_000, table="dram")


def test_gathers_from_dram_move_whole_access_units(machine):
    dims = {"rows": 10**6, "dim": 1, "n": 1024, "dtype": "fp16"}
    times = [am.evaluate_operator(machine, "gather", is_weight=flag, **dims)["dram_busy_s"] for flag in (False, True)]
    assert times[0] == times[1]


def test_what_does_not_fit_is_refused_with_the_number_of_chips_that_hold_it(machine):
    assert reasons_against(am.workload("llm/llama3.1-405b", phase="decode"), machine) == (
        "mtia_2i: does not fit: weights 812 GB + KV cache 1.06 GB exceed 128 GB of LPDDR5; "
        "at least 7 x mtia_2i hold it, e.g. with --chips 7 --pp 7",
    )


def test_operands_larger_than_the_memory_they_are_put_in_are_refused(machine):
    with pytest.raises(am.UnsupportedError) as raised:
        am.evaluate_operator(machine, "matmul", m=16384, n=16384, k=16384, dtype="fp16", place={"a": "sram"})
    assert str(raised.value) == (
        "matmul (operator) on mtia_2i is not supported\n"
        "  mtia_2i: does not fit: operands of 'matmul0', 537 MB in sram exceed 268 MB"
    )


def test_a_link_that_is_not_described_is_refused():
    card = am.machine("tpu_v5e")
    lonely = am.machine("mtia_v1")
    assert card.scale_up is not None
    assert lonely.scale_up is None
    question = {"function": "all_reduce", "n": 2**20, "n_chips": 8}
    row = am.evaluate_operator(card, "collective", **question)
    # Eight chips of a torus are a row: two of four links, and 14 steps of a ring.
    link = card.scale_up
    bytes_s = 2 * 7 / 8 * 2**20 * 2 / link.bandwidth_bytes_per_s
    assert row["lower_s"] == pytest.approx(bytes_s)
    assert row["link_busy_s"] == pytest.approx(link.launch_s + 14 * link.latency_s + 2 * bytes_s / link.efficiency_frac)
    with pytest.raises(am.UnsupportedError, match="scale-up link joins 256 chips; 'collective0' spans 1000"):
        am.evaluate_operator(card, "collective", **{**question, "n_chips": 1000})
    with pytest.raises(am.UnsupportedError, match="mtia_v1: no scale_up link is described"):
        am.evaluate_operator(lonely, "collective", **question)


def test_tables_that_fit_one_by_one_do_not_all_fit(machine):
    b = am.TraceBuilder(dtype="fp16")
    for idx in range(20):
        indices = b.input(f"indices{idx}", (4096,), role="index")
        b.add(f"bags{idx}", EmbeddingBag(n_tables=1, rows=500_000, dim=128, batch=256, pooling=16), indices)
    trace = b.finish(name="bags", title="Bags", phase="inference", run={}, items=256, item="sample")
    dram_s = am.evaluate(machine, trace).operators["dram_busy_s"]
    assert dram_s[0] == 0  # 128 MB of the 224 MiB beside the live set
    assert all(time_s > 0 for time_s in dram_s[1:])


def test_an_unknown_launch_mode_is_refused(machine):
    with pytest.raises(UnknownNameError, match="unknown launch mode 'egaer'; did you mean 'eager'"):
        am.evaluate(machine, fc_trace(64, 64, 64), launch="egaer")
