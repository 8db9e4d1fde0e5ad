"""Workloads shared by several chips: shares add up, exchanges are where they belong, errors say what is allowed."""

from __future__ import annotations

import dataclasses
import math
import re

import pytest

import archmodel as am
from archmodel.mapping import capacity
from archmodel.models.chips import spread_result
from archmodel.workload.builders.decoder_ffn import share_experts
from archmodel.workload.builders.decoder_model import MixtureOfExperts
from archmodel.workload.builders.sharing import share_tables
from archmodel.workload.plan import Plan

DENSE, LATENT = "llm/llama3.1-70b", "llm/deepseek-v3"
PHASES = ("prefill", "decode")


def collectives(trace: am.Trace) -> dict[str, tuple[str, int, int, int]]:
    found = [operator for operator in trace.operators if operator.op.kind == "collective"]
    return {each.name: (each.op.function, each.op.n, each.op.n_chips, each.count) for each in found}


def tokens(trace: am.Trace) -> int:
    return int(trace.items)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("tp", [2, 4, 8])
def test_shares_of_heads_and_columns_add_up(phase, tp):
    whole, share = am.workload(DENSE, phase=phase, batch=2), am.workload(DENSE, phase=phase, batch=2, tp=tp)
    assert share.plan == Plan(n_chips=tp, tp=tp)
    assert share.matrix_flop * tp == whole.matrix_flop
    assert share.role_bytes("kv_cache") * tp == whole.role_bytes("kv_cache")
    norms = 8192 * (2 * 80 + 1)  # every chip has all of them
    assert (share.n_parameters - norms) * tp == whole.n_parameters - norms
    hidden = tokens(whole) * 8192
    assert collectives(share) == {
        "embedding_sum": ("all_reduce", hidden, tp, 1),
        "layers.attention_sum": ("all_reduce", hidden, tp, 80),
        "layers.ffn_sum": ("all_reduce", hidden, tp, 80),
        "lm_head_gather": ("all_gather", 2 * 128256, tp, 1),
    }
    assert collectives(whole) == {}


def test_heads_of_keys_are_copied_where_chips_are_more():
    eight, sixteen = am.workload(DENSE, tp=8), am.workload(DENSE, tp=16)
    assert sixteen.role_bytes("kv_cache") == eight.role_bytes("kv_cache")
    assert sixteen.splits.tp == (1, 2, 4, 8, 16, 32, 64)
    latent = am.workload(LATENT, tp=8), am.workload(LATENT)
    assert latent[0].role_bytes("kv_cache") == latent[1].role_bytes("kv_cache")


@pytest.mark.parametrize("name", [DENSE, LATENT, "llm/llama3.1-8b", "llm/llama4-maverick"])
@pytest.mark.parametrize("pp", [2, 3, 7])
def test_stages_add_up(name, pp):
    batch = 2 * pp
    whole = am.workload(name, phase="decode", batch=batch // pp)
    staged = am.workload(name, phase="decode", batch=batch, pp=pp, tp=1, chips=pp)
    assert staged.plan == Plan(n_chips=pp, pp=pp, n_micro=pp)
    assert staged.matrix_flop == pytest.approx(whole.matrix_flop, rel=1e-12)
    assert [row[0] for row in collectives(staged).values()] == ["send"] * (pp - 1)
    by_stage = [0.0] * pp
    for tensor in staged.tensors.values():
        by_stage[staged.stage_idx(tensor.name)] += tensor.n_bytes * tensor.count if tensor.role == "weight" else 0.0
    assert sum(by_stage) == whole.role_bytes("weight")
    assert staged.role_bytes("weight") == max(by_stage)
    # The fullest stage holds the cache of all micro-batches.
    assert staged.role_bytes("kv_cache") <= whole.role_bytes("kv_cache") * pp
    n_layers = sum(operator.count for operator in staged.operators if operator.name.endswith("attention_norm"))
    assert n_layers == {DENSE: 80, LATENT: 61}.get(name, 32 if name.endswith("8b") else 48)


MOE = MixtureOfExperts(n_experts=256, top_k=8, ffn=2048)


@pytest.mark.parametrize(
    ("n_chips", "tp", "ep"), [(8, 8, 1), (8, 8, 2), (8, 8, 8), (8, 1, 8), (16, 2, 16), (32, 8, 32)]
)
@pytest.mark.parametrize("n_tokens", [1, 64, 8192])
def test_the_busiest_group_of_experts(n_chips, tp, ep, n_tokens):
    share = share_experts(MOE, Plan(n_chips, tp, ep), n_tokens, 1.0)
    n_tokens_met = n_tokens * max(1, ep // tp)
    mean = 8 * n_tokens_met / ep
    assert math.ceil(mean) <= share.n_rows <= 8 * n_tokens_met
    assert share.n_experts * ep == 256
    assert share.ffn * max(1, tp // ep) == 2048
    assert share.n_active <= min(share.n_experts, share.n_rows) * (1 + 1e-9)
    assert share.n_sent == (math.ceil(n_tokens / tp) if ep > tp else 0)
    skewed = share_experts(MOE, Plan(n_chips, tp, ep), n_tokens, 2.0)
    assert skewed.n_rows >= share.n_rows
    assert (skewed == share) == (ep == 1 or share.n_rows == 8 * n_tokens_met)
    if n_tokens == 8192:
        assert share.n_rows < 1.1 * mean


def test_experts_in_other_replicas_get_their_tokens_by_all_to_all():
    spread = am.workload(LATENT, phase="decode", batch=64, chips=8, tp=1, ep=8)
    found = {name: row for name, row in collectives(spread).items() if "moe" in name}
    assert [(name, row[0], row[2], row[3]) for name, row in found.items()] == [
        ("moe_layers.dispatch_exchange", "all_to_all", 8, 58),
        ("moe_layers.combine_exchange", "all_to_all", 8, 58),
    ]
    near = collectives(am.workload(LATENT, phase="decode", batch=64, tp=8, ep=8))
    assert {row[0] for row in near.values()} == {"all_reduce", "all_gather"}


def test_tables_are_whole_and_spread_by_rows_and_lookups():
    tables = [(40_000_000, 3), (1000, 100), (1000, 27), (20_000_000, 1), (20_000_000, 1)]
    one, three = share_tables(tables, 1), share_tables(tables, 3)
    assert dataclasses.astuple(one) == (5, 80_002_000, 132)
    assert three.rows == 40_001_000  # the largest table, with the second of few rows
    assert three.pooling == 100
    whole, share = am.workload("recommendation/dlrm_dcnv2"), am.workload("recommendation/dlrm_dcnv2", chips=8)
    assert 1 <= share.role_bytes("table") * 8 / whole.role_bytes("table") < 1.6
    assert share.plan.dp == 8
    assert tokens(share) * 8 == tokens(whole)
    assert share.n_parameters == whole.n_parameters
    assert [row[0] for row in collectives(share).values()] == ["all_to_all"]


@pytest.mark.parametrize("name", am.workloads())
def test_every_workload_shares_its_batch(name):
    settings = {"tp": 1} if name.startswith("llm/") else {}
    batch = 2 * int(am.workload(name).run["batch"])
    one, two = am.workload(name, batch=batch), am.workload(name, batch=batch, chips=2, **settings)
    assert two.plan.dp == 2
    assert two.items * 2 == one.items
    assert two.matrix_flop == pytest.approx(one.matrix_flop / 2, rel=1e-9)


REFUSED = {
    (DENSE, ("tp", 12)): "tp: 12 does not divide 64 heads; allowed: 1, 2, 4, 8, 16, 32, 64",
    (DENSE, ("ep", 2), ("chips", 2), ("tp", 2)): "ep: 2, but the model has no routed experts; leave it out",
    (DENSE, ("pp", 81)): "pp: 81 stages for 80 layers; allowed: 1 to 80",
    (DENSE, ("chips", 12), ("tp", 8)): "chips: 12 is no multiple of tp 8 x pp 1 = 8; allowed: 8, 16, 24, …",
    (LATENT, ("chips", 8), ("ep", 3)): "ep: 3 does not divide the 8 chips of a stage with tp 8; allowed: 1, 2, 4, 8",
    (DENSE, ("tp", 8), ("chips", 16), ("batch", 3)): (
        "batch: 3 is not shared evenly by 2 replicas (chips / tp / pp); allowed: multiples of 2"
    ),
    ("recommendation/dlrm_dcnv2", ("chips", 32)): (
        "chips: 32 chips for 26 tables, each whole on one chip; allowed: 1 to 26"
    ),
    ("recommendation/dlrm_dcnv2", ("tp", 2)): "recommendation/dlrm_dcnv2 inference has no setting 'tp'",
    (LATENT, ("skew", 0.5)): "skew: 0.5 is not a skew; allowed: numbers from 1 to 1000",
}


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_cannot_be_shared_is_refused(case):
    name, *settings = case
    with pytest.raises(am.InputError) as raised:
        am.workload(name, **dict(settings))
    assert REFUSED[case] in str(raised.value)


LARGE = ("llm/llama3.1-405b", "llm/llama4-maverick", "llm/llama4-behemoth", "llm/deepseek-v3")
MACHINES = ("mtia_300", "mtia_400", "mtia_500", "h200_sxm", "mi300x", "mtia_2i")


# Plans that do not fit and have to name one that does: tensor, expert and pipeline parallel, replicas, large batches.
TOO_SMALL = [
    *((name, machine, {}) for name in LARGE for machine in MACHINES),
    *((name, machine, {"chips": 8, "tp": 1, "batch": 8}) for name in LARGE for machine in ("mtia_300", "h200_sxm")),
    ("llm/deepseek-v3", "h200_sxm", {"chips": 8, "tp": 1, "ep": 8, "batch": 64}),
    ("llm/deepseek-v3", "mtia_300", {"chips": 8, "tp": 1, "ep": 8, "batch": 4096, "context": 32768}),
    ("llm/deepseek-v3", "mtia_400", {"chips": 16, "tp": 2, "ep": 16, "batch": 1024, "context": 65536}),
    ("llm/deepseek-v3", "mtia_400", {"chips": 32, "tp": 32, "batch": 1024, "context": 65536}),
    ("llm/deepseek-v3", "mtia_400", {"chips": 4, "tp": 2, "ep": 2, "pp": 2, "batch": 1024}),
    ("llm/llama3.1-405b", "mtia_400", {"chips": 16, "tp": 16, "batch": 256, "context": 65536}),
    ("llm/llama3.1-405b", "mtia_400", {"chips": 8, "tp": 4, "batch": 64, "context": 131072}),
    ("llm/llama3.1-405b", "mtia_300", {"chips": 3, "tp": 1, "pp": 3, "batch": 9}),
    ("llm/llama4-maverick", "mtia_400", {"chips": 2, "tp": 1, "ep": 2, "batch": 512, "context": 32768}),
]


@pytest.mark.parametrize(("name", "machine", "settings"), TOO_SMALL, ids=str)
def test_what_does_not_fit_names_a_plan_that_does(name, machine, settings):
    chip = am.machine(machine)
    assert chip.scale_up is not None
    with pytest.raises(am.UnsupportedError, match="does not fit") as raised:
        am.evaluate(chip, am.workload(name, phase="decode", **settings))
    found = re.search(
        r"at least (\d+) x .* hold it, (?:e\.g\. with --chips (\d+)(?: --tp (\d+))?(?: --pp (\d+))?)?",
        str(raised.value),
    )
    assert found is not None
    n_machines, named = int(found[1]), found.groups()[1:]
    if named[0] is None:
        assert n_machines > chip.scale_up.n_chips
        assert str(raised.value).endswith(f"more than the {chip.scale_up.n_chips} that its scale-up link joins")
        return
    plan = {key: int(value or 1) for key, value in zip(("chips", "tp", "pp"), named, strict=True)}
    assert n_machines <= plan["chips"]
    loads = {key: settings[key] for key in ("batch", "context") if key in settings}
    result = am.evaluate(chip, am.workload(name, phase="decode", **loads, **plan))
    assert result.chips["n_chips"] == plan["chips"]
    assert result.lower_s <= result.latency_s <= result.upper_s


@pytest.mark.parametrize(
    "settings",
    [{"tp": 16}, {"tp": 32}, {"tp": 8, "ep": 4}, {"tp": 1, "chips": 16, "ep": 16}, {"tp": 4, "chips": 32, "ep": 32},
     {"pp": 3, "tp": 2}, {"tp": 1, "chips": 4}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("name", ["llm/deepseek-v3", "llm/qwen3-30b-a3b", "llm/gpt-oss-120b"])
def test_capacity_undoes_what_a_plan_shares_and_copies(name, settings):
    whole = am.workload(name, phase="decode", batch=96)
    share = am.workload(name, phase="decode", batch=96, **settings)
    assert capacity.weight_bytes(share, Plan()) == pytest.approx(whole.role_bytes("weight"), rel=1e-3)  # vocabulary
    if share.plan.pp == 1:
        assert capacity.weight_bytes(whole, share.plan) == pytest.approx(share.role_bytes("weight"), rel=1e-3)
    assert capacity.kv_bytes(share) == pytest.approx(whole.role_bytes("kv_cache"))


@pytest.mark.parametrize("name", LARGE)
def test_large_models_run_on_shared_chips(name):
    settings = {"weight_dtype": "fp8"} if name != "llm/llama3.1-405b" else {}
    tp = 16 if name.endswith("behemoth") else 8
    for machine in ("mtia_300", "mtia_400", "h200_sxm"):
        chip = am.machine(machine)
        assert chip.scale_up is not None
        if tp > chip.scale_up.n_chips:
            with pytest.raises(am.UnsupportedError, match=r"joins 8 chips; --chips 16 --tp 16 links 16"):
                am.evaluate(chip, am.workload(name, phase="decode", tp=tp, **settings))
            continue
        for phase in PHASES:
            result = am.evaluate(chip, am.workload(name, phase=phase, tp=tp, **settings))
            assert result.run["chips"] == tp
            assert 0 < result.chips["exchange_s"] < result.latency_s
            assert result.throughput == pytest.approx(tp * result.chips["throughput_per_chip"])


def test_replicas_multiply_throughput_and_stages_work_at_a_time():
    chip = am.machine("mtia_300")
    one = am.evaluate(chip, am.workload("llm/llama3.1-8b", phase="decode", batch=4))
    two = am.evaluate(chip, am.workload("llm/llama3.1-8b", phase="decode", batch=8, chips=2, tp=1))
    assert two.latency_s == one.latency_s
    assert two.throughput == pytest.approx(2 * one.throughput)
    assert two.energy_j == pytest.approx(2 * one.energy_j)
    assert "chips" not in one.to_dict()
    assert two.to_dict()["chips"]["dp"] == 2
    trace = am.workload("llm/llama3.1-8b", phase="decode", batch=8, pp=2, chips=2, tp=1)
    staged = am.evaluate(chip, trace)
    stages = [0.0, 0.0]
    for row in staged.operators.rows():
        stages[int(row["operator"][5])] += row["latency_s"]
    assert staged.chips["slowest_stage_s"] == pytest.approx(max(stages))
    assert staged.latency_s == pytest.approx(sum(stages) + chip.launch.job_s)
    assert staged.throughput == pytest.approx(2 * 4 / max(staged.latency_s, 2 * max(stages)))
    rows = list(am.evaluate_batch([chip, am.machine("h200_sxm")], trace).rows())
    assert rows[0]["throughput"] == staged.throughput
    assert spread_result(one, am.workload("llm/llama3.1-8b")) is one
    replicated = am.workload("llm/llama3.1-8b", phase="decode", batch=8, chips=2, tp=1)
    batch = list(am.evaluate_batch([chip], replicated).rows())
    assert batch[0]["throughput"] == two.throughput
    assert batch[0]["energy_j"] == two.energy_j
