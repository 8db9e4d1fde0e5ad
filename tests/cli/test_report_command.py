"""``archmodel report``: of runs, comparisons, verifications, and sweeps that have not gone well."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

import archmodel as am
from archmodel.api import open_sweep, report
from archmodel.errors import InputError
from archmodel.results import TOTALS, ResultTable
from archmodel.results.keep import VERIFY, as_array, keep_tables
from archmodel.results.store import open_store

WORKLOAD = "recommendation/mtia_lc1"
WORKLOADS = Path(__file__).parents[2] / "workloads"


def data_of(page):
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1])


def test_a_run_is_kept_and_reported(run, run_json, tmp_path):
    folder = tmp_path / "one"
    told = run_json("run", "mtia_2i", WORKLOAD, "--batch", "256", "--set", "clock=1.5 GHz", "-o", str(folder))
    store = open_store(folder)
    total = next(store.query("select * from total").rows())
    assert {name: total[name] for name in told["total"] if told["total"][name] is not None} == {
        name: value for name, value in told["total"].items() if value is not None
    }
    rows = list(store.query("select * from operators").rows())
    assert [row["latency_s"] for row in rows] == [row["latency_s"] for row in told["operators"]]
    code, out, err = run("report", str(folder))
    page = folder / "report" / "index.html"
    assert (code, out) == (0, f"{page}\n")
    assert err == f"note: open it with a browser; to send it, send the folder {page.parent}\n"
    data, text = data_of(page), page.read_text(encoding="utf-8")
    assert data["bars"] == ["mtia_2i"]
    assert math.fsum(data["breakdown"]["times_s"][0]) == pytest.approx(total["latency_s"], rel=1e-12)
    for group, time_s in zip(data["breakdown"]["groups"], data["breakdown"]["times_s"][0], strict=True):
        if group != "launch":
            parts = [part for row in rows if row["group"] == group for part in (row["latency_s"], -row["launch_s"])]
            assert time_s == math.fsum(parts)
    peaks = list(store.query("select * from ceilings").rows())
    lines = [trace["name"] for trace in data["figures"]["roofline"]["data"]]
    for row in peaks:  # behind its name, a line says its rate
        assert len([line for line in lines if line.startswith(f"{row['name']} ")]) == 1
    command = f"archmodel run mtia_2i {WORKLOAD} --batch 256 --set &#x27;clock=1.5 GHz&#x27; -o {folder}-again"
    assert command in text
    assert f'data-value="{total["latency_s"]!r}"' in text
    assert "<p>Model roofline; batch 256, dtype fp16, launch graph, clock 1.5 GHz.</p>" in text
    cells = {title: (area, cells) for *_, title, _, area, cells in data["blocks"]["mtia_2i"]}
    assert {title: cells for title, (area, cells) in cells.items() if area} == {
        "64 PEs: 8 × 8": [8, 8], "SRAM of all PEs": [1, 8], "DRAM": [1, 16],
    }  # fmt: skip
    assert set(data["blocks"]) == {"mtia_2i"}
    before = page.read_bytes()
    assert report(folder).read_bytes() == before


def test_machines_of_one_name_are_not_kept(run, tmp_path):
    given = ("mtia_2i", "mtia_2i", "--workload", WORKLOAD, "-o", str(tmp_path / "twice"))
    code, _, said = run("compare", *given)
    text = "mtia_2i: machines of this name: 2; give each once, or another name in its file"
    assert (code, said) == (2, f"1 error in results\n  {text}\n")
    assert not (tmp_path / "twice").exists()


def test_a_comparison_without_answers_is_not_kept(run, tmp_path):
    folder = tmp_path / "none"
    code, _, said = run("compare", "mtia_2i", "--workload", "llm/llama3.1-8b", "--dtype", "fp8", "-o", str(folder))
    assert code == 2
    assert said.startswith(f"note: nothing is kept in {folder}: no machine has an answer\n")
    assert not folder.exists()


def test_machines_are_compared_in_a_report(run, tmp_path):
    folder = tmp_path / "two"
    arguments = ["mtia_2i", "h100_sxm", "--workload", "llm/llama3.1-8b", "--dtype", "fp8"]
    assert run("compare", *arguments, "-o", str(folder))[0] == 0
    rows = {row["machine"]: row for row in open_store(folder).query("select * from total").rows()}
    assert (rows["mtia_2i"]["status"], rows["h100_sxm"]["status"]) == ("unsupported", "ok")
    page = report(folder)
    assert data_of(page)["bars"] == ["h100_sxm"]
    text = page.read_text(encoding="utf-8")
    assert "<h1>llm/llama3.1-8b prefill on h100_sxm, mtia_2i</h1>" in text
    assert f"archmodel compare {' '.join(arguments)} -o {folder}-again" in text
    assert "which are not drawn" not in text  # of one machine with an answer, ceilings are

    both = tmp_path / "both"
    assert run("compare", "mtia_2i", "mtia_300", "--workload", WORKLOAD, "-o", str(both))[0] == 0
    text = report(both).read_text(encoding="utf-8")
    assert "The machines have ceilings of their own, which are not drawn." in text
    assert "SELECT * FROM ceilings" not in text


def test_what_is_kept_is_what_is_printed(run, run_json, tmp_path):
    machines, kept = ("mtia_2i", "h100_sxm", "mtia_300"), str(tmp_path / "kept")
    asked = ("compare", *machines, "--workload", "llm/llama3.1-8b", "--dtype", "fp8", "--set", "clock=1 GHz")
    rows = run_json(*asked)
    assert run_json(*asked, "-o", kept) == rows
    (missing,) = (row for row in rows if row["status"] != "ok")
    told = ("machine", "workload", "phase", "dtype", "model", "status", "message", *TOTALS)
    totals = {row["machine"]: row for row in run_json("query", kept, "select * from total")}
    for row in rows:
        if row is not missing:
            # What says nothing is an empty text in a table and none in the other; a 0 is neither.
            kept_row, printed = (
                {name: None if of[name] == "" else of[name] for name in told} for of in (totals[row["machine"]], row)
            )
            assert kept_row == printed
    assert totals["mtia_2i"]["message"] == missing["message"]
    assert set(totals) == set(machines)


def test_own_files_of_a_run_are_beside_its_page(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = {"mine.yaml": "extends: mtia_2i\n", "work.yaml": (WORKLOADS / f"{WORKLOAD}.yaml").read_text(encoding="utf-8")}
    for name, text in own.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert run("run", "./mine.yaml", "work.yaml", "-o", "kept")[0] == 0
    (tmp_path / "mine.yaml").write_text("extends: mtia_300\n", encoding="utf-8")  # later than the run
    page = report("kept")
    assert {path.name: path.read_text(encoding="utf-8") for path in (page.parent / "inputs").iterdir()} == own
    text = page.read_text(encoding="utf-8")
    assert "archmodel run inputs/mine.yaml inputs/work.yaml -o kept-again" in text
    assert '<a href="inputs/mine.yaml">inputs/mine.yaml</a>, <a href="inputs/work.yaml">' in text


def test_what_is_set_is_not_counted_as_assumed(run, tmp_path):
    said = []
    for name, given in (("plain", ()), ("set", ("--set", "clock=1.5 GHz"))):
        code, _, err = run("run", "mtia_2i", WORKLOAD, *given, "-o", str(tmp_path / name))
        assert code == 0
        text = report(tmp_path / name).read_text(encoding="utf-8")
        said += re.findall(r"^note: (\d+) values of mtia_2i are assumed", err, re.MULTILINE)
        said += re.findall(r"<summary>(\d+) assumed values</summary>", text)
    assert len(said) == 4
    assert len(set(said)) == 1


def test_a_report_writes_nothing_outside_of_its_folder(run, tmp_path):
    folder = tmp_path / "sent"
    assert run("run", "mtia_2i", WORKLOAD, "-o", str(folder))[0] == 0
    kept = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    for name in ("../../taken.yaml", str(tmp_path / "taken.yaml")):
        kept["inputs"] = {"places": {}, "texts": {name: "extends: mtia_2i"}}
        (folder / "run.json").write_text(json.dumps(kept), encoding="utf-8")
        with pytest.raises(InputError) as caught:
            report(folder)
        text = "is outside of it; the results name a copy that archmodel has not made, do not trust them"
        assert str(caught.value) == f"1 error in report\n  {folder / 'report'}: {name!r} {text}"
    assert list(tmp_path.rglob("taken.yaml")) == []


def test_results_of_another_command_stay(run, tmp_path):
    folder = str(tmp_path / "kept")
    assert run("run", "mtia_2i", WORKLOAD, "-o", folder)[0] == 0
    said = run("compare", "mtia_2i", "--workload", WORKLOAD, "-o", folder)
    text = f"{folder}: holds results of 'archmodel run'; take another folder, or delete this one"
    assert said == (2, "", f"1 error in results\n  {text}\n")
    assert run("run", "mtia_2i", WORKLOAD, "--batch", "64", "-o", folder)[0] == 0  # the same command replaces its own
    text = "holds results of 'archmodel run', not of a sweep; give the folder that 'archmodel sweep' has written"
    assert run("plot", "pareto", folder, "-o", str(tmp_path / "f.png")) == (
        2,
        "",
        f"1 error in results\n  {folder}: {text}\n",
    )
    with pytest.raises(InputError, match="not of a sweep"):
        open_sweep(folder)


def test_a_verification_is_reported(tmp_path):
    points = [
        {"unit": "<b>unit</b>", "simulator": "icarus", "build": "small", "point": i, "seed": f"1-{i}",
         "parameters": {"rows": i}, "model_cycles": 100 + i, "rtl_cycles": 100 + i + (i == 3),
         "error_frac": (100 + i) / (100 + i + (i == 3)) - 1}
        for i in range(5)
    ]  # fmt: skip
    run = {"command": ["archmodel", "verify", "unit"], "versions": {"archmodel": "1.2.3"}}
    tables = {"points": ResultTable.from_rows(points), "faults": ResultTable({})}
    keep_tables(tmp_path, VERIFY, run, tables | {"faults": ResultTable({"simulation": ["a"], "fault": ["<i>odd</i>"]})})
    page = report(tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "4 of 5 points take exactly as many cycles as the model says." in text
    assert "&lt;i&gt;odd&lt;/i&gt;" in text
    assert "<b>" not in text
    exact, dots = data_of(page)["figures"]["cycles"]["data"]
    assert sorted(zip(dots["x"], dots["y"], strict=True)) == sorted(
        (p["rtl_cycles"], p["model_cycles"]) for p in points
    )
    assert exact["x"] == exact["y"] == [100, 104]
    keep_tables(tmp_path, VERIFY, run, tables)
    assert set(open_store(tmp_path).tables()) == {"points"}  # nothing of an earlier verification is left
    assert "odd" not in report(tmp_path).read_text(encoding="utf-8")


def test_what_has_no_place_on_a_logarithmic_axis_is_counted(run, tmp_path):
    points = [{"unit": "u", "simulator": "icarus", "build": "b", "point": i, "parameters": "", "model_cycles": cycles,
               "rtl_cycles": cycles, "error_frac": 0.0} for i, cycles in enumerate((0, 3, 0, 5))]  # fmt: skip
    verified = {"command": ["archmodel", "verify", "u"], "versions": {"archmodel": "1.2.3"}}
    keep_tables(tmp_path / "verified", VERIFY, verified, {"points": ResultTable.from_rows(points)})
    page = report(tmp_path / "verified")
    text = "Not drawn: 2 of them that take 0 cycles, for which a logarithmic axis has no place."
    assert text in page.read_text(encoding="utf-8")
    assert data_of(page)["figures"]["cycles"]["data"][1]["x"] == [3, 5]
    assert run("run", "mtia_2i", WORKLOAD, "-o", str(tmp_path / "run"))[0] == 0
    rows = list(open_store(tmp_path / "run").query("select * from operators").rows())
    n_left = sum(not (row["flop"] and row["bytes"] and row["latency_s"]) for row in rows)
    assert n_left > 0
    page = report(tmp_path / "run")
    text = f"Not drawn: {n_left} of {len(rows)} operators, without arithmetic, operands or time."
    assert text in page.read_text(encoding="utf-8")
    drawn = data_of(page)["figures"]["roofline"]["data"]
    assert sum(len(trace["x"]) for trace in drawn if trace["mode"] == "markers") == len(rows) - n_left


def test_columns_keep_what_they_hold():
    assert as_array([1, 2]).dtype.kind == "i"
    assert as_array([1, None]).dtype.kind == "f"
    assert as_array([True, False]).dtype.kind == "b"
    assert as_array([None, "a", {"b": 1}, True]).tolist() == ["", "a", '{"b": 1}', "true"]


def test_a_sweep_without_answers_has_a_report_that_says_so(tmp_path):
    given = {
        "title": "nothing", "machine": "mtia_2i", "axes": {"clock": ["1 GHz", "2 GHz"]},
        "workloads": [{"workload": WORKLOAD, "label": "ranking", "settings": {"dtype": "fp8"}}],
        "objectives": {"throughput": "max"},
    }  # fmt: skip
    am.sweep(given, tmp_path / "none")
    text = report(tmp_path / "none").read_text(encoding="utf-8")
    assert "There are none: of 2 points 2 have no answer, 0 do not meet the conditions and 0 have no finite" in text
    assert set(open_store(tmp_path / "none").tables()) == {"base", "choices", "front", "parameters", "points"}


def test_models_of_a_sweep_are_told_by_its_own_tables(tmp_path):
    given = {
        "title": "two models", "machine": "mtia_2i", "axes": {"clock": ["1 GHz", "1.5 GHz", "2 GHz"]},
        "workloads": [{"workload": WORKLOAD, "label": "ranking", "settings": {"batch": 256}}],
        "objectives": {"throughput": "max"},
    }  # fmt: skip
    am.sweep(given, tmp_path / "rungs", fidelity="roofline,analytic")
    told: list[str] = []
    text = report(tmp_path / "rungs", say=told.append).read_text(encoding="utf-8")
    tables = ("parameters", "choices", "operators", "blocks")  # the base machine is asked by the sweep
    assert told == [f"making table '{name}' of {tmp_path / 'rungs'}" for name in tables]
    report(tmp_path / "rungs", say=told.append)
    assert len(told) == len(tables)  # what is there is not made again
    found = open_sweep(tmp_path / "rungs")
    assert "ladder" not in found.store.tables()
    best = found.front()["point"][0]
    for table in ("points", "points_roofline"):
        row = next(found.query(f"select throughput from {table} where point = {best}").rows())
        assert f' data-value="{row["throughput"]!r}">' in text
    with pytest.raises(InputError, match="holds no results"):
        report(tmp_path)
