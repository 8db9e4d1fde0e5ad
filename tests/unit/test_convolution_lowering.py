"""Convolutions as programs: products of windows, lines of grouped channels, on every machine with timing."""

from __future__ import annotations

from dataclasses import replace

import pytest

import archmodel as am
from archmodel.lowering.phases import find_site, lower_site
from archmodel.lowering.placed import Tail
from archmodel.machine.load import load_machine, machine_names
from archmodel.mapping import place
from archmodel.workload.single import operators_trace

IMAGE_IN_SRAM = {"x": "sram", "weight": "sram", "out": "sram"}
ROWS_IN_SRAM = {"a": "sram", "b": "sram", "c": "sram"}
TIMED = [name for name in machine_names() if load_machine(name).timing is not None]


def cycles(machine, kind, place, model="cycle", dtype="fp16", **dims):
    return am.evaluate_operator(am.machine(machine), kind, dtype=dtype, model=model, place=place, **dims)


def site_of(machine, kind, **dims):
    loaded = load_machine(machine)
    trace = operators_trace(kind, [dims], "fp16", {})
    return find_site(trace, 0, loaded, place(trace, loaded))


@pytest.mark.parametrize("model", ["analytic", "cycle"])
@pytest.mark.parametrize("machine", ["mtia_2i", "mtia_v1", "rivos_like", "tt_wormhole_n150", "systolic_ws"])
def test_kernel_of_one_pixel_is_a_matmul(machine, model):
    image = cycles(
        machine, "conv2d", IMAGE_IN_SRAM, model, batch=2, in_channels=256, out_channels=128, height=28, width=28,
        kernel=1,
    )  # fmt: skip
    rows = cycles(machine, "matmul", ROWS_IN_SRAM, model, m=2 * 28 * 28, n=128, k=256)
    assert image["cycles"] == rows["cycles"]
    assert image["work_cycles"] == rows["work_cycles"]


@pytest.mark.parametrize("machine", ["mtia_2i", "mtia_300", "rivos_like", "tt_blackhole_p150"])
def test_windows_that_share_pixels_are_no_slower_than_rows_of_their_own(machine):
    image = cycles(
        machine, "conv2d", IMAGE_IN_SRAM, batch=1, in_channels=128, out_channels=128, height=56, width=56, kernel=3
    )
    rows = cycles(machine, "matmul", ROWS_IN_SRAM, m=56 * 56, n=128, k=9 * 128)
    assert image["cycles"] <= rows["cycles"] * 1.02


def test_dram_is_asked_for_each_pixel_once_where_there_is_a_cache():
    dims = {"batch": 1, "in_channels": 256, "out_channels": 64, "height": 128, "width": 128, "kernel": 3}
    near = {"weight": "sram", "out": "sram"}
    row = cycles("mtia_2i", "conv2d", near, **dims)
    width = site_of("mtia_2i", "conv2d", **dims).timing.dram_width
    assert row["work_cycles"]["dram"] * width == pytest.approx(128 * 128 * 256 * 2, rel=0.25)
    # Without a cache every window asks, and lines between blocks come twice.
    row = cycles("tt_blackhole_p150", "conv2d", near, **dims)
    width = site_of("tt_blackhole_p150", "conv2d", **dims).timing.dram_width
    assert row["work_cycles"]["dram"] * width > 1.2 * 128 * 128 * 256 * 2


@pytest.mark.parametrize("machine", ["mtia_2i", "mtia_v1", "rivos_like"])
def test_channels_of_their_own_pass_the_lanes(machine):
    dims = {"batch": 8, "in_channels": 512, "out_channels": 512, "height": 28, "width": 28, "kernel": 3}
    row = cycles(machine, "conv2d", IMAGE_IN_SRAM, groups=512, **dims)
    assert row["mapping"] is None
    assert "matrix" not in row["work_cycles"]
    # With many channels each, groups are products.
    row = cycles(machine, "conv2d", IMAGE_IN_SRAM, groups=2, **dims)
    assert row["work_cycles"]["matrix"] > 0


def test_lines_are_cut_by_channels_until_they_fit():
    dims = {"batch": 1, "in_channels": 4096, "out_channels": 4096, "height": 16, "width": 512, "kernel": 3}
    row = cycles("mtia_v1", "conv2d", {}, groups=4096, **dims)
    least = 2 * 9 * 16 * 512 * 4096 / (64 * load_machine("mtia_v1").simd.lanes["fp16"])
    assert row["cycles"] >= least


def test_few_lines_are_cut_for_all_pes():
    dims = {"batch": 1, "in_channels": 1024, "out_channels": 1024, "height": 7, "width": 7, "kernel": 3, "groups": 1024}
    (phase,) = lower_site(site_of("mtia_2i", "conv2d", **dims))
    assert phase.grid.n_pes > 32


@pytest.mark.parametrize("groups", [1, 64])
def test_what_is_fused_behind_takes_time_on_the_lanes(groups):
    dims = {"batch": 4, "in_channels": 64, "out_channels": 64, "height": 56, "width": 56, "kernel": 3}
    site = site_of("mtia_2i", "conv2d", groups=groups, **dims)
    fused = replace(site, tail=Tail(operations=3, operands=(site.place("out"),)))
    (plain,), (tailed,) = lower_site(site), lower_site(fused)
    assert tailed.count()[0] > plain.count()[0]


@pytest.mark.parametrize("machine", TIMED)
@pytest.mark.parametrize("groups", [1, 32])
def test_every_machine_is_above_the_bound_and_below_one_after_another(machine, groups):
    dims = {"batch": 2, "in_channels": 96, "out_channels": 64, "height": 30, "width": 21, "kernel": 3, "stride": 2}
    for model in ("analytic", "cycle"):
        row = cycles(machine, "conv2d", {}, model, groups=groups, has_bias=True, **dims)
        assert 0 < row["lower_s"] <= row["latency_s"] <= row["upper_s"]


@pytest.mark.parametrize("machine", ["mtia_2i", "tt_wormhole_n150", "systolic_os"])
def test_frames_of_a_video(machine):
    dims = {"in_channels": 32, "out_channels": 64, "height": 20, "width": 20, "kernel": 3}
    video = cycles(machine, "conv3d", {}, batch=1, frames=8, kernel_frames=3, **dims)
    frame = cycles(machine, "conv2d", {}, batch=1, **dims)
    assert video["cycles"] > frame["cycles"]
    alone = cycles(machine, "conv3d", {}, batch=1, frames=1, kernel_frames=1, **dims)
    assert alone["cycles"] == frame["cycles"]


def test_one_pe_stands_for_all():
    dims = {"batch": 1, "in_channels": 128, "out_channels": 256, "height": 28, "width": 28, "kernel": 3, "stride": 2}
    machine = am.machine("mtia_2i")
    took = [
        am.evaluate_operator(machine, "conv2d", dtype="fp16", model="cycle", mode=mode, **dims)["cycles"]
        for mode in ("representative", "grid")
    ]
    assert took[0] == pytest.approx(took[1], rel=0.05)
