"""Pages of reports on sweeps: what they show is in the tables, is escaped, is the same twice, and needs no network."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import plotly
import pytest
from made_up import AXES, OBJECTIVES, write_results

import archmodel as am
from archmodel.api import open_sweep, report
from archmodel.errors import ArchmodelError, InputError
from archmodel.report.columns import Column
from archmodel.report.html import Inputs, open_front, sweep_page, write_page
from archmodel.report.html import write as writing
from archmodel.report.html.front import MOST_ROWS, pick
from archmodel.report.html.page import table
from archmodel.report.pareto import pareto_info
from archmodel.report.points import open_points
from archmodel.results.store import open_store

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


class Reader(HTMLParser):
    """Collects what a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.cells: list[str] = []
        self.texts: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags[tag] += 1
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given[name] for name in ("src", "href") if name in given]
        self._open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        inside = self._open[-1] if self._open else ""
        self.texts[inside] = self.texts.get(inside, "") + data
        if inside in ("td", "th"):
            self.cells[-1] += data

    def handle_endtag(self, tag):
        if tag in self._open:
            while self._open.pop() != tag:
                pass


def read(page: Path) -> Reader:
    return Reader(page.read_text(encoding="utf-8"))


def data_of(page: Path) -> dict:
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1])


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return am.sweep(GIVEN, tmp_path_factory.mktemp("report") / "results")


@pytest.fixture(scope="module")
def page(found):
    return report(found.store.folder)


def columns_of(page: Path) -> dict[str, dict]:
    return {column["name"]: column for column in data_of(page)["columns"]}


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


# --- results that are not what one hopes for


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
    found = am.sweep(given, tmp_path / "results")
    page = report(tmp_path / "results")
    copies = {path.relative_to(page.parent / "inputs").as_posix(): path for path in page.parent.rglob("*.yaml")
              if path.name != "sweep.yaml"}  # fmt: skip
    assert {name: path.read_text(encoding="utf-8") for name, path in copies.items()} == OWN
    assert {link for link in read(page).links if link.startswith("inputs/")} == {f"inputs/{name}" for name in OWN}
    elsewhere = shutil.copytree(page.parent, tmp_path / "elsewhere" / "sent")
    for name in OWN:
        (tmp_path / name).unlink()
    monkeypatch.chdir(elsewhere)
    again = am.sweep("sweep.yaml", "again")
    assert again.run["asked"]["machine"]["sha256"] == found.run["asked"]["machine"]["sha256"]
    assert list(again.front().rows()) == list(found.front().rows())


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
