"""``archmodel plot`` of the results of a sweep."""

from __future__ import annotations

import csv

import pytest
from made_up import write_results

SWEEP = """\
title: Clock or memory
machine: mtia_2i
workloads: [{workload: recommendation/mtia_lc1, label: ranking}]
axes:
  clock: [1 GHz, 1.5 GHz]
  sram.capacity: [128 MiB, 256 MiB]
objectives: {throughput: max, area: min}
"""


def data_of(path):
    return list(csv.DictReader(path.with_suffix(".data.csv").read_text().splitlines()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(write_results(tmp_path_factory.mktemp("made_up") / "memory"))


@pytest.mark.parametrize(
    ("kind", "options", "n_rows"),
    [
        ("pareto", ("--x", "tdp_w", "--y", "area", "--point", "7"), 96 - 8 + 1),
        ("pairs", ("--columns", "tdp_w, ranking_utilisation"), 96 - 8 + 1),
        ("heatmap", ("--x", "memory", "--y", "workload.batch", "--value", "area", "--over", "mean"), 6),
        ("parallel", ("--axes", "memory,clock", "--point", "7"), 96 - 8),
    ],
)
def test_a_figure_is_drawn_with_its_data_beside_it(run, folder, tmp_path, kind, options, n_rows):
    path = tmp_path / f"{kind}.svg"
    code, out, err = run("plot", kind, folder, "-o", str(path), *options)
    assert (code, out, err) == (0, "", f"wrote {path} and {path.with_suffix('.data.csv')}\n")
    assert path.read_text().startswith("<?xml")
    assert len(data_of(path)) == n_rows


def test_a_tornado_evaluates_what_it_needs(run, run_json, tmp_path):
    (tmp_path / "small.yaml").write_text(SWEEP)
    results, path = str(tmp_path / "results"), tmp_path / "tornado.svg"
    run("sweep", str(tmp_path / "small.yaml"), "-o", results, "--points", "1")
    code, _, err = run("plot", "tornado", results, "-o", str(path), "--value", "area")
    assert (code, err) == (0, f"wrote {path} and {path.with_suffix('.data.csv')}\n")
    rows = run_json("query", results, "select axis, silicon_mm2 from sensitivity order by axis")
    assert [row["axis"] for row in rows] == ["", "clock", "sram.capacity"]
    drawn = {row["axis"]: float(row["silicon_mm2"]) for row in data_of(path)}
    assert drawn == {row["axis"]: row["silicon_mm2"] for row in rows[1:]}


def test_what_is_wrong_is_told(run, folder, tmp_path):
    path = tmp_path / "x.png"
    code, out, err = run("plot", "pareto", str(tmp_path), "-o", str(path))
    assert (code, out) == (2, "")
    assert err == (
        f"1 error in results\n  {tmp_path}: holds no results; give a folder that archmodel has written them to\n"
    )
    code, _, err = run("plot", "heatmap", folder, "-o", str(path), "--over", "sum")
    assert (code, "best" in err) == (2, True)
    assert not path.exists()
