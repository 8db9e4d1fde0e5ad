"""Where tensors live, and what that costs."""

from __future__ import annotations

import pytest

import archmodel as am
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
    assert result.warnings == ("embedding tables exceed the DRAM of mtia_2i: 50% of the rows come over the host link",)
    assert am.evaluate(machine, table_trace(rows=400_000_000)).operators["host_busy_s"][0] == 0


def test_what_does_not_fit_is_refused_with_the_number_of_chips_that_hold_it(machine):
    assert reasons_against(am.workload("llm/llama3.1-405b", phase="decode"), machine) == (
        "mtia_2i: does not fit: weights 812 GB + KV cache 1.06 GB exceed 128 GB of LPDDR5; "
        "at least 7 x mtia_2i hold it",
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
    assert row["link_busy_s"] == pytest.approx(2 * 7 / 8 * 2**20 * 2 / card.scale_up.bandwidth_bytes_per_s)
    with pytest.raises(am.UnsupportedError, match="mtia_v1: no scale_up link is described"):
        am.evaluate_operator(lonely, "collective", **question)
