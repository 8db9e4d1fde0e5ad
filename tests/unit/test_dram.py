"""What programs get of a DRAM: efficiencies that follow from the laws of a channel, and described technologies."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from archmodel.errors import InputError, UnknownNameError
from archmodel.kernels.dram_channel import BURST, CCD, CL, CWL, REFI, RTW, alternating_cycles, mixed_efficiency
from archmodel.lowering import dram
from archmodel.lowering.dram import channel_times, gather_efficiency, lower_dram, stream_efficiency
from archmodel.machine import load_machine
from archmodel.machine.load import dram_technologies, load_dram
from archmodel.machine.timing import DramTiming
from archmodel.units import yaml_key

TIMING = DramTiming(1e9, 1, 256, 64, 128)
TECHNOLOGIES = sorted(dram_technologies())
BUS_TIMES = ("rcd_s", "rp_s", "ras_s", "cl_s", "cwl_s", "wtr_s", "wr_s", "rtp_s", "rrd_s", "faw_s", "rfc_s")


@pytest.mark.parametrize("name", TECHNOLOGIES)
def test_every_number_of_a_technology_has_a_kind_and_a_source(name):
    technology = load_dram(name)
    assert technology.name == name
    numbers = {yaml_key(field.name) for field in fields(technology)} - {"name", "title", "sources", "provenance"}
    assert set(technology.provenance) == numbers
    notes = technology.provenance.values()
    assert all(note.source and not note.source.startswith("not stated") for note in notes)
    assert all(note.source.split(",")[0] in technology.sources for note in notes if note.kind == "published")


@pytest.mark.parametrize("name", TECHNOLOGIES)
def test_times_are_those_of_a_dram_whose_data_never_collide(name):
    times = channel_times(name, TIMING)
    assert times[CCD] >= times[BURST]
    assert times[RTW] >= times[CL] + times[BURST] - times[CWL]
    assert (times > 0).all()
    technology = load_dram(name)
    assert technology.rfc_s < technology.refi_s / 5
    assert technology.burst_bytes in (32, 64)


@pytest.mark.parametrize("name", TECHNOLOGIES)
@pytest.mark.parametrize("batch", [1, 7, 128])
def test_mixed_efficiency_is_that_of_alternating_batches(name, batch):
    times = channel_times(name, TIMING)
    cycles = (alternating_cycles(times, 3, batch, False) - alternating_cycles(times, 1, batch, False)) / (2 * batch)
    assert mixed_efficiency(times, batch, 0.5) == pytest.approx(times[BURST] / cycles)


def test_mixed_efficiency_depends_on_the_rarer_direction_only():
    times = channel_times("HBM3E", TIMING)
    shares = np.linspace(0, 0.5, 20)
    efficiencies = [mixed_efficiency(times, 64, share) for share in shares]
    assert np.all(np.diff(efficiencies) < 0)
    assert efficiencies == pytest.approx([mixed_efficiency(times, 64, 1 - share) for share in shares])
    assert efficiencies[0] == 1


@pytest.mark.parametrize("name", TECHNOLOGIES)
def test_all_banks_at_once_cost_the_share_of_a_refresh(name):
    one_bank = replace(TIMING, refresh_loss_frac=0.0)
    loss = 1 - stream_efficiency(name, TIMING, 0.0) / stream_efficiency(name, one_bank, 0.0)
    technology = load_dram(name)
    assert technology.rfc_s < loss * technology.refi_s < technology.rfc_s + 80e-9
    assert channel_times(name, TIMING)[REFI] > 1000


@pytest.mark.parametrize("name", TECHNOLOGIES)
def test_longer_rows_more_ranks_and_shorter_times_never_slow_a_gather(name):
    efficiencies = [gather_efficiency(name, TIMING, n) for n in (1, 2, 4, 8, 16)]
    assert np.all(np.diff(efficiencies) > 0)
    assert efficiencies[-1] < stream_efficiency(name, TIMING, 0.0)
    assert gather_efficiency(name, replace(TIMING, n_ranks=4), 4) >= efficiencies[2] - 0.01


def test_the_rows_that_are_followed_are_enough(monkeypatch):
    found = gather_efficiency("LPDDR5", TIMING, 2)
    monkeypatch.setattr(dram, "N_ROWS", 4000)
    assert gather_efficiency.__wrapped__("LPDDR5", TIMING, 2) == pytest.approx(found, rel=0.01)


def test_rows_in_one_channel_get_that_channel():
    channels = lower_dram(load_machine("mtia_2i"))
    assert channels.n_channels == 16
    assert channels.gather_width(128, 1) == pytest.approx(channels.gather_width(128) / 16)
    assert channels.gather_width(128, 99) == channels.gather_width(128)
    # Beyond the interleaving a row goes on in the next channel
    assert channels.gather_width(4096) == channels.gather_width(256)


def test_without_timing_of_the_dram_the_constants_of_the_machine_hold():
    machine = load_machine("systolic_ws")
    channels = lower_dram(machine)
    assert machine.timing.dram is None
    assert channels.width(0.5) == channels.peak_width * machine.dram.efficiency_frac
    assert channels.gather_width(64) == channels.peak_width * machine.dram.gather_efficiency_frac


def test_a_technology_that_is_not_described_says_so():
    with pytest.raises(UnknownNameError, match=r"unknown DRAM technology 'HBM3F'; did you mean 'HBM3'\?"):
        load_dram("HBM3F")


def test_channels_need_a_technology_that_is_described():
    with pytest.raises(InputError) as caught:
        load_machine("mtia_2i", {"dram.technology": "FeRAM"})
    assert str(caught.value) == (
        "1 error in machine description\n  --set: dram.technology: 'timing.dram' needs one that is described: "
        "GDDR6, HBM2E, HBM3, HBM3E, HBM4, LPDDR5; 'FeRAM' is not. Take 'timing.dram' away (null), or name one of them"
    )
