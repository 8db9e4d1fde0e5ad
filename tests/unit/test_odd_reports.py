"""Reports on results that are not what one hopes for, and on machines and workloads of one's own."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

from made_up import AXES, OBJECTIVES, write_results
from page_reader import columns_of, data_of, read

import archmodel as am
from archmodel.api import report
from archmodel.report.html import Inputs, open_front, read_inputs, sweep_page, write_page
from archmodel.report.html.front import MOST_ROWS, pick
from archmodel.report.pareto import pareto_info
from archmodel.report.points import open_points
from archmodel.results.store import open_store


def make(folder: Path, change=lambda rows: rows, **given) -> Path:
    """Write made-up results, with all that a report reads of them."""
    write_results(folder, change=lambda rows: [{**row, "ranking_latency_s": 1e-3} for row in change(rows)], **given)
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    run["asked"]["machine"]["sha256"] = run["asked"]["economy"]["sha256"] = run["sha256"] = "0" * 64
    run["asked"] |= {
        "workloads": {"ranking": {"workload": "made/up", "settings": {}, "share": 1.0, "sha256": "0" * 64}},
        "mode": None, "launch": "graph", "where": [], "seed": 0, "search": None,
    }  # fmt: skip
    run["units"]["ranking_latency_s"] = "s"
    run |= {"description": {"title": run["title"]}, "versions": {"archmodel": "1.2.3"}}
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return folder


def write_made(folder: Path) -> Path:
    front = open_front(open_store(folder))
    return write_page(sweep_page(front, {"ranking": {"batch": 8}}, Inputs()), folder / "report")


def test_without_a_front_the_page_says_why(tmp_path):
    def spoil(rows):
        return [row | {"is_feasible": False, "status": "unsupported" if row["point"] % 2 else "ok"} for row in rows]

    page = write_made(make(tmp_path / "empty", change=spoil))
    reader = read(page)
    said = ("There are none: of 96 points 48 have no answer, 48 do not meet the conditions and 0 have no finite value "
            "of every objective.")  # fmt: skip
    assert said in page.read_text(encoding="utf-8")
    assert not {"pareto", "detail", "ladder", "front"} & set(reader.ids)
    assert columns_of(page)["point"]["values"] == []


def test_one_point_is_a_front(tmp_path):
    axes = {name: dict(list(choices.items())[:1]) for name, choices in AXES.items()}
    page = write_made(make(tmp_path / "one", axes=axes))
    assert columns_of(page)["point"]["values"] == [0]
    assert all(values == [] for values in data_of(page)["cloud"].values())


def test_what_has_no_finite_value_is_left_out(tmp_path):
    def spoil(rows):
        rows[0] |= {"throughput": math.inf}
        rows[1] |= {"throughput": math.nan, "tdp_w": -math.inf}
        return [row | {"tdp_w": math.inf if row["point"] % 3 else row["tdp_w"]} for row in rows]

    page = write_made(make(tmp_path / "infinite", change=spoil))
    columns = columns_of(page)
    assert not {0, 1} & set(columns["point"]["values"])
    for point, tdp_w in zip(columns["point"]["values"], columns["tdp_w"]["values"], strict=True):
        assert (tdp_w is None) == bool(point % 3)


OWN = {
    "parts/mine.yaml": "extends: ../base.yaml\nclock: {value: 1.2 GHz, kind: assumed, source: a guess}\n",
    "base.yaml": "extends: mtia_2i\nsram: {width: {value: 4096 B/cycle, kind: assumed, source: another}}\n",
    "work/load.yaml": "title: Made up\nsource: made up\nbuilder: dlrm\n"
    "defaults: {batch: 256, dtype: fp16, weight_dtype: null, table_dtype: fp16}\nmodel: {n_dense_features: 13, "
    "bottom: [64], dim: 64, tables: [[100000, 1]], top: [256, 1]}\n",
}


def test_own_files_are_beside_the_page_and_give_the_results_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in OWN.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    given = {
        "title": "mine", "machine": "parts/mine.yaml", "axes": {"dram.bandwidth": ["204.8 GB/s", "409.6 GB/s"]},
        "workloads": [{"workload": str(tmp_path / "work/load.yaml")}], "objectives": {"throughput": "max"},
    }  # fmt: skip
    found = am.sweep(given, "results")
    run, front = found.run, list(found.front().rows())
    page = report("results")
    copies = {path.relative_to(page.parent / "inputs").as_posix(): path for path in page.parent.rglob("*.yaml")
              if path.name != "sweep.yaml"}  # fmt: skip
    texts = {name.removeprefix("work/"): text for name, text in OWN.items()}
    assert {name: path.read_text(encoding="utf-8") for name, path in copies.items()} == texts
    assert {link for link in read(page).links if link.startswith("inputs/")} == {f"inputs/{name}" for name in texts}
    assert [path for path in page.parent.rglob("*.*") if str(tmp_path) in path.read_text(encoding="utf-8")] == []
    assert "2 machines of 2, base mine.yaml: " in page.read_text(encoding="utf-8")
    said = f"base machine mine.yaml. Assumed values: {len(run['assumed']['machine'])} of mine.yaml, "
    assert said in open_points(found).footer("")
    elsewhere = shutil.copytree(page.parent, tmp_path / "elsewhere" / "sent")
    for name in OWN:
        (tmp_path / name).unlink()
    monkeypatch.chdir(elsewhere)
    again = am.sweep("sweep.yaml", "again")
    assert again.run["asked"]["machine"]["sha256"] == run["asked"]["machine"]["sha256"]
    assert list(again.front().rows()) == front


def test_nothing_is_told_of_the_folders_of_own_files(tmp_path):
    mine, base, load = (tmp_path / name for name in OWN)
    other = tmp_path / "elsewhere" / "load.yaml"
    for path, text in {mine: OWN["parts/mine.yaml"], base: OWN["base.yaml"], load: "a: 1", other: "b: 2"}.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    asked = Inputs(
        {str(base): "inputs/base.yaml", str(load): "inputs/load.yaml", str(mine): "inputs/parts/mine.yaml",
         str(other): "inputs/2/load.yaml"},
        {"inputs/2/load.yaml": "b: 2", "inputs/base.yaml": OWN["base.yaml"], "inputs/load.yaml": "a: 1",
         "inputs/parts/mine.yaml": OWN["parts/mine.yaml"]},
    )  # fmt: skip
    assert read_inputs(map(str, (base, load, "mtia_2i", mine, other))) == asked


def test_page_and_figure_say_alike_how_many_values_are_assumed(tmp_path):
    folder = make(tmp_path / "assumed")
    text = write_made(folder).read_text(encoding="utf-8")
    assert " 35 values of the machine and 113 of the economy are assumed, not published or measured;" in text
    assert "Assumed values: 35 of mtia_2i, 113 of the economy." in pareto_info(open_points(folder)).footer


def test_two_hundred_axes_fit(tmp_path):
    axes = {**AXES, **{f"spare{i}": {"a": {f"spare{i}": 1.0}} for i in range(196)}}
    page = write_made(make(tmp_path / "wide", axes=axes))
    columns = [column for column in columns_of(page).values() if column["kind"] == "axis"]
    assert len(columns) == 200
    assert sum(column["is_shown"] for column in columns) == 12
    assert ", with the first 12 of 200 axes." in page.read_text(encoding="utf-8")


def test_one_objective_is_enough(tmp_path):
    objectives = {"throughput": OBJECTIVES["throughput"]}
    page = write_made(make(tmp_path / "single", objectives=objectives))
    assert data_of(page)["objectives"] == ["throughput"]


def test_a_large_front_is_spread_over_the_page():
    points = list(range(10_000))
    kept = pick(points, [77, 9_998], MOST_ROWS)
    assert MOST_ROWS <= len(kept) <= MOST_ROWS + 2
    assert {0, 77, 9_998, 9_999} <= set(kept)
    assert kept == sorted(kept)
    assert pick([5, 3, 4], [3], 3) == [5, 3, 4]
