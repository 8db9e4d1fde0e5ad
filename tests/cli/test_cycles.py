"""Commands of the models that count cycles: what they refuse, and that their numbers agree."""

from __future__ import annotations

import json

import pytest

from archmodel.cli import main

SQUARE = ("matmul", "--m", "512", "--n", "512", "--k", "512", "--dtype", "fp16")
REFUSED = {
    ("op", "mtia_2i", *SQUARE, "--mode", "grid"): "model 'roofline' has no modes; leave mode out",
    ("op", "mtia_2i", *SQUARE, "--model", "cycle", "--mode", "all"): "unknown mode of model 'cycle' 'all'",
    ("op", "h100_sxm", *SQUARE, "--model", "cycle"): "h100_sxm: no section 'timing' is described",
    ("ladder", "h100_sxm", "llm/llama3.1-8b"): "h100_sxm: no section 'timing' is described",
    ("run", "h100_sxm", "llm/llama3.1-8b", "--model", "cycle"): "h100_sxm: no section 'timing' is described",
    ("map", "mtia_2i", "softmax", "--rows", "5", "--cols", "5"): "operators of kind 'softmax' have no list of mappings",
    ("map", "systolic_ws", *SQUARE): "a systolic array has one mapping, its dataflow",
    ("map", "mtia_2i", *SQUARE, "--top", "0"): "--top: 0 is not allowed; allowed: whole numbers from 1",
    ("op", "mtia_2i", *SQUARE, "--model", "cycle", "--set", "local.capacity=1 KiB"): "fit the 1024 B of local memory",
    ("op", "mtia_2i", "matmul", "--m", "100000000", "--n", "100000000", "--k", "100000000", "--model", "cycle",
     "--set", "dram.capacity=1000000 TB"): "counts up to 1e+15 cycles",
    ("op", "mtia_2i", *SQUARE, "--set", "timing.dma.bucket=4 KiB"): "give bucket and bucket_rate, or neither",
    ("op", "mtia_2i", *SQUARE, "--set", "timing.memory.broadcast=5"): "5 is neither true nor false",
}  # fmt: skip


@pytest.mark.parametrize("arguments", REFUSED, ids=lambda arguments: " ".join(arguments)[:60])
def test_what_has_no_answer_is_refused(arguments, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert REFUSED[arguments] in said.err
    assert not said.out


def printed(capsys, *arguments):
    assert main((*arguments, "--json")) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("mode", ["representative", "grid"])
def test_an_operator_has_cycles_utilisation_and_stalls(mode, capsys):
    row = printed(capsys, "op", "mtia_2i", *SQUARE, "--model", "cycle", "--mode", mode)
    assert set(row["stall_cycles"]) == {"data", "space", "issue", "arbitration", "dram"}
    assert 0 < row["utilisation"] <= 1
    assert row["lower_s"] <= row["latency_s"] <= row["upper_s"]
    assert row["work_cycles"]["matrix"] + sum(row["stall_cycles"].values()) <= row["cycles"]


def test_an_explanation_adds_up(capsys):
    found = printed(capsys, "explain", "mtia_2i", *SQUARE)
    row = printed(capsys, "op", "mtia_2i", *SQUARE, "--model", "cycle")
    assert found["cycles"] == row["cycles"] == sum(phase["cycles"] for phase in found["phases"])
    for phase in found["phases"]:
        parts = ("fill_cycles", "work_cycles", "wait_cycles", "drain_cycles")
        assert sum(phase[name] for name in parts) == phase["cycles"]
    for unit in found["ledger"]:
        assert sum(value for value in unit.values() if isinstance(value, int)) == found["cycles"]
    assert found["gains"] == sorted(found["gains"], key=lambda gain: -gain["gain_frac"])


def test_the_first_mapping_is_the_one_used(capsys):
    rows = printed(capsys, "map", "mtia_2i", *SQUARE)
    row = printed(capsys, "op", "mtia_2i", *SQUARE, "--model", "analytic")
    assert row["cycles"] == rows[0]["analytic_cycles"] == min(each["analytic_cycles"] for each in rows)
    assert row["mapping"] == {name: rows[0][name] for name in row["mapping"]}


def test_no_rung_of_a_ladder_is_below_the_bound(capsys):
    rows = printed(capsys, "ladder", "mtia_2i", "llm/llama3.1-8b", "--phase", "prefill")
    counted = [row for row in rows if not row["message"]]
    assert {row["kind"] for row in counted} == {"gather", "rms_norm", "matmul", "attention"}
    for row in counted:
        assert row["bound_s"] <= min(row["roofline_s"], row["analytic_s"], row["cycle_s"])
        assert row["cycle_s"] <= row["upper_s"]
        assert row["utilisation"] is None or row["utilisation"] <= 1
    for row in rows:
        assert bool(row["message"]) == (row["cycle_s"] is None) == (row["upper_s"] is None)
