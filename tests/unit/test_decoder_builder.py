"""The decoder builder against closed-form counts written down here, independent of the operators."""

import itertools
import time
from pathlib import Path
from statistics import mean

import pytest

from archmodel.errors import InputError
from archmodel.workload import Operator, Trace, load_workload
from archmodel.workload.builders.decoder_ffn import expected_experts

TINY = """\
title: Tiny
source: test
builder: decoder
defaults: {batch: 1, sequence: 4, context: 4, dtype: bf16, weight_dtype: null, kv_dtype: null}
model:
  d_model: 64
  n_layers: 2
  vocab: 1000
  n_heads: 4
  n_kv_heads: 2
  head_dim: 16
"""


def write_tiny(folder: Path, more: str) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(TINY + more, encoding="utf-8")
    return path


def find(trace: Trace, ending: str) -> list[Operator]:
    return [operator for operator in trace.operators if operator.name.endswith(f".{ending}")]


def bytes_read(trace: Trace, role: str) -> float:
    """Bytes of the tensors of a role that all operators of one step read."""
    total = 0.0
    for operator in trace.operators:
        for operand, name in zip(operator.op.operands(), operator.tensors, strict=True):
            tensor = trace.tensors[name]
            if tensor.role == role and not operand.is_output:
                total += operand.n_touched * tensor.n_bytes / tensor.n_elements * operator.count
    return total


def matrix_flop_without_attention(trace: Trace) -> float:
    attention = sum(o.op.work().matrix_flop * o.count for o in find(trace, "attention"))
    return trace.matrix_flop - attention


def grouped(d: int, n_heads: int, n_kv_heads: int, head_dim: int) -> int:
    return 2 * d * head_dim * (n_heads + n_kv_heads)


def gated(d: int, ffn: int) -> int:
    return 3 * d * ffn


def ends(d: int, vocab: int) -> int:
    """Embedding, output head and final norm."""
    return 2 * vocab * d + d


MLA = 7168 * 1536 + 1536 * 128 * 192 + 7168 * (512 + 64) + 512 * 128 * (128 + 128) + 128 * 128 * 7168 + 1536 + 512

# Weights of attention, feed-forward part, router and two norms, layer by layer.
PARAMETERS = {
    "llama2-7b": 32 * (grouped(4096, 32, 32, 128) + gated(4096, 11008) + 2 * 4096) + ends(4096, 32000),
    "llama2-70b": 80 * (grouped(8192, 64, 8, 128) + gated(8192, 28672) + 2 * 8192) + ends(8192, 32000),
    "llama3.1-8b": 32 * (grouped(4096, 32, 8, 128) + gated(4096, 14336) + 2 * 4096) + ends(4096, 128256),
    "llama3.1-70b": 80 * (grouped(8192, 64, 8, 128) + gated(8192, 28672) + 2 * 8192) + ends(8192, 128256),
    "llama3.1-405b": 126 * (grouped(16384, 128, 8, 128) + gated(16384, 53248) + 2 * 16384) + ends(16384, 128256),
    "llama4-scout": 48 * (grouped(5120, 40, 8, 128) + 17 * gated(5120, 8192) + 16 * 5120 + 2 * 5120)
    + ends(5120, 202048),
    "llama4-maverick": 48 * (grouped(5120, 40, 8, 128) + 2 * 5120)
    + 24 * gated(5120, 16384)
    + 24 * (129 * gated(5120, 8192) + 128 * 5120)
    + ends(5120, 202048),
    "llama4-behemoth": 96 * (grouped(16384, 128, 8, 128) + 17 * gated(16384, 24192) + 16 * 16384 + 2 * 16384)
    + ends(16384, 202048),
    "mixtral-8x7b": 32 * (grouped(4096, 32, 8, 128) + 8 * gated(4096, 14336) + 8 * 4096 + 2 * 4096) + ends(4096, 32000),
    "deepseek-v3": 61 * (MLA + 2 * 7168)
    + 3 * gated(7168, 18432)
    + 58 * (257 * gated(7168, 2048) + 256 * 7168)
    + ends(7168, 129280),
    "qwen3-30b-a3b": 48 * (grouped(2048, 32, 4, 128) + 2 * 128 + 128 * gated(2048, 768) + 128 * 2048 + 2 * 2048)
    + ends(2048, 151936),
    "gpt-oss-120b": 36 * (grouped(2880, 64, 8, 64) + 128 * gated(2880, 2880) + 128 * 2880 + 2 * 2880)
    + ends(2880, 201088),
}

# Elements per token of context while no window or chunk is full: layers x 2 x KV heads x head dim.
KV_ELEMENTS = {
    "llama2-7b": 32 * 2 * 32 * 128,
    "llama2-70b": 80 * 2 * 8 * 128,
    "llama3.1-8b": 32 * 2 * 8 * 128,
    "llama3.1-70b": 80 * 2 * 8 * 128,
    "llama3.1-405b": 126 * 2 * 8 * 128,
    "llama4-scout": 48 * 2 * 8 * 128,
    "llama4-maverick": 48 * 2 * 8 * 128,
    "llama4-behemoth": 96 * 2 * 8 * 128,
    "mixtral-8x7b": 32 * 2 * 8 * 128,
    "deepseek-v3": 61 * (512 + 64),
    "qwen3-30b-a3b": 48 * 2 * 4 * 128,
    "gpt-oss-120b": 36 * 2 * 8 * 64,
}


@pytest.mark.parametrize("phase", ["prefill", "decode"])
@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_those_of_the_layers(name: str, phase: str) -> None:
    assert load_workload(f"llm/{name}", phase=phase).n_parameters == PARAMETERS[name]


@pytest.mark.parametrize(("name", "count"), [("llama2-7b", 6_738_415_616), ("llama3.1-8b", 8_030_261_248)])
def test_parameters_are_those_of_the_released_files(name: str, count: int) -> None:
    assert load_workload(f"llm/{name}").n_parameters == count


@pytest.mark.parametrize("name", KV_ELEMENTS)
def test_kv_cache_grows_by_its_elements_per_token(name: str) -> None:
    trace = load_workload(f"llm/{name}", phase="decode", batch=3, context=99)
    assert trace.role_bytes("kv_cache") == 3 * 100 * KV_ELEMENTS[name] * 2
    eight_bits = load_workload(f"llm/{name}", phase="decode", batch=3, context=99, kv_dtype="fp8")
    assert eight_bits.role_bytes("kv_cache") == 3 * 100 * KV_ELEMENTS[name]


@pytest.mark.parametrize(("name", "kilobytes"), [("deepseek-v3", 70.272), ("llama3.1-405b", 516.096)])
def test_kv_cache_is_as_published(name: str, kilobytes: float) -> None:
    # C. Zhao et al., Insights into DeepSeek-V3, ISCA 2025, table 1, BF16.
    trace = load_workload(f"llm/{name}", phase="decode", context=999)
    assert trace.role_bytes("kv_cache") == pytest.approx(1000 * kilobytes * 1e3)


def test_prefill_attends_causally() -> None:
    (attention,) = find(load_workload("llm/llama2-7b", batch=2, sequence=2048), "attention")
    pairs = 2048 * 2049 // 2
    assert attention.op.work().matrix_flop * attention.count == 2 * 32 * 32 * pairs * (2 * 128 + 2 * 128)


def test_prefill_attends_within_chunks() -> None:
    trace = load_workload("llm/llama4-scout", sequence=20_000)
    by_name = {operator.name: operator for operator in find(trace, "attention")}
    chunked = 2 * (8192 * 8193 // 2) + (20_000 - 2 * 8192) * (20_000 - 2 * 8192 + 1) // 2
    full = 20_000 * 20_001 // 2
    assert by_name["chunked_layers.attention"].op.work().matrix_flop == 40 * chunked * 4 * 128
    assert by_name["full_layers.attention"].op.work().matrix_flop == 40 * full * 4 * 128
    assert (by_name["chunked_layers.attention"].count, by_name["full_layers.attention"].count) == (36, 12)


def test_decode_at_the_start_of_a_chunk_attends_to_itself_only() -> None:
    trace = load_workload("llm/llama4-scout", phase="decode", context=2 * 8192)
    chunked, full = find(trace, "attention")
    assert chunked.op.work().matrix_flop == 40 * 4 * 128
    assert full.op.work().matrix_flop == 40 * (2 * 8192 + 1) * 4 * 128
    # The chunk before stays allocated until it is overwritten.
    assert trace.tensors["chunked_layers.k_cache"].shape == (1, 8192, 1024)


def test_decode_reads_every_weight_but_the_embedding() -> None:
    trace = load_workload("llm/llama2-7b", phase="decode")
    assert bytes_read(trace, "weight") == 2 * (6_738_415_616 - 32000 * 4096 + 4096)


def test_decode_reads_and_extends_the_whole_cache() -> None:
    trace = load_workload("llm/llama2-7b", phase="decode", context=1023)
    assert bytes_read(trace, "kv_cache") == 1024 * KV_ELEMENTS["llama2-7b"] * 2


def test_window_caps_the_cache() -> None:
    trace = load_workload("llm/gpt-oss-120b", phase="decode", context=9_999)
    kv_dim = 8 * 64
    assert trace.role_bytes("kv_cache") == 18 * 2 * kv_dim * (10_000 + 128) * 2
    assert bytes_read(trace, "kv_cache") == trace.role_bytes("kv_cache")


def test_window_caps_the_pairs_of_a_prefill() -> None:
    windowed, full = find(load_workload("llm/gpt-oss-120b", sequence=1000), "attention")
    assert windowed.op.work().matrix_flop == 64 * (128 * 129 // 2 + 872 * 128) * 4 * 64
    assert full.op.work().matrix_flop == 64 * (1000 * 1001 // 2) * 4 * 64


def test_expected_experts_agree_with_enumeration() -> None:
    choices = list(itertools.combinations(range(5), 2))
    routings = itertools.product(choices, repeat=3)
    assert expected_experts(5, 2, 3) == pytest.approx(mean(len(set().union(*tokens)) for tokens in routings))


def test_decode_reads_the_experts_that_got_tokens() -> None:
    def routed_bytes(batch: int) -> float:
        trace = load_workload("llm/qwen3-30b-a3b", phase="decode", batch=batch)
        return bytes_read(trace, "weight") - 2 * batch * 2048  # less the embedding's rows

    rest = PARAMETERS["qwen3-30b-a3b"] - 48 * 128 * gated(2048, 768) - 151936 * 2048
    assert routed_bytes(1) == pytest.approx(2 * (rest + 48 * 8 * gated(2048, 768)))
    active = 128 * (1 - (120 / 128) ** 32)
    assert routed_bytes(32) == pytest.approx(2 * (rest + 48 * active * gated(2048, 768)))


def test_absorbed_and_expanded_latent_attention_project_alike() -> None:
    absorbed = load_workload("llm/deepseek-v3", phase="decode")
    expanded = load_workload("llm/deepseek-v3", phase="prefill", sequence=1)
    assert matrix_flop_without_attention(absorbed) == matrix_flop_without_attention(expanded)
    # Of the embedding one row each; everything else in full.
    assert bytes_read(absorbed, "weight") == pytest.approx(bytes_read(expanded, "weight"))


def test_absorbed_attention_works_on_the_latent() -> None:
    trace = load_workload("llm/deepseek-v3", phase="decode", context=999)
    flop = sum(o.op.work().matrix_flop * o.count for o in find(trace, "attention"))
    assert flop == 2 * 61 * 128 * 1000 * (2 * 512 + 64)
    assert bytes_read(trace, "kv_cache") == 1000 * 61 * 576 * 2


def test_expanded_attention_works_on_heads() -> None:
    trace = load_workload("llm/deepseek-v3", sequence=1000)
    flop = sum(o.op.work().matrix_flop * o.count for o in find(trace, "attention"))
    assert flop == 2 * 61 * 128 * (1000 * 1001 // 2) * (192 + 128)


@pytest.mark.parametrize(("phase", "length", "n_tokens"), [("prefill", "sequence", 15), ("decode", "context", 3)])
def test_a_step_yields_its_new_tokens(phase: str, length: str, n_tokens: int) -> None:
    trace = load_workload("llm/llama3.1-8b", phase=phase, batch=3, **{length: 5})
    assert (trace.items, trace.item) == (n_tokens, "token")
    assert trace.operators[-1].op.dims() == {"m": 3, "n": 128256, "k": 4096}


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("llama3.1-405b", {"layers": 126}),
        ("mixtral-8x7b", {"layers": 32}),
        ("llama4-scout", {"chunked_layers": 36, "full_layers": 12}),
        ("llama4-maverick", {"dense_chunked_layers": 24, "moe_chunked_layers": 12, "moe_full_layers": 12}),
        ("deepseek-v3", {"dense_layers": 3, "moe_layers": 58}),
        ("gpt-oss-120b", {"windowed_layers": 18, "full_layers": 18}),
    ],
)
def test_layers_of_the_same_kind_are_one_group(name: str, groups: dict[str, int]) -> None:
    trace = load_workload(f"llm/{name}")
    counts = {o.name.rpartition(".")[0]: o.count for o in trace.operators if "." in o.name}
    assert list(counts.items()) == list(groups.items())


def test_full_layers_of_llama4_have_no_rotary_embedding() -> None:
    names = {operator.name for operator in load_workload("llm/llama4-scout").operators}
    assert {"chunked_layers.q_rope", "chunked_layers.k_norm"} <= names
    assert names.isdisjoint({"full_layers.q_rope", "full_layers.k_rope", "full_layers.q_norm", "full_layers.k_norm"})


def test_experts_of_gpt_oss_are_stored_as_released() -> None:
    # OpenAI, gpt-oss model card, table 1: checkpoint of 60.8 GiB.
    assert load_workload("llm/gpt-oss-120b").role_bytes("weight") == pytest.approx(60.8 * 2**30, rel=0.005)


def test_weight_dtype_of_the_run_wins_over_the_released_one() -> None:
    trace = load_workload("llm/gpt-oss-120b", weight_dtype="fp8")
    assert {tensor.dtype for tensor in trace.tensors.values() if tensor.role == "weight"} == {"fp8"}


def test_tied_head_is_counted_once(tmp_path: Path) -> None:
    untied = load_workload(write_tiny(tmp_path, "  ffn: 128\n"))
    tied = load_workload(write_tiny(tmp_path, "  ffn: 128\n  is_tied: true\n"))
    assert untied.n_parameters - tied.n_parameters == 1000 * 64
    assert untied.flop == tied.flop


def test_bias_adds_one_flop_per_output(tmp_path: Path) -> None:
    moe = "  moe: {n_experts: 8, top_k: 2, ffn: 32}\n"
    plain = load_workload(write_tiny(tmp_path, moe))
    biased = load_workload(write_tiny(tmp_path, moe + "  has_bias: true\n"))
    per_token = 4 * 16 + 2 * 2 * 16 + 64 + 8 + 2 * (2 * 32 + 64)  # q, k and v, o, router, experts
    assert biased.flop - plain.flop == 2 * 4 * per_token


def test_contradictions_are_reported_together(tmp_path: Path) -> None:
    path = write_tiny(
        tmp_path,
        "  local: {full_every: 2}\n  mla: {q_lora: 8, kv_lora: 8, rope: 16, v: 16}\n",
    )
    with pytest.raises(InputError) as error:
        load_workload(path)
    assert str(error.value) == (
        "5 errors in workload description\n"
        "  tiny.yaml:6:3: ffn: missing; layers without routed experts need it\n"
        "  tiny.yaml:10:15: n_kv_heads: 2 with mla; every head has its own keys, so give 4\n"
        "  tiny.yaml:12:10: local: give either window or chunk\n"
        "  tiny.yaml:13:8: mla: cannot be combined with local, has_bias or qk_norm\n"
        "  tiny.yaml:13:38: mla.rope: 16 leaves nothing of head_dim 16"
    )


def test_unknown_hyper_parameter_is_located(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        load_workload(write_tiny(tmp_path, "  fnn: 128\n"))
    assert str(error.value) == (
        "1 error in workload description\n  tiny.yaml:12:8: fnn: unknown key; did you mean 'ffn'?"
    )


def test_behemoth_says_that_it_is_hypothetical() -> None:
    trace = load_workload("llm/llama4-behemoth")
    assert trace.title == "Llama 4 Behemoth (hypothetical fit)"
    assert trace.notes == (
        "Hypothetical. Meta published total and active parameters and the number of experts only; every other dim is a "
        "fit.",
    )


def test_building_the_largest_dense_model_is_quick() -> None:
    def seconds() -> float:
        start = time.perf_counter()
        load_workload("llm/llama3.1-405b")
        return time.perf_counter() - start

    assert min(seconds() for _ in range(3)) < 0.2
