"""Every way to get a workload file or a run setting wrong, and the whole message it gets."""

from __future__ import annotations

import pytest

from archmodel.errors import ArchmodelError
from archmodel.workload import load_workload

DECODER = """\
title: Toy
source: made up
builder: decoder
defaults: {batch: 1, sequence: 4, context: 8, dtype: bf16, weight_dtype: null, kv_dtype: null}
model:
  d_model: 64
  n_layers: 4
  vocab: 1000
  n_heads: 4
  n_kv_heads: 2
  head_dim: 16
  ffn: 128
"""
DLRM = """\
title: Toy
source: made up
builder: dlrm
defaults: {batch: 1, dtype: fp16, table_dtype: null}
model:
  n_dense_features: 5
  bottom: [6]
  dim: 4
  tables: [[10, 1], [20, 2]]
  top: [3]
"""


@pytest.fixture
def message(tmp_path):
    def load(text, **settings):
        path = tmp_path / "toy.yaml"
        path.write_text(text)
        with pytest.raises(ArchmodelError) as caught:
            load_workload(path, **settings)
        return str(caught.value)

    return load


def changed(text, old, new):
    assert text.count(old) == 1
    return text.replace(old, new)


def one(text, subject="workload description"):
    return f"1 error in {subject}\n  {text}"


USED = {
    "prefill": {"batch": 1, "sequence": 4, "dtype": "bf16", "weight_dtype": None, "kv_dtype": None},
    "decode": {"batch": 1, "context": 8, "dtype": "bf16", "weight_dtype": None, "kv_dtype": None},
}


@pytest.mark.parametrize("phase", USED)
def test_a_trace_states_the_settings_that_its_phase_uses(tmp_path, phase):
    (tmp_path / "toy.yaml").write_text(DECODER)
    assert dict(load_workload(tmp_path / "toy.yaml", phase=phase).run) == USED[phase]


UNUSED = {
    ("llm/llama2-7b", "decode", "sequence"): "batch, chips, context, dtype, ep, kv_dtype, pp, skew, tp, weight_dtype",
    ("llm/llama2-7b", "prefill", "context"): "batch, chips, dtype, ep, kv_dtype, pp, sequence, skew, tp, weight_dtype",
    ("diffusion/wan2.1-14b", "denoise", "resolution"): "batch, chips, dtype, guidance, steps, weight_dtype",
    ("recommendation/dlrm_dcnv2", "inference", "steps"): "batch, chips, dtype, table_dtype, weight_dtype",
}


@pytest.mark.parametrize(("name", "phase", "setting"), UNUSED)
def test_a_setting_that_the_phase_does_not_use_is_refused(name, phase, setting):
    with pytest.raises(ArchmodelError) as caught:
        load_workload(name, phase=phase, **{setting: 512})
    allowed = UNUSED[name, phase, setting]
    assert str(caught.value) == one(f"{name} {phase} has no setting {setting!r}; allowed: {allowed}", "run settings")


def test_an_empty_phase_is_an_unknown_phase():
    with pytest.raises(ArchmodelError) as caught:
        load_workload("llm/llama2-7b", phase="")
    assert str(caught.value) == one(
        "unknown phase ''; allowed: decode, prefill; these are the phases of llm/llama2-7b", "phase"
    )


PASSES = "a number of forward passes per denoising step (2 with classifier-free guidance, 1 without; not its scale)"
SETTINGS = {
    ("llm/llama2-7b", "batch", 0): "0 is not a count; allowed: whole numbers from 1 to 1e12",
    ("llm/llama2-7b", "batch", 10**400): f"1{'0' * 39}… is not a count; allowed: whole numbers from 1 to 1e12",
    ("diffusion/sdxl", "guidance", 7.5): f"7.5 is not {PASSES}; allowed: whole numbers from 1 to 2",
    ("diffusion/sdxl", "guidance", 5): f"5 is not {PASSES}; allowed: whole numbers from 1 to 2",
    (
        "diffusion/sdxl",
        "resolution",
        10**9,
    ): "1000000000 is not a count of pixels; allowed: whole numbers from 1 to 1000000",
    ("diffusion/sdxl", "resolution", 1000): "1000 is not allowed; this model takes multiples of 32, e.g. 992",
}


@pytest.mark.parametrize(("name", "setting", "value"), SETTINGS, ids=lambda value: str(value)[:20])
def test_a_setting_out_of_its_range_is_refused(name, setting, value):
    with pytest.raises(ArchmodelError) as caught:
        load_workload(name, **{setting: value})
    assert str(caught.value) == one(f"{name}: {setting}: {SETTINGS[name, setting, value]}", "run settings")


FILES = {
    "unknown builder": (
        changed(DECODER, "builder: decoder", "builder: decodr"),
        "toy.yaml:3:10: builder: unknown builder 'decodr'; did you mean 'decoder'?",
    ),
    "default that no phase uses": (
        changed(DECODER, "batch: 1", "steps: 3"),
        "toy.yaml:4:19: defaults.steps: builder 'decoder' has no such setting; "
        "allowed: batch, chips, context, dtype, ep, kv_dtype, pp, sequence, skew, tp, weight_dtype",
    ),
    "phase among the defaults": (
        changed(DECODER, "batch: 1", "phase: decode"),
        "toy.yaml:4:19: defaults.phase: builder 'decoder' has no such setting; "
        "allowed: batch, chips, context, dtype, ep, kv_dtype, pp, sequence, skew, tp, weight_dtype",
    ),
    "no dtype": (
        changed(DECODER, " dtype: bf16,", ""),
        "toy.yaml:4:11: defaults.dtype: missing; say what the arithmetic is in, e.g. bf16",
    ),
    "title that is a number": (
        changed(DECODER, "title: Toy", "title: 5"),
        "toy.yaml:1:8: title: 5 is not text; put it in quotes if it is meant so",
    ),
    "endless layers": (
        changed(DECODER, "n_layers: 4", "n_layers: 1000000000"),
        "toy.yaml:7:13: n_layers: 1000000000 is not a count of layers; allowed: whole numbers from 1 to 10000",
    ),
    "text for a truth value": (
        DECODER + "  is_tied: 'yes'\n",
        "toy.yaml:13:12: is_tied: 'yes' is neither true nor false",
    ),
    "number for a truth value": (DECODER + "  is_tied: 1\n", "toy.yaml:13:12: is_tied: 1 is neither true nor false"),
    "unknown choice": (
        DECODER + "  qk_norm: layer\n",
        "toy.yaml:13:12: qk_norm: 'layer' is not known; allowed: none, rms, l2",
    ),
    "scalar for a list": (changed(DLRM, "bottom: [6]", "bottom: 6"), "toy.yaml:7:11: bottom: 6 is not a list"),
    "text for a list": (changed(DLRM, "bottom: [6]", "bottom: six"), "toy.yaml:7:11: bottom: 'six' is not a list"),
    "item that is no list": (
        changed(DLRM, "[20, 2]", "20"),
        "toy.yaml:9:21: tables.1: 20 is not a list of 2 items",
    ),
    "item too short": (
        changed(DLRM, "[20, 2]", "[20]"),
        "toy.yaml:9:21: tables.1: [20] is not a list of 2 items",
    ),
    "item too long": (
        changed(DLRM, "[20, 2]", "[20, 2, 3]"),
        "toy.yaml:9:21: tables.1: [20, 2, 3] is not a list of 2 items",
    ),
    "item of a list": (
        changed(DLRM, "top: [3]", "top: [3, 0]"),
        "toy.yaml:10:12: top.1: 0 is not a count; allowed: whole numbers from 1 to 1e12",
    ),
    "key of an item of a list": (
        DLRM + "published:\n  - {what: flop, value: 1, source: us, tolerence: 1}\n",
        "toy.yaml:12:51: published.0.tolerence: unknown key; did you mean 'tolerance'?",
    ),
    "fault that a builder finds": (
        changed(DECODER, "  ffn: 128\n", "  moe: {n_experts: 4, top_k: 2, ffn: 8}\n  local: {full_every: 2}\n"),
        "toy.yaml:13:10: local: give either window or chunk",
    ),
    "values smaller than the rotary key": (
        changed(
            changed(DECODER, "n_kv_heads: 2", "n_kv_heads: 4"),
            "  ffn: 128\n",
            "  ffn: 128\n  mla: {q_lora: 8, kv_lora: 8, rope: 8, v: 4}\n",
        ),
        "toy.yaml:13:44: mla.v: 4 is less than rope 8; give at least as much",
    ),
    "fault that an operator finds": (
        changed(DECODER, "  ffn: 128\n", "  moe: {n_experts: 4, top_k: 8, ffn: 8}\n"),
        "toy.yaml:6:3: model: gives an impossible operator top_k: k: 8 is more than cols 4; a row has no more",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_wrong_file_says_where_what_and_what_is_allowed(message, case):
    text, expected = FILES[case]
    assert message(text) == one(expected)


def test_a_wrong_default_is_located_in_the_file(message):
    text = changed(changed(DECODER, "batch: 1", "batch: 0"), "kv_dtype: null", "kv_dtype: bf61")
    assert message(text) == (
        "2 errors in run settings\n"
        "  toy.yaml:4:19: batch: 0 is not a count; allowed: whole numbers from 1 to 1e12\n"
        "  toy.yaml:4:90: kv_dtype: unknown dtype 'bf61'; did you mean 'bf16'?"
    )


def test_a_default_is_not_blamed_for_what_the_caller_gave(message):
    assert message(DECODER, batch=0) == one(
        "toy: batch: 0 is not a count; allowed: whole numbers from 1 to 1e12", "run settings"
    )


def test_a_default_that_a_builder_refuses_is_located_in_the_file(message):
    text = (
        "title: Toy\nsource: made up\nbuilder: vit\ndefaults: {batch: 1, resolution: 30, dtype: fp16}\n"
        "model: {d_model: 8, n_layers: 1, n_heads: 2, ffn: 8, patch: 16, image_channels: 3, n_classes: 5}\n"
    )
    assert message(text) == one(
        "toy.yaml:4:34: resolution: 30 is not allowed; this model takes multiples of 16, e.g. 32", "run settings"
    )


def test_the_ending_of_a_file_may_be_in_capitals(tmp_path):
    (tmp_path / "toy.YAML").write_text(DECODER)
    assert load_workload(tmp_path / "toy.YAML").name == "toy"
