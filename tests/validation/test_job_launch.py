"""Gaps between jobs on a production MTIA 2i (HolisticTraceAnalysis) against the launch costs of the preset."""

from __future__ import annotations

import csv
import itertools
import os
from pathlib import Path

import numpy as np
import pytest

import archmodel as am

FOLDER = os.environ.get("ARCHMODEL_REFERENCE")
JOBS = ("remote", "merge", "pe_exe")


@pytest.fixture(scope="module")
def gaps_s():
    """Seconds from the end of a job to the start of the next one, waiting for requests (above 40 us) left out."""
    if FOLDER is None:
        pytest.skip("ARCHMODEL_REFERENCE is not set: no device events")
    lines = (Path(FOLDER) / "published" / "mtia2i_inference_device_events.csv").read_text().splitlines()
    jobs = sorted(
        (float(row["start_us"]), float(row["dur_us"])) for row in csv.DictReader(lines) if row["name"] in JOBS
    )
    gaps = np.array([start - before - took for (before, took), (start, _) in itertools.pairwise(jobs)])
    return gaps[(gaps > 0) & (gaps < 40)] * 1e-6


@pytest.mark.parametrize(("launch", "band_s"), [("replay", (0, 10e-6)), ("switch", (10e-6, 40e-6))])
def test_gaps_between_jobs_are_those_of_the_launch_modes(gaps_s, launch, band_s, record_property):
    machine = am.machine("mtia_2i")
    modelled = getattr(machine.launch, f"{launch}_s")
    gaps = gaps_s[(gaps_s > band_s[0]) & (gaps_s < band_s[1])]
    error = modelled / np.median(gaps) - 1
    record_property("error", f"{error:+.1%}")
    assert len(gaps) >= 16
    assert abs(error) <= 0.03
    assert np.abs(modelled / gaps - 1).max() <= 0.08


def test_a_step_costs_more_the_farther_away_it_is_launched():
    machine, trace = am.machine("mtia_2i"), am.workload("recommendation/mtia_lc2")
    times = [am.evaluate(machine, trace, launch=launch).launch_s for launch in ("graph", "replay", "switch", "eager")]
    assert times == sorted(times)
    assert times[1] - times[0] == pytest.approx(4.75e-6)
    assert times[2] - times[0] == pytest.approx(31e-6)


def test_a_launch_mode_that_is_not_described_is_a_reason():
    trace = am.workload("recommendation/mtia_lc2")
    with pytest.raises(am.UnsupportedError) as caught:
        am.evaluate(am.machine("mtia_300"), trace, launch="switch")
    assert "mtia_300: 'launch.switch' is not described; set it or launch by graph, eager" in str(caught.value)
    rows = list(am.evaluate_batch([am.machine("mtia_2i"), am.machine("mtia_300")], trace, launch="switch").rows())
    assert [row["status"] for row in rows] == ["ok", "unsupported"]
