"""ResNet, BERT and ViT traces against published counts and closed forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from archmodel.errors import InputError
from archmodel.workload import Trace, load_workload, workload_names
from archmodel.workload.load import workload_paths

# torchvision ResNet50_Weights and ViT_B_16_Weights; BERT: 24 layers, embeddings with their norm, two outputs.
PARAMETERS = {
    "baseline/resnet-50": 25_557_032,
    "baseline/vit-b-16": 86_567_656,
    "baseline/bert-large": 24 * (12 * 1024**2 + 13 * 1024) + (30_522 + 512 + 2 + 2) * 1024 + 2 * 1024 + 2,
}
BASELINE = [name for name in workload_names() if name.startswith("baseline/")]


def macs(trace: Trace, part: str = "") -> float:
    """Multiply-accumulates of the operators whose name holds ``part``."""
    return sum(o.op.work().matrix_flop * o.count for o in trace.operators if part in o.name) / 2


def test_all_baseline_workloads_are_covered() -> None:
    assert set(BASELINE) == set(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_equal_the_released_weights(name: str) -> None:
    assert load_workload(name).n_parameters == PARAMETERS[name]


def test_resnet_macs_equal_the_sum_over_stages() -> None:
    total = 49 * 3 * 64 * 112**2 + 2048 * 1000
    c_in, edge = 64, 56
    for stage, (n_blocks, width) in enumerate([(3, 64), (4, 128), (6, 256), (3, 512)]):
        before, edge = edge, edge if stage == 0 else edge // 2
        # First block: 1×1 at the edge before the stride, which the 3×3 convolution has; shortcut of 1×1.
        total += c_in * width * before**2 + (9 * width**2 + 4 * width**2 + c_in * 4 * width) * edge**2
        total += (n_blocks - 1) * (4 * width**2 + 9 * width**2 + 4 * width**2) * edge**2
        c_in = 4 * width
    assert total == 4_089_184_256
    assert macs(load_workload("baseline/resnet-50")) == total


def test_resnet_runs_53_convolutions() -> None:
    trace = load_workload("baseline/resnet-50")
    assert sum(o.count for o in trace.operators if o.op.kind == "conv2d") == 53
    assert len(trace.operators) == 65


def test_resnet_peak_is_the_first_residual_addition() -> None:
    trace = load_workload("baseline/resnet-50")
    peak = max(range(len(trace.operators)), key=lambda idx: trace.live_bytes[idx])
    assert trace.operators[peak].name == "stage0.first.add"
    assert trace.live_bytes[peak] == 2 * 3 * 56**2 * 256


def test_bert_macs_equal_the_closed_form() -> None:
    for n in (384, 128):
        expected = 24 * (12 * n * 1024**2 + 2 * n**2 * 1024) + n * 1024 * 2
        assert macs(load_workload("baseline/bert-large", sequence=n)) == expected


def test_bert_embeddings_are_weights_read_row_by_row() -> None:
    trace = load_workload("baseline/bert-large")
    words = next(operator for operator in trace.operators if operator.name == "word_embed")
    source = words.op.operands()[1]
    assert (source.role, source.n_elements, source.n_touched) == ("weight", 30_522 * 1024, 384 * 1024)


def test_vit_macs_equal_the_closed_form() -> None:
    n, d = 197, 768
    expected = 12 * (12 * n * d**2 + 2 * n**2 * d) + 196 * 768 * d + d * 1000
    assert macs(load_workload("baseline/vit-b-16")) == expected


def test_vit_at_384_pixels_has_577_tokens() -> None:
    trace = load_workload("baseline/vit-b-16", resolution=384)
    assert {o.op.dims()["kv_len"] for o in trace.operators if o.op.kind == "attention"} == {577}
    assert trace.n_parameters == 86_567_656 + (577 - 197) * 768


@pytest.mark.parametrize("name", BASELINE)
def test_work_and_items_scale_with_batch_and_weights_do_not(name: str) -> None:
    one, many = load_workload(name), load_workload(name, batch=8)
    assert many.flop == 8 * one.flop
    assert many.items == 8 * one.items == 8
    assert many.item == ("sequence" if "bert" in name else "image")
    assert many.role_bytes("weight") == one.role_bytes("weight") == 2.0 * PARAMETERS[name]
    assert max(many.live_bytes) == 8 * max(one.live_bytes)


def test_resolution_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        load_workload("baseline/resnet-50", resolution=230)
    assert str(caught.value) == (
        "1 error in run settings\n"
        "  baseline/resnet-50: resolution: 230 is not allowed; this model takes multiples of 32, e.g. 224"
    )


def test_sequence_beyond_the_positions_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        load_workload("baseline/bert-large", sequence=513)
    assert str(caught.value) == (
        "1 error in run settings\n  baseline/bert-large: sequence: 513 is not allowed; this model takes 1 to 512 tokens"
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "text"),
    [
        (
            "baseline/resnet-50",
            "channels: [64, 128, 256, 512]",
            "channels: [64, 128]",
            "11:13: channels: has 2 entries; n_blocks has 4, one per stage",
        ),
        ("baseline/bert-large", "n_heads: 16", "n_heads: 15", "10:12: n_heads: 15 does not divide the width 1024"),
        ("baseline/vit-b-16", "n_heads: 12", "n_heads: 13", "10:12: n_heads: 13 does not divide the width 768"),
    ],
)
def test_contradictory_model_is_refused(tmp_path: Path, name: str, old: str, new: str, text: str) -> None:
    given = workload_paths()[name].read_text(encoding="utf-8")
    assert old in given
    path = tmp_path / "changed.yaml"
    path.write_text(given.replace(f"\n  {old}", f"\n  {new}"), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_workload(path)
    assert str(caught.value) == f"1 error in workload description\n  changed.yaml:{text}"
