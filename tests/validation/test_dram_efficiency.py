"""Shares of the bandwidth of DRAMs that were published, against those that follow from the times of a channel."""

from __future__ import annotations

import pytest

from archmodel.lowering.dram import lower_dram, stream_efficiency
from archmodel.machine import load_machine, machine_names
from archmodel.machine.timing import DramTiming

ADD_WRITES = 1 / 3  # c = a + b

MACHINES = [name for name in machine_names() if (timing := load_machine(name).timing) and timing.dram]


def share(name, write_frac):
    channels = lower_dram(load_machine(name))
    return channels.width(write_frac) / channels.peak_width


def test_the_write_batch_is_calibrated_to_the_bf16_add_of_mtia_300():
    assert share("mtia_300", ADD_WRITES) == pytest.approx(5.57 / 6.1, rel=0.005)  # ISCA 2026, figure 13


@pytest.mark.parametrize(
    ("technology", "stack_bytes_per_s", "published", "deviation"),
    [("HBM3E", 4.8e12 / 6, 4.40 / 4.8, 0.006), ("HBM2E", 2.4e12 / 6, 2.26 / 2.4, -0.021)],
    ids=["H200", "H100 at 2.4 TB/s"],
)
def test_the_bf16_add_of_gpus_follows_with_the_same_batch(technology, stack_bytes_per_s, published, deviation):
    """ISCA 2026, figure 13; 1,024 pins a stack."""
    timing = load_machine("mtia_300").timing.dram
    timing = DramTiming(stack_bytes_per_s / 1024, 2, 256, 64, timing.write_batch, timing.refresh_loss_frac)
    found = stream_efficiency(technology, timing, ADD_WRITES)
    assert found / published - 1 == pytest.approx(deviation, abs=0.001)


def test_refresh_of_all_banks_explains_what_wormhole_reads():
    assert share("tt_wormhole_n150", 0) == pytest.approx(267 / 288, rel=0.01)  # tt-metal, 265.5 to 267.6 GB/s


def test_refresh_of_all_banks_is_ruled_out_where_more_was_read():
    for name, published in (("tt_blackhole_p150", 500 / 512), ("mtia_2i", 0.95), ("mtia_300", 5.57 / 6.1)):
        machine = load_machine(name)
        timing = machine.timing.dram
        all_at_once = DramTiming(timing.pin_rate_bytes_per_s, timing.n_ranks, 256, 64, timing.write_batch)
        assert stream_efficiency(machine.dram.technology, all_at_once, 0.0) < published - 0.02


# Constant of the roofline less the law. ``refresh_loss`` of MTIA 2i and Blackhole is what their constant leaves.
DISTANCES = {
    "mtia_v1": -0.050,
    "mtia_2i": 0.000,
    "mtia_2i_1.1ghz": 0.000,
    "mtia_300": 0.002,
    "mtia_400": 0.008,
    "mtia_450": 0.008,
    "mtia_500": 0.008,
    "rivos_like": 0.001,
    "tt_blackhole_p150": 0.000,
    "tt_wormhole_n150": 0.005,
}


@pytest.mark.parametrize("name", MACHINES)
def test_the_constants_of_the_roofline_are_near(name, record_property):
    """Streams: at a third of writes where the constant is that of an add, else reads. Rows: between 64 and 512 B."""
    dram = load_machine(name).dram
    is_add = dram.technology.startswith("HBM")
    distance = dram.efficiency_frac - share(name, ADD_WRITES if is_add else 0.0)
    record_property("distance", f"{100 * distance:+.1f} points")
    assert distance == pytest.approx(DISTANCES[name], abs=0.001)
    channels = lower_dram(load_machine(name))
    low, high = (channels.gather_width(row_bytes) / channels.peak_width for row_bytes in (64, 512))
    assert low < dram.gather_efficiency_frac < high


@pytest.mark.parametrize(
    ("name", "shares"),
    [
        ("mtia_v1", (0.48, 0.78, 0.89, 0.89)),  # hand-written TBE kernels passed 60 %, of which this is the bound
        ("mtia_2i", (0.42, 0.74, 0.88, 0.88)),
        ("mtia_300", (0.29, 0.57, 0.84, 0.84)),
        ("rivos_like", (0.24, 0.48, 0.80, 0.80)),
        ("tt_blackhole_p150", (0.17, 0.35, 0.63, 0.83)),
        ("tt_wormhole_n150", (0.22, 0.43, 0.69, 0.82)),
    ],
)
def test_random_rows_get_what_the_documentation_prints(name, shares):
    channels = lower_dram(load_machine(name))
    found = [channels.gather_width(row_bytes) / channels.peak_width for row_bytes in (64, 128, 256, 512)]
    assert found == pytest.approx(shares, abs=0.006)
