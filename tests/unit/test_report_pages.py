"""Pages of reports on sweeps: what they show is in the tables, is escaped, is the same twice, and needs no network."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections import Counter
from pathlib import Path

import plotly
import pytest
from page_reader import Reader, columns_of, data_of, read

import archmodel as am
from archmodel.api import open_sweep, report
from archmodel.errors import ArchmodelError, InputError
from archmodel.report.columns import Column
from archmodel.report.html import write as writing
from archmodel.report.html.page import table
from archmodel.report.pareto import pareto_info
from archmodel.report.points import open_points

HOSTILE = "</script><script>alert(1)</script>"
GIVEN = {
    "title": f"Clock or memory? {HOSTILE} & ${{x}} $y",
    "machine": "mtia_2i",
    "workloads": [
        {"workload": "recommendation/mtia_lc1", "label": "ranking", "settings": {"batch": 256}, "weight": 2},
        {"workload": "recommendation/mtia_lc1", "label": "larger", "settings": {"batch": 512}},
    ],
    "axes": {
        "clock": ["1 GHz", "1.5 GHz", "2 GHz"],
        "memory": {
            "set": ["dram.technology", "dram.bandwidth"],
            "values": {HOSTILE: ["LPDDR5", "204.8 GB/s"], "fast": ["HBM3E", "1.2 TB/s"]},
        },
    },
    "objectives": {"throughput": "max", "area": "min", "ranking_usd_per_million_items": "min"},
    "where": ["tdp_w <= 1000 W"],
    "notes": [f"a remark {HOSTILE}"],
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return am.sweep(GIVEN, tmp_path_factory.mktemp("report") / "results")


@pytest.fixture(scope="module")
def page(found):
    return report(found.store.folder)


def test_numbers_of_the_front_are_those_of_its_table(found, page):
    columns, front = columns_of(page), list(found.front().rows())
    base = next(found.query("select * from base").rows())
    assert columns["point"]["values"] == [row["point"] for row in front]
    figures = [name for name, column in columns.items() if column["kind"] == "figure"]
    assert set(figures) == set(found.run["units"]) - {"clock_hz", "dram_bandwidth_bytes_per_s"}
    for name in figures:
        assert columns[name]["values"] == [row[name] for row in front]
        assert columns[name]["base"] == base[name]
    clock = columns["clock"]
    assert [clock["choices"][value] for value in clock["values"]] == [f"{row['clock_hz'] / 1e9:g} GHz" for row in front]
    assert [columns["memory"]["choices"][value] for value in columns["memory"]["values"]] == [
        row["memory"] for row in front
    ]
    assert columns["ranking_bound"]["values"] == [row["ranking_bound"] for row in front]


def test_other_points_are_beaten_and_meet_the_conditions(found, page):
    data = data_of(page)
    cloud = data["cloud"]
    assert set(data["objectives"]) <= set(cloud)
    sql = "select * from points where is_feasible and point not in (select point from front)"
    others = list(found.query(sql).rows())
    for name, values in cloud.items():
        assert sorted(values) == sorted(row[name] for row in others)


def test_breakdowns_are_sums_of_operators(found, page):
    breakdown = data_of(page)["breakdown"]
    assert list(breakdown["times_s"]) == [str(point) for point in sorted(found.front()["point"])]
    for point, times in breakdown["times_s"].items():
        for label, of_groups in zip(("ranking", "larger"), times, strict=True):
            sql = f"select * from operators where point = {point} and workload = '{label}'"
            rows = list(found.query(sql).rows())
            latency_s = next(found.query(f"select {label}_latency_s as s from front where point = {point}").rows())["s"]
            for group, time_s in zip(breakdown["groups"], of_groups, strict=True):
                own = [row[name] * sign for row in rows if group in ("launch", row["group"])
                       for name, sign in (("latency_s", 1), ("launch_s", -1))]  # fmt: skip
                if group == "launch":  # what is no operator
                    assert time_s == math.fsum([latency_s, *(-part for part in own)])
                    assert time_s >= math.fsum(row["launch_s"] for row in rows) * (1 - 1e-9)
                else:
                    assert time_s == math.fsum(own)
            assert math.fsum(of_groups) == pytest.approx(latency_s, rel=1e-12)


def test_models_say_what_their_table_says(found, page):
    rows = list(found.query("select * from ladder").rows())
    assert {row["model"] for row in rows} == {"roofline", "analytic", "cycle"}
    first = rows[0]
    told = next(found.query(f"select * from points where point = {first['point']}").rows())
    assert first == {"model": "roofline", **told}
    kept = set(re.findall(r' data-value="([^"]*)"', page.read_text(encoding="utf-8")))
    for row in rows:
        assert {repr(row[name]) for name in ("speedup", "silicon_mm2", "ranking_latency_s")} <= kept


def test_every_assumed_value_is_listed_with_its_reason(found, page):
    rows = list(found.query("select * from parameters where kind = 'assumed'").rows())
    assumed = found.run["assumed"]
    assert {row["path"] for row in rows if row["about"] == "machine"} == set(assumed["machine"])
    assert {row["path"] for row in rows if row["about"] == "economy"} == set(assumed["economy"])
    cells = read(page).cells
    for row in rows:
        start = cells.index(row["path"])
        assert cells[start : start + 4] == [row["path"], row["about"], row["value"], row["source"]]


def test_the_question_says_all_settings_of_a_step(page):
    cells = read(page).cells
    start = cells.index("larger")
    assert cells[start + 1 : start + 3] == ["recommendation/mtia_lc1", "batch 512, dtype fp16"]
    assert "as usual" not in page.read_text(encoding="utf-8")


def test_the_page_opens_with_the_machine_that_figures_point_out(found, page):
    sample = pareto_info(open_points(found)).sample
    columns, opened = columns_of(page), data_of(page)["opened"]
    assert columns["point"]["values"][opened["row"]] == sample.chosen["point"]
    assert opened["why"] == sample.why_chosen
    assert f"opens with machine {sample.chosen['point']} ({sample.why_chosen})." in page.read_text(encoding="utf-8")


def test_numbers_are_shown_in_units_that_people_read():
    rows = [("add", 3.25e-4, 1.5e9, 0.5), ("sort", None, 20.0, math.nan), ("<b>", 1.25e-3, 0, 1.0)]
    columns = [Column("latency_s", "latency", "s", None), Column("bytes", "operands", "B", None)]
    text = table("c", ["operator", *columns, Column("utilisation", "of peak", "", None)], rows)
    reader = Reader(text)
    assert reader.cells == [
        "operator", "latency [ms]", "operands [GB]", "of peak [%]",
        "add", "0.325", "1.5", "50", "sort", "–", "2.000e-08", "–", "<b>", "1.25", "0", "100",
    ]  # fmt: skip
    assert re.findall(r'data-value="(.*?)"', text) == ["0.000325", "1500000000.0", "0.5", "20.0", "0.00125", "0", "1.0"]
    assert '<table class="sorts">' in text
    assert "sorts" not in table("c", ["operator", "kind"], [("a", "b"), ("c", "d")])


def test_choices_say_what_they_change(page):
    choices = data_of(page)["choices"]
    assert choices["clock"]["2 GHz"] == [["clock", "2 GHz", "1.35 GHz"]]
    assert choices["memory"]["fast"] == [
        ["dram.technology", "HBM3E", "LPDDR5"], ["dram.bandwidth", "1.2 TB/s", "204.8 GB/s"],
    ]  # fmt: skip


def test_names_are_shown_as_they_are(page):
    reader = read(page)
    assert reader.tags["script"] == 4
    assert "<" not in reader.texts["script"]
    assert reader.texts["h1"] == reader.texts["title"] == GIVEN["title"]
    assert "alert" in reader.texts["pre"]
    assert data_of(page)["choices"]["memory"][HOSTILE][0][0] == "dram.technology"


def test_the_page_needs_nothing_but_its_folder(page):
    reader = read(page)
    outside = [link for link in reader.links if not link.startswith(("#", "data:"))]
    assert sorted(outside) == ["figures.js", "plotly.min.js", "report.css", "report.js", "sweep.yaml"]
    files = {path.name for path in page.parent.iterdir()}
    assert files == {"index.html", "plotly.min.js", "report.css", "figures.js", "report.js", "sweep.yaml"}
    for name in ("report.css", "figures.js", "report.js"):
        text = (page.parent / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|fetch\(|XMLHttpRequest|import\(|@import|url\(|innerHTML", text)
    assert sum(path.stat().st_size for path in page.parent.iterdir()) < 8e6


def test_plotly_is_as_it_came_but_for_two_parentheses(page):
    came = (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    written = (page.parent / "plotly.min.js").read_text(encoding="utf-8")
    start = came.index("() => {")  # what all of it is in
    assert start < 1000
    assert written == f"{came[:start]}({came[start:].rstrip().removesuffix('));')})));{came[len(came.rstrip()) :]}"


def test_anchors_lead_somewhere_and_names_are_unique(page):
    reader = read(page)
    assert max(Counter(reader.ids).values()) == 1
    assert {link[1:] for link in reader.links if link.startswith("#")} <= set(reader.ids)
    assert {"front", "pareto", "detail", "search", "main"} <= set(reader.ids)
    assert reader.tags["table"] == reader.tags["caption"]
    scripts = "".join((page.parent / name).read_text(encoding="utf-8") for name in ("figures.js", "report.js"))
    used = set(re.findall(r'byId\("([\w-]+)"\)', scripts))
    assert used <= set(reader.ids)


def test_text_has_contrast(page):
    css = (page.parent / "report.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", css))

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for text in ("text", "quiet", "link"):
        for ground in ("ground", "shade"):
            light, dark = luminance(colours[ground]), luminance(colours[text])
            assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_a_second_report_has_the_same_bytes(found, page, tmp_path):
    before = {path.name: path.read_bytes() for path in found.store.folder.glob("*/part-*.parquet")}
    again = report(found.store.folder, tmp_path / "again")
    for path in page.parent.iterdir():
        assert (again.parent / path.name).read_bytes() == path.read_bytes(), path.name
    assert {path.name: path.read_bytes() for path in found.store.folder.glob("*/part-*.parquet")} == before


def test_the_file_beside_the_page_gives_the_results_again(found, page, tmp_path):
    again = am.sweep(page.parent / "sweep.yaml", tmp_path / "again")
    assert again.run["sha256"] == found.run["sha256"]
    assert list(again.front().rows()) == list(found.front().rows())


def test_queries_of_the_page_have_answers(found, page):
    codes = re.findall(r"archmodel query \S+ &quot;(.*?)&quot;", page.read_text(encoding="utf-8"))
    assert len(codes) >= 8
    for sql in codes:
        found.query(sql.replace("&#x27;", "'").replace("&lt;", "<").replace("&gt;", ">"))


@pytest.fixture
def copied(found, tmp_path):
    folder = tmp_path / "copied"
    for name in ("points", "front", "base"):
        (folder / name).mkdir(parents=True)
        for path in (found.store.folder / name).iterdir():
            (folder / name / path.name).write_bytes(path.read_bytes())
    (folder / "run.json").write_bytes((found.store.folder / "run.json").read_bytes())
    return folder


def fault_of(call) -> str:
    with pytest.raises(InputError) as caught:
        call()
    return str(caught.value)


def test_a_sweep_that_has_not_ended_has_no_report(copied):
    for path in (copied / "front").iterdir():
        path.unlink()
    text = f"{copied}: has no table front: the sweep has not ended; the same command goes on"
    assert fault_of(lambda: report(copied)) == f"1 error in report\n  {text}"


def test_results_of_an_older_version_are_told(copied):
    run = json.loads((copied / "run.json").read_text())
    del run["description"]
    (copied / "run.json").write_text(json.dumps(run))
    text = "has no description, of an older archmodel; run 'archmodel sweep' again into another folder"
    assert fault_of(lambda: report(copied)) == f"1 error in report\n  {copied / 'run.json'}: {text}"


def test_a_machine_that_has_changed_since_is_told(copied):
    run = json.loads((copied / "run.json").read_text())
    run["asked"]["machine"]["sha256"] = "0" * 64
    (copied / "run.json").write_text(json.dumps(run))
    text = f"{copied}: machine changed since; run 'archmodel sweep' again into another folder"
    assert fault_of(lambda: report(copied)) == f"1 error in results\n  {text}"


def test_a_place_that_cannot_be_written_is_told(found, page, tmp_path):
    (tmp_path / "file").write_text("no folder")
    said = fault_of(lambda: report(found.store.folder, tmp_path / "file"))
    assert said == f"1 error in report\n  {tmp_path / 'file' / 'plotly.min.js'}: cannot be written: File exists"


def test_without_plotly_nothing_is_evaluated(copied, monkeypatch):
    monkeypatch.setattr(writing, "find_spec", lambda _: None)
    with pytest.raises(ArchmodelError, match=r"^a report needs plotly; run: pip install 'archmodel\[html\]'$"):
        report(copied)
    assert {path.name for path in copied.iterdir()} == {"points", "front", "base", "run.json"}


def test_no_results_are_told(tmp_path):
    text = f"{tmp_path}: holds no results; give a folder that archmodel has written them to"
    assert fault_of(lambda: report(tmp_path)) == f"1 error in results\n  {text}"


def test_a_damaged_table_is_made_again(found, page, tmp_path):
    folder = shutil.copytree(found.store.folder, tmp_path / "damaged", ignore=shutil.ignore_patterns(page.parent.name))
    damaged = folder / "choices" / "part-00000.parquet"
    whole = damaged.read_bytes()
    damaged.write_bytes(b"no table")
    report(folder)
    assert damaged.read_bytes() == whole
    assert open_sweep(folder).query("select count(*) as n from choices")["n"][0] == 7
