"""Recommendation builders against counts made by hand from the published layer sizes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from archmodel.dtypes import dtype_bytes
from archmodel.errors import InputError
from archmodel.workload import Trace, load_workload, workload_names

DCNV2 = "recommendation/dlrm_dcnv2"
DLRM = "recommendation/dlrm_v1_terabyte"
HSTU = "recommendation/dlrm_v3_hstu"
CLASSES = ["lc1", "lc2", "lc3", "lc4", "lc5", "hc1", "hc2", "hc3", "hc4"]
FITTED = [*(f"recommendation/mtia_{name}" for name in CLASSES), "recommendation/wukong_dhen"]

RANKING = """\
title: toy
source: made up
builder: ranking
defaults: {batch: 2, dtype: fp16}
model:
  n_dense_features: 5
  bottom: [6]
  tables: {n_tables: 7, rows: 11, pooling: 3}
  dim: 4
  n_blocks: 2
  fm: {rank: 2, hidden: [9], n_features: 3}
  linear: {n_features: 1}
  attention: {n_heads: 2, head_dim: 2, n_features: 2}
  top: [10, 3]
"""


def matrix_mflop(trace: Trace) -> Counter[str]:
    """Sum matrix MFLOP by the first part of the operator's name."""
    total: Counter[str] = Counter()
    for operator in trace.operators:
        total[operator.name.split(".")[0]] += operator.op.work().matrix_flop * operator.count / 1e6
    return total


def gathered_bytes(trace: Trace) -> dict[str, float]:
    """Bytes read from each table."""
    return {
        tensor: operand.n_touched * dtype_bytes(trace.tensors[tensor].dtype) * operator.count
        for operator in trace.operators
        for operand, tensor in zip(operator.op.operands(), operator.tensors, strict=True)
        if operand.role == "table"
    }


def dims(trace: Trace, name: str) -> dict[str, object]:
    return next(operator.op.dims() for operator in trace.operators if operator.name == name)


def write(path: Path, text: str) -> str:
    file = path / "toy.yaml"
    file.write_text(text)
    return str(file)


def test_dcnv2_flop_per_pair_splits_as_its_layers_do() -> None:
    mflop = matrix_mflop(load_workload(DCNV2, batch=1))
    assert mflop["bottom"] == pytest.approx(2 * (13 * 512 + 512 * 256 + 256 * 128) / 1e6)
    assert mflop["cross"] == pytest.approx(3 * 2 * 2 * 512 * 3456 / 1e6)
    assert mflop["top"] == pytest.approx(2 * (3456 * 1024 + 1024 * 1024 + 1024 * 512 + 512 * 256 + 256) / 1e6)
    assert {key: round(value, 2) for key, value in mflop.items() if value} == {
        "bottom": 0.34,
        "cross": 21.23,
        "top": 10.49,
    }


def test_dcnv2_weights_are_those_of_the_reference_without_biases() -> None:
    biases = (512 + 256 + 128) + 3 * 3456 + (1024 + 1024 + 512 + 256 + 1)
    assert load_workload(DCNV2).n_parameters + biases == 16_044_545


def test_dcnv2_gathers_214_rows_per_pair() -> None:
    assert gathered_bytes(load_workload(DCNV2, batch=1)) == {"tables.table": 214 * 128 * 2}
    assert gathered_bytes(load_workload(DCNV2, batch=8, table_dtype="fp32")) == {"tables.table": 8 * 214 * 128 * 4}


@pytest.mark.parametrize(("name", "gigabytes"), [(DCNV2, 104.54), (DLRM, 96.14)])
def test_dlrm_tables_in_fp32_have_the_size_of_the_reference(name: str, gigabytes: float) -> None:
    assert load_workload(name, table_dtype="fp32").role_bytes("table") / 1e9 == pytest.approx(gigabytes, abs=0.005)


def test_dlrm_v1_crosses_27_vectors_into_479_inputs() -> None:
    trace = load_workload(DLRM, batch=16)
    assert dims(trace, "dot") == {"batch": 16, "m": 27, "n": 27, "k": 128}
    assert dims(trace, "pairs") == {"n": (16 * 128, 16 * 351)}
    assert dims(trace, "top.fc0") == {"m": 16, "n": 1024, "k": 479}
    assert gathered_bytes(trace) == {"tables.table": 16 * 26 * 128 * 2}
    assert trace.matrix_flop / 16 == pytest.approx(4.917e6, rel=1e-4)


def test_dlrm_ends_in_one_sigmoid_per_sample() -> None:
    last = load_workload(DCNV2, batch=32).operators[-1]
    assert (last.op.kind, last.op.dims()) == ("elementwise", {"n": 32, "function": "sigmoid"})


def test_hstu_attends_the_pairs_of_the_reference_mask() -> None:
    history, targets = 1 + 37, 2048
    position = np.minimum(np.arange(history + targets), history)  # all targets stand right behind the history
    mask = (position[:, None] > position[None, :]) | np.eye(history + targets, dtype=bool)
    attention = next(op for op in load_workload(HSTU, sequence=37).operators if op.op.kind == "attention")
    assert attention.op.pairs == mask.sum()
    assert attention.count == 5


def test_hstu_layers_hold_9_19_million_weights() -> None:
    trace = load_workload(HSTU)
    weights = [t for name, t in trace.tensors.items() if name.startswith("stu.") and t.role == "weight"]
    norms = 5 * 2 * (512 + 512)
    assert sum(t.n_elements * t.count for t in weights) == 5 * (512 * 2048 + 1536 * 512) + norms == 9_185_280


def test_hstu_request_takes_525_gflop_at_a_history_of_6650() -> None:
    trace = load_workload(HSTU, sequence=6650)
    flop = {o.name: o.op.work().matrix_flop * o.count / 1e9 for o in trace.operators if o.name.startswith("stu.")}
    attention = flop.pop("stu.attention")
    positions, seen = 6650 + 2048, 6650 * 6651 / 2 + 2048 * 6651
    # One user token more than history and candidates: 1 of 8,698 positions.
    assert sum(flop.values()) == pytest.approx(5 * positions * 2 * (512 * 2048 + 1536 * 512) / 1e9, rel=2e-4)
    assert attention == pytest.approx(5 * 4 * seen * 2 * (128 + 128) / 1e9, rel=4e-4)
    assert sum(flop.values()) + attention == pytest.approx(525.5, abs=0.2)


def test_hstu_reads_one_item_and_one_category_row_per_position_and_one_user_row() -> None:
    row = 512 * 2
    assert gathered_bytes(load_workload(HSTU, batch=3, sequence=100)) == {
        "item_table.table": 3 * (100 + 2048) * row,
        "category_table.table": 3 * (100 + 2048) * row,
        "user_table.table": 3 * row,
    }


def test_hstu_scores_every_candidate() -> None:
    trace = load_workload(HSTU, batch=3, sequence=100)
    assert trace.operators[-1].op.dims() == {"n": 3 * 2048, "function": "sigmoid"}
    assert (trace.items, trace.item) == (3, "request")


def test_hstu_default_history_is_the_mean_of_the_benchmark() -> None:
    means = [100 * (1 + 0.7 * timestamp) for timestamp in range(90, 100)]
    assert load_workload(HSTU).run["sequence"] == pytest.approx(np.mean(means))


def test_ranking_counts_by_hand(tmp_path: Path) -> None:
    mflop = matrix_mflop(load_workload(write(tmp_path, RANKING), batch=1))
    n, dim = 3 + 1 + 2, 4
    fm = 2 * dim * n * 2 + 2 * n * dim * 2 + 2 * (n * 2 * 9 + 9 * 3 * dim)
    linear = 2 * dim * n * 1
    attention = 2 * n * dim * 12 + 4 * n * n * 4 + 2 * n * 4 * dim + 2 * dim * n * 2
    assert {key: value for key, value in mflop.items() if value} == {
        "bottom": pytest.approx(2 * (5 * 6 + 6 * 4) / 1e6),
        "compress": pytest.approx(2 * dim * 8 * n / 1e6),
        "block": pytest.approx(2 * (fm + linear + attention) / 1e6),
        "top": pytest.approx(2 * (n * dim * 10 + 10 * 3) / 1e6),
    }


def test_ranking_block_keeps_its_shape(tmp_path: Path) -> None:
    trace = load_workload(write(tmp_path, RANKING))
    assert dims(trace, "block.ensemble") == {"n": (2 * 4 * 3, 2 * 4 * 1, 2 * 4 * 2)}
    assert trace.tensors["block.norm"].n_elements == trace.tensors["compress.straight"].n_elements
    assert trace.tensors["block.fm.mlp.fc0.b"].count == 2
    assert trace.tensors["tables.table"].shape == (77, 4)


def test_ranking_without_attention_is_a_wukong_layer(tmp_path: Path) -> None:
    text = RANKING.replace("  attention: {n_heads: 2, head_dim: 2, n_features: 2}\n", "")
    trace = load_workload(write(tmp_path, text))
    assert dims(trace, "block.ensemble") == {"n": (2 * 4 * 3, 2 * 4 * 1)}
    assert "attention" not in {operator.op.kind for operator in trace.operators}


def test_ranking_reports_every_fault(tmp_path: Path) -> None:
    text = RANKING.replace("rank: 2", "rank: 0").replace("linear: {n_features: 1}", "linear: {features: 1}")
    with pytest.raises(InputError) as error:
        load_workload(write(tmp_path, text))
    assert str(error.value) == (
        "3 errors in workload description\n"
        "  toy.yaml:11:14: fm.rank: 0 is not a count; allowed: whole numbers from 1 to 1e12\n"
        "  toy.yaml:12:11: linear.n_features: missing; it has no default\n"
        "  toy.yaml:12:22: linear.features: unknown key; did you mean 'n_features'?"
    )


def test_dlrm_reports_a_table_without_lookups(tmp_path: Path) -> None:
    text = (
        "title: toy\nsource: made up\nbuilder: dlrm\ndefaults: {batch: 1, dtype: fp16}\n"
        "model:\n  n_dense_features: 5\n  bottom: [6]\n  dim: 4\n  tables: [[10, 1], [20, 0]]\n  top: [3]\n"
    )
    with pytest.raises(InputError) as error:
        load_workload(write(tmp_path, text))
    assert str(error.value) == (
        "1 error in workload description\n"
        "  toy.yaml:9:26: tables.1.1: 0 is not a count; allowed: whole numbers from 1 to 1e12"
    )


@pytest.mark.parametrize("name", FITTED)
def test_fitted_models_have_tables_of_the_published_size_and_say_they_are_fits(name: str) -> None:
    trace = load_workload(name)
    assert 99e9 < trace.role_bytes("table") < 300e9
    assert trace.notes[0].startswith("Hypothetical dims")


@pytest.mark.parametrize("name", FITTED)
def test_fitted_models_keep_their_activations_within_256_mb(name: str) -> None:
    assert max(load_workload(name).live_bytes) < 256e6


def test_only_hc3_and_wukong_attend() -> None:
    names = {name for name in FITTED if any(o.op.kind == "attention" for o in load_workload(name).operators)}
    assert names == {"recommendation/mtia_hc3", "recommendation/wukong_dhen"}


@pytest.mark.parametrize("name", [name for name in workload_names() if name.startswith("recommendation/")])
def test_work_grows_with_the_batch_and_weights_do_not(name: str) -> None:
    one, four = load_workload(name, batch=16), load_workload(name, batch=64)  # 16 samples of a user, where users count
    assert four.flop == pytest.approx(4 * one.flop)
    assert four.items == 4 * one.items
    assert four.n_parameters == one.n_parameters
    assert sum(gathered_bytes(four).values()) == 4 * sum(gathered_bytes(one).values())
