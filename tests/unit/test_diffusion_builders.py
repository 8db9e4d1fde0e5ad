"""Diffusion traces against published parameter counts and multiply-accumulates counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from archmodel.errors import InputError
from archmodel.workload import Trace, load_workload, workload_names
from archmodel.workload.load import workload_paths

# Parameters of the released weights. SD 1.5: diffusers, modeling_utils.py. FLUX.1 and Wan: elements of the safetensors
# files on Hugging Face. SDXL, DiT, SD 3: the reference module definitions; SD 3 holds 192² position embeddings of 1536.
PARAMETERS = {
    "diffusion/sd1.5": 859_520_964,
    "diffusion/sdxl": 2_567_463_684,
    "diffusion/dit-xl-2": 675_129_632,
    "diffusion/sd3-medium": 2_028_328_000 + 192 * 192 * 1536,
    "diffusion/flux.1-dev": 11_901_408_320,
    "diffusion/wan2.1-1.3b": 1_418_996_800,
    "diffusion/wan2.1-14b": 14_288_491_584,
}

# Residual blocks (channels in, out, edge), transformers (channels, edge, depth), 3×3 convolutions of down- and
# upsampling (channels, edge of the output): written down from the published block lists, level by level.
SD15_RES = [
    *[(320, 320, 64), (320, 320, 64), (320, 640, 32), (640, 640, 32), (640, 1280, 16), (1280, 1280, 16)],
    *[(1280, 1280, 8)] * 4,
    *[(2560, 1280, 8)] * 3,
    *[(2560, 1280, 16), (2560, 1280, 16), (1920, 1280, 16)],
    *[(1920, 640, 32), (1280, 640, 32), (960, 640, 32)],
    *[(960, 320, 64), (640, 320, 64), (640, 320, 64)],
]
SD15_TRANSFORMERS = [*[(320, 64, 1)] * 5, *[(640, 32, 1)] * 5, *[(1280, 16, 1)] * 5, (1280, 8, 1)]
SD15_SAMPLERS = [(320, 32), (640, 16), (1280, 8), (1280, 16), (1280, 32), (640, 64)]
SDXL_RES = [
    *[(320, 320, 128), (320, 320, 128), (320, 640, 64), (640, 640, 64), (640, 1280, 32), (1280, 1280, 32)],
    *[(1280, 1280, 32)] * 2,
    *[(2560, 1280, 32), (2560, 1280, 32), (1920, 1280, 32)],
    *[(1920, 640, 64), (1280, 640, 64), (960, 640, 64)],
    *[(960, 320, 128), (640, 320, 128), (640, 320, 128)],
]
SDXL_TRANSFORMERS = [*[(640, 64, 2)] * 5, *[(1280, 32, 10)] * 6]
SDXL_SAMPLERS = [(320, 64), (640, 32), (1280, 64), (640, 128)]

DIFFUSION = [name for name in workload_names() if name.startswith("diffusion/")]


def one_pass(name: str, **settings: object) -> Trace:
    return load_workload(name, steps=1, guidance=1, **settings)


def macs(trace: Trace, part: str = "") -> float:
    """Multiply-accumulates of the operators whose name holds ``part``."""
    return sum(o.op.work().matrix_flop * o.count for o in trace.operators if part in o.name) / 2


def self_macs(channels: int, n_tokens: int) -> int:
    return 4 * n_tokens * channels**2 + 2 * n_tokens**2 * channels


def cross_macs(channels: int, n_tokens: int, n_text: int, text_dim: int) -> int:
    return 2 * n_tokens * channels**2 + 2 * n_text * text_dim * channels + 2 * n_tokens * n_text * channels


def unet_macs(res: list, transformers: list, samplers: list, *, edge: int, text_dim: int, label_dim: int) -> int:
    total = 320 * 1280 + 1280**2 + (label_dim * 1280 + 1280**2 if label_dim else 0)
    total += 2 * 9 * 4 * 320 * edge**2
    for c_in, c_out, e in res:
        total += 9 * (c_in + c_out) * c_out * e**2 + 1280 * c_out + (c_in * c_out * e**2 if c_in != c_out else 0)
    for c, e, depth in transformers:
        feed_forward = 12 * c**2 * e**2
        total += 2 * c**2 * e**2
        total += depth * (self_macs(c, e**2) + cross_macs(c, e**2, 77, text_dim) + feed_forward)
    return total + sum(9 * c**2 * e**2 for c, e in samplers)


def test_all_diffusion_workloads_are_covered() -> None:
    assert set(DIFFUSION) == set(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_equal_the_released_weights(name: str) -> None:
    assert load_workload(name).n_parameters == PARAMETERS[name]


def test_dit_at_512_pixels_stores_more_positions() -> None:
    assert load_workload("diffusion/dit-xl-2", resolution=512).n_parameters == 675_129_632 + (1024 - 256) * 1152


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "diffusion/sd1.5",
            unet_macs(SD15_RES, SD15_TRANSFORMERS, SD15_SAMPLERS, edge=64, text_dim=768, label_dim=0),
        ),
        (
            "diffusion/sdxl",
            unet_macs(SDXL_RES, SDXL_TRANSFORMERS, SDXL_SAMPLERS, edge=128, text_dim=2048, label_dim=2816),
        ),
    ],
)
def test_unet_macs_equal_the_sum_over_its_blocks(name: str, expected: int) -> None:
    assert macs(one_pass(name)) == expected


def test_dit_macs_equal_the_closed_form() -> None:
    n, d = 256, 1152
    blocks = 28 * (12 * n * d**2 + 2 * n**2 * d + 6 * d**2)
    ends = n * 16 * d + 256 * d + d**2 + 2 * d**2 + n * d * 32
    assert macs(one_pass("diffusion/dit-xl-2")) == blocks + ends


def test_sd3_macs_equal_the_closed_form() -> None:
    image, text, d = 4096, 154, 1536
    full = 12 * (image + text) * d**2 + 2 * (image + text) ** 2 * d + 12 * d**2
    saved_by_last_text = 9 * text * d**2 + 4 * d**2
    ends = image * 64 * d + text * 4096 * d + (256 + d) * d + (2048 + d) * d + 2 * d**2 + image * d * 64
    assert macs(one_pass("diffusion/sd3-medium")) == 24 * full - saved_by_last_text + ends


def test_flux_macs_equal_the_closed_form() -> None:
    image, text, d = 4096, 512, 3072
    n = image + text
    double = 12 * n * d**2 + 2 * n**2 * d + 12 * d**2
    single = 7 * n * d**2 + 5 * n * d**2 + 2 * n**2 * d + 3 * d**2
    vectors = 2 * (256 + d) * d + (768 + d) * d + 2 * d**2
    ends = image * 64 * d + text * 4096 * d + vectors + image * d * 64
    assert macs(one_pass("diffusion/flux.1-dev")) == 19 * double + 38 * single + ends


@pytest.mark.parametrize(
    ("name", "n", "d", "ffn", "n_layers"),
    [("diffusion/wan2.1-1.3b", 32_760, 1536, 8960, 30), ("diffusion/wan2.1-14b", 75_600, 5120, 13_824, 40)],
)
def test_wan_macs_equal_the_closed_form(name: str, n: int, d: int, ffn: int, n_layers: int) -> None:
    block = self_macs(d, n) + cross_macs(d, n, 512, d) + 2 * n * d * ffn
    ends = n * 64 * d + 512 * (4096 + d) * d + (256 + d) * d + 6 * d**2 + n * d * 64
    assert macs(one_pass(name)) == n_layers * block + ends


@pytest.mark.parametrize(
    ("name", "n_tokens"),
    [
        ("diffusion/dit-xl-2", 256),
        ("diffusion/sd3-medium", 4096 + 154),
        ("diffusion/flux.1-dev", 4096 + 512),
        ("diffusion/wan2.1-1.3b", 32_760),
        ("diffusion/wan2.1-14b", 75_600),
    ],
)
def test_longest_attention_spans_all_tokens(name: str, n_tokens: int) -> None:
    spans = [o.op.dims()["kv_len"] for o in load_workload(name).operators if o.op.kind == "attention"]
    assert max(spans) == n_tokens


@pytest.mark.parametrize(
    ("name", "transformers", "text_dim"),
    [("diffusion/sd1.5", SD15_TRANSFORMERS, 768), ("diffusion/sdxl", SDXL_TRANSFORMERS, 2048)],
)
def test_cross_attention_share_of_unets(name: str, transformers: list, text_dim: int) -> None:
    trace = one_pass(name)
    assert macs(trace, ".cross.") == sum(n * cross_macs(c, e**2, 77, text_dim) for c, e, n in transformers)
    assert macs(trace, ".self.") == sum(n * self_macs(c, e**2) for c, e, n in transformers)


@pytest.mark.parametrize("name", DIFFUSION)
def test_work_scales_with_steps_guidance_and_batch(name: str) -> None:
    one, many = one_pass(name), load_workload(name, steps=7, guidance=2, batch=3)
    assert many.flop == pytest.approx(7 * 2 * 3 * one.flop, rel=1e-12)
    assert many.matrix_flop == pytest.approx(7 * 2 * 3 * one.matrix_flop, rel=1e-12)
    assert many.items == 3
    assert one.items == 1


@pytest.mark.parametrize("name", DIFFUSION)
def test_weights_are_shared_by_steps_guidance_and_batch(name: str) -> None:
    one, many = one_pass(name), load_workload(name, steps=7, guidance=2, batch=3)
    assert many.role_bytes("weight") == one.role_bytes("weight") == 2.0 * PARAMETERS[name]


@pytest.mark.parametrize("name", DIFFUSION)
def test_live_activations_grow_with_batch_not_with_steps(name: str) -> None:
    one = max(one_pass(name).live_bytes)
    assert max(load_workload(name, steps=7, guidance=1).live_bytes) == one
    assert max(one_pass(name, batch=2).live_bytes) == 2 * one


@pytest.mark.parametrize("name", DIFFUSION)
def test_traces_stay_small(name: str) -> None:
    assert len(load_workload(name).operators) < 1500


@pytest.mark.parametrize("name", DIFFUSION)
def test_item_is_a_video_for_wan_and_an_image_otherwise(name: str) -> None:
    assert load_workload(name).item == ("video" if "wan" in name else "image")


def test_skip_connections_stay_alive_until_their_twin() -> None:
    trace = one_pass("diffusion/sd1.5")
    position = {operator.name: idx for idx, operator in enumerate(trace.operators)}
    middle = position["steps.middle.transformer.proj_in"]
    skips = 3 * 64**2 * 320 + 32**2 * (320 + 2 * 640) + 16**2 * (640 + 2 * 1280) + 8**2 * 3 * 1280
    assert trace.live_bytes[middle] > 2 * skips
    assert trace.live_bytes[middle] < 2 * skips + 2**20
    assert trace.tensors["steps.conv_in"].last_idx == position["steps.up.0.2.concat"]
    assert trace.tensors["steps.down.2.downsample"].last_idx == position["steps.up.3.2.concat"]


def test_peak_activations_of_flux_are_those_of_a_single_block() -> None:
    trace = one_pass("diffusion/flux.1-dev")
    n, d = 4096 + 512, 3072
    peak = max(range(len(trace.operators)), key=lambda idx: trace.live_bytes[idx])
    assert trace.operators[peak].name.startswith("steps.single.")
    # The MLP's activation: the stream, the first product (q, k, v and hidden), the attended values, the activated
    # hidden layer, and the conditioning vector.
    assert max(trace.live_bytes) == 2 * (n * d * (1 + 7 + 1 + 4) + d)


def test_resolution_scales_convolutions_and_attention() -> None:
    small, large = one_pass("diffusion/sdxl", resolution=512), one_pass("diffusion/sdxl", resolution=1024)
    assert macs(large, ".conv") == 4 * macs(small, ".conv")
    assert macs(large, ".cross.q") == 4 * macs(small, ".cross.q")
    assert macs(large, ".cross.k") == macs(small, ".cross.k")
    assert macs(large, ".self.attention") == 16 * macs(small, ".self.attention")


def test_last_text_stream_of_sd3_is_dropped_and_that_of_flux_is_not() -> None:
    sd3 = {operator.name: operator for operator in one_pass("diffusion/sd3-medium").operators}
    assert sd3["steps.double.text.out"].count == 23
    assert sd3["steps.double_last.text.qkv"].count == 1
    assert "steps.double_last.text.out" not in sd3
    flux = {operator.name: operator for operator in one_pass("diffusion/flux.1-dev").operators}
    assert flux["steps.double.text.out"].count == 19
    assert flux["steps.single.linear1"].count == 38
    assert flux["steps.guidance_embed.up"].count == 1
    assert "steps.guidance_embed.up" not in sd3


@pytest.mark.parametrize(
    ("name", "resolution", "text"),
    [
        ("diffusion/sd1.5", 500, "500 is not allowed; this model takes multiples of 64, e.g. 512"),
        ("diffusion/sdxl", 1000, "1000 is not allowed; this model takes multiples of 32, e.g. 992"),
        ("diffusion/dit-xl-2", 8, "8 is not allowed; this model takes multiples of 16, e.g. 16"),
        ("diffusion/flux.1-dev", 1023, "1023 is not allowed; this model takes multiples of 16, e.g. 1024"),
    ],
)
def test_resolution_that_does_not_fit_is_refused(name: str, resolution: int, text: str) -> None:
    with pytest.raises(InputError) as caught:
        load_workload(name, resolution=resolution)
    assert str(caught.value) == f"1 error in run settings\n  {name}: resolution: {text}"


@pytest.mark.parametrize(
    ("name", "old", "new", "text"),
    [
        (
            "diffusion/sd1.5",
            "depths: [1, 1, 1, 0]",
            "depths: [1, 1]",
            "13:11: depths: has 2 entries; multipliers has 4, one per level",
        ),
        (
            "diffusion/sdxl",
            "n_heads: [5, 10, 20]",
            "n_heads: [5, 9, 20]",
            "16:12: n_heads: 9 does not divide the width 640",
        ),
        ("diffusion/dit-xl-2", "n_heads: 16", "n_heads: 17", "10:12: n_heads: 17 does not divide the width 1152"),
        ("diffusion/flux.1-dev", "n_heads: 24", "n_heads: 25", "9:12: n_heads: 25 does not divide the width 3072"),
        (
            "diffusion/wan2.1-14b",
            "height: 720",
            "height: 700",
            "21:11: height: 700 is not allowed; give a multiple of 16",
        ),
        (
            "diffusion/wan2.1-14b",
            "frames: 81",
            "frames: 80",
            "22:11: frames: 80 is not allowed; give one more than a multiple of 4",
        ),
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


def test_a_pyramid_without_levels_is_refused(tmp_path: Path) -> None:
    text = workload_paths()["diffusion/sdxl"].read_text(encoding="utf-8")
    for line in ("multipliers: [1, 2, 4]", "depths: [0, 2, 10]", "n_heads: [5, 10, 20]"):
        assert line in text
        text = text.replace(line, f"{line.partition(':')[0]}: []")
    path = tmp_path / "changed.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_workload(path)
    assert str(caught.value) == (
        "1 error in workload description\n  changed.yaml:12:16: multipliers: is empty; give one entry per level"
    )
