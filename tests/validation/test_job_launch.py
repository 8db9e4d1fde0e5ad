"""Gaps between jobs on a production MTIA 2i (HolisticTraceAnalysis) against the launch costs of the preset.

The trace has gaps of two lengths, and the preset is the middle of each. That the short ones are before a run of the
same executable is a reading of the trace, which these tests cannot check: several executables share the name of a job.
"""

from __future__ import annotations

import csv
import itertools
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import archmodel as am

FOLDER = os.environ.get("ARCHMODEL_REFERENCE")
JOBS = ("remote", "merge", "pe_exe")


# Launch mode, gaps of that length, preset over their median.
DEVIATIONS = [("replay", 16, -0.0073), ("switch", 48, -0.0129)]
BANDS_S = {"replay": (0, 10e-6), "switch": (10e-6, 40e-6)}


@pytest.fixture(scope="module")
def gaps():
    """Names of a job and of the next, and the seconds between; waiting for requests (above 40 us) left out."""
    if FOLDER is None:
        pytest.skip("ARCHMODEL_REFERENCE is not set: no device events")
    lines = (Path(FOLDER) / "published" / "mtia2i_inference_device_events.csv").read_text().splitlines()
    jobs = sorted(
        (float(row["start_us"]), float(row["dur_us"]), row["name"])
        for row in csv.DictReader(lines)
        if row["name"] in JOBS
    )
    listed = [
        (before, after, (start - began - took) * 1e-6)
        for (began, took, before), (start, _, after) in itertools.pairwise(jobs)
    ]
    return [gap for gap in listed if 0 < gap[2] < 40e-6]


def of_band(gaps, launch):
    low, high = BANDS_S[launch]
    return [gap for gap in gaps if low < gap[2] < high]


@pytest.mark.parametrize(("launch", "n_gaps", "deviation"), DEVIATIONS)
def test_gaps_between_jobs_are_those_of_the_launch_modes(gaps, launch, n_gaps, deviation, record_property):
    modelled_s = getattr(am.machine("mtia_2i").launch, f"{launch}_s")
    found_s = np.array([gap_s for *_, gap_s in of_band(gaps, launch)])
    error = modelled_s / np.median(found_s) - 1
    record_property("error", f"{error:+.1%}")
    assert len(found_s) == n_gaps
    assert error == pytest.approx(deviation, abs=0.0005)
    assert np.abs(modelled_s / found_s - 1).max() <= 0.08


def test_names_of_jobs_do_not_tell_the_two_lengths_apart(gaps, record_property):
    """Short gaps are not those between jobs of one name. Only after ``merge`` is the length always the same."""
    same = {
        launch: Counter("same" if before == after else "other" for before, after, _ in of_band(gaps, launch))
        for launch in BANDS_S
    }
    record_property("name of the next job, by length of the gap", {name: dict(counts) for name, counts in same.items()})
    assert same == {"replay": {"same": 11, "other": 5}, "switch": {"same": 23, "other": 25}}
    behind_merge = [launch for launch in BANDS_S for before, *_ in of_band(gaps, launch) if before == "merge"]
    assert behind_merge == ["switch"] * 30


def test_an_operator_of_another_executable_would_cost_26_us_more_in_eager_mode():
    """``eager`` takes each operator's executable as resident, which is optimistic."""
    launch = am.machine("mtia_2i").launch
    assert launch.eager_s == launch.replay_s == pytest.approx(5.75e-6)
    assert launch.switch_s - launch.eager_s == pytest.approx(26.25e-6)


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
