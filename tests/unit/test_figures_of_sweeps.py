"""Figures of sweeps: which points they show, which they choose, and what they make of odd results."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from made_up import AXES, OBJECTIVES, write_results

import archmodel as am
from archmodel import report
from archmodel.report.columns import scale_of
from archmodel.report.heatmap import heatmap_info
from archmodel.report.pairs import pairs_info
from archmodel.report.parallel import parallel_info
from archmodel.report.pareto import pareto_info
from archmodel.report.points import SweptAxis, open_points
from archmodel.report.tornado import tornado_info
from archmodel.results.store import open_store

NASTY = {'<script>alert("1")</script>': "x_1$^{2}$", "$\\frac": "a_b & c"}
PLOTS = (report.plot_pareto, report.plot_pairs, report.plot_heatmap, report.plot_parallel, report.plot_tornado)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_results(tmp_path_factory.mktemp("made_up") / "memory", around=[40])


@pytest.fixture(scope="module")
def points(folder):
    return open_points(folder)


def rows_of(points, sql):
    return list(points.store.query(sql).rows())


def beats(a, b, signs):
    """Whether a is as good as b in every column, and better in one."""
    pairs = [(sign * a[name], sign * b[name]) for name, sign in signs.items()]
    return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)


def refused(call, *arguments, **options):
    with pytest.raises(am.InputError) as caught:
        call(*arguments, **options)
    return str(caught.value)


def test_points_of_a_pareto_figure_are_of_the_right_kind(points):
    info = pareto_info(points)
    feasible = {row["point"]: row for row in rows_of(points, "select * from points where is_feasible")}
    front = {row["point"] for row in rows_of(points, "select point from front")}
    signs = {"throughput": -1, "perf_per_w": -1}
    best = {idx for idx, row in feasible.items() if not any(beats(other, row, signs) for other in feasible.values())}
    kinds = {row["point"]: row["kind"] for row in info.table.rows() if row["point"] is not None}
    assert {idx for idx, kind in kinds.items() if kind == "front of the two"} == best < front
    assert {idx for idx, kind in kinds.items() if kind == "front"} == front - best
    assert {idx for idx, kind in kinds.items() if kind == "dominated"} == set(feasible) - front
    (base,) = (row for row in info.table.rows() if row["kind"] == "base machine")
    assert base["throughput"] == rows_of(points, "select throughput from base")[0]["throughput"]
    assert f"{len(AXES['clock']) * 24} points 0 without an answer, 8 that break a condition" in info.footer


def test_the_knee_is_farthest_from_the_line_between_the_ends(points):
    info = pareto_info(points, x="tdp_w")
    assert (info.sample.why_chosen, info.sample.columns[1].name) == ("knee", "throughput")
    best = sorted((row["tdp_w"], row["throughput"], row["point"])
                  for row in info.table.rows() if row["kind"] == "front of the two")  # fmt: skip
    (x0, y0, _), (x1, y1, _) = best[0], best[-1]
    above = {point: (y - y0) / (y1 - y0) - (x - x0) / (x1 - x0) for x, y, point in best}
    assert info.sample.chosen["point"] == max(above, key=above.get)
    assert info.sample.choices["memory"] in AXES["memory"]


def test_a_point_can_be_chosen_and_its_choices_are_said(points):
    _, axes = report.plot_pareto(points.store, point=40)
    texts = [text.get_text() for text in axes.texts]
    assert "clock: 1.25 GHz\nsram.capacity: 256 MiB\nmemory: two HBM3E\nworkload.batch: 256" in texts[0]
    assert "point 40 (as given)" in [text.get_text() for text in axes.get_legend().get_texts()]
    assert refused(report.plot_pareto, points.store, point=96) == (
        "1 error in figure\n  --point: point 96 is not in the results; list some: archmodel query "
        f"{points.store.folder} 'select point from front'"
    )


@pytest.mark.parametrize("plot", PLOTS[:3] + PLOTS[4:])
def test_every_axis_names_its_unit(folder, plot):
    figure, _ = plot(folder, **({"point": 40} if plot is report.plot_tornado else {}))
    labels = [label for axes in figure.axes for label in (axes.get_xlabel(), axes.get_ylabel()) if label]
    assert labels
    assert [label for label in labels if "[" not in label and label != "memory"] == []  # choices have their unit


def test_coordinates_name_their_unit(folder):
    _, axes = report.plot_parallel(folder)
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "clock\n[GHz]", "sram.\ncapacity\n[MiB]", "memory", "workload.\nbatch\n[1]", "throughput\n[10³ sample/s]",
        "perf_per_w\n[sample/s/W]", "area\n[mm²]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ([2.5e9, 1e8], "B/s", (1e9, "GB/s")), ([3e-5], "s", (1e-6, "µs")), ([8192.0], "B/cycle", (1, "B/cycle")),
        ([2.4e6], "sample/s", (1e6, "10⁶ sample/s")), ([1234.0], "sample/s", (1, "sample/s")),
        ([4e-4], "× base / USD", (1e-6, "10⁻⁶ × base / USD")), ([0.0, math.nan, math.inf], "W", (1, "W")),
        ([300.0], "mm2", (1, "mm²")), ([3.0], "", (1, "1")), ([2e-3], "J/token", (1e-3, "mJ/token")),
    ],
)  # fmt: skip
def test_units_take_the_prefix_of_the_largest_value(values, unit, expected):
    scale = scale_of(values, unit)
    assert (pytest.approx(scale.factor), scale.unit) == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["64 MiB", "1024 MiB"], ("axis [MiB]", ["64", "1,024"])),
        (["1.36363636 GHz", "2 GHz"], ("axis [GHz]", ["1.364", "2"])),
        (["256", "512"], ("axis [1]", ["256", "512"])),
        (["512 KiB", "1 MiB"], ("axis", ["512 KiB", "1 MiB"])),
        (["6 x 8", "8 x 8"], ("axis", ["6 x 8", "8 x 8"])),
        (["6x8", "8x8"], ("axis", ["6x8", "8x8"])),
        (["LPDDR5", "2 x HBM3"], ("axis", ["LPDDR5", "2 x HBM3"])),
    ],
)
def test_a_unit_that_all_choices_share_goes_to_the_axis(labels, expected):
    assert SweptAxis("axis", tuple(labels), "column", tuple(labels)).title_and_ticks() == expected


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ((None, 256), ["", "256", ""]),  # a column of text, as it has a gap
        ((1e9, 1.25e9), [1e9, 1.25e9, 1e9]),
        ((True, False), [True, False, True]),
        (("fp16", "int8"), ["fp16", "int8", "fp16"]),
    ],
)
def test_choices_are_found_by_what_the_column_holds(values, found):
    axis = SweptAxis("axis", ("first", "second"), "column", values)
    assert axis.indices(found).tolist() == [0, 1, 0]
    assert refused(axis.indices, ["7" if isinstance(found[0], str) else 7.0]).startswith(
        "1 error in figure\n  axis axis: column column has "
    )


def test_a_point_that_breaks_a_condition_can_be_pointed_out(points):
    broken = rows_of(points, "select point from points where not is_feasible order by point")[0]["point"]
    assert pareto_info(points, point=broken).sample.why_chosen == "as given, breaks a condition"


def test_cells_of_a_heat_map_are_the_best_of_their_points_or_their_mean(points):
    for over in ("best", "mean"):
        info = heatmap_info(points, x="memory", y="clock", value="area", over=over)
        for row in info.table.rows():
            inside = f"is_feasible and memory = '{row['memory']}' and clock_hz = {row['clock'].removesuffix(' GHz')}e9"
            found = rows_of(points, f"select point, silicon_mm2 from points where {inside}")
            values = {each["point"]: each["silicon_mm2"] for each in found}
            expected = min(values.values()) if over == "best" else np.mean(list(values.values()))
            assert (row["silicon_mm2"], row["n_points"]) == (pytest.approx(expected, rel=1e-12), len(values))
            assert over == "mean" or values[row["point"]] == row["silicon_mm2"]
    assert "6 to 8 that meet the conditions; 0 of 12 cells have none." in info.footer


def test_pairs_and_coordinates_show_the_same_points(points):
    of_pairs, of_lines = pairs_info(points, ["tdp_w"]), parallel_info(points)
    assert [column.title for column in of_pairs.sample.columns] == ["throughput", "perf_per_w", "area", "tdp_w"]
    kinds = [{row["point"]: row["kind"] for row in info.table.rows() if row["point"] is not None}
             for info in (of_pairs, of_lines)]  # fmt: skip
    assert kinds[0] == kinds[1]
    row = next(row for row in of_lines.table.rows() if row["point"] == 40)
    assert [row[axis] for axis in AXES] == ["1.25 GHz", "256 MiB", "two HBM3E", "256"]


def test_a_tornado_has_the_axis_that_matters_most_on_top(points):
    info = tornado_info(points, 40)
    rows = list(info.table.rows())
    swings = {axis: max(abs(row["change_frac"]) for row in rows if row["axis"] == axis) for axis in AXES}
    assert list(info.choices.items()) == [
        (axis, {"clock": "1.25 GHz", "sram.capacity": "256 MiB", "memory": "two HBM3E", "workload.batch": "256"}[axis])
        for axis in sorted(swings, key=swings.get, reverse=True)
    ]
    start = rows_of(points, "select throughput from points where point = 40")[0]["throughput"]
    assert all(row["change_frac"] == row["throughput"] / start - 1 for row in rows)
    assert {(row["axis"], row["change"], row["choice"]) for row in rows if row["axis"] in ("clock", "memory")} == {
        ("clock", "lower", "1.0 GHz"), ("clock", "higher", "1.5 GHz"), ("clock", "highest", "2.0 GHz"),
        ("memory", "lower", "wide LPDDR5"), ("memory", "lowest", "LPDDR5"),
    }  # fmt: skip
    assert refused(report.plot_tornado, points.store, point=41) == (
        f"1 error in figure\n  {points.store.folder}: has no changes of point 41; "
        "archmodel.api.sensitivities(folder, 41) evaluates and keeps them"
    )


def test_of_many_points_a_sample_is_drawn_that_is_the_same_every_time(tmp_path):
    axes = {"clock": {f"{n} MHz": {"clock_hz": n * 1e6} for n in range(1000, 2200)}, "memory": AXES["memory"]}
    points = open_points(write_results(tmp_path, axes=axes, objectives={"throughput": OBJECTIVES["throughput"],
                                                                        "area": OBJECTIVES["area"]}))  # fmt: skip
    first, second = pareto_info(points), pareto_info(points)
    assert first.table.columns == second.table.columns
    drawn = [row["point"] for row in first.table.rows() if row["kind"] == "dominated"]
    assert len(set(drawn)) == len(drawn) == 3000
    assert f"of {3600 - 3:,} dominated ones a sample of 3,000 is." in first.footer
    tenths = np.bincount(np.array(drawn) * 10 // 3600, minlength=10)
    assert tenths.min() > 270  # of 300, were they evenly spread
    assert tenths.max() < 330


def test_results_of_several_models_name_the_last_one(tmp_path):
    folder = write_results(tmp_path / "memory")
    run = json.loads((folder / "run.json").read_text())
    run["asked"]["fidelity"] = {"roofline": 100, "cycle:grid": 24}
    (folder / "run.json").write_text(json.dumps(run))
    assert pareto_info(open_points(folder)).footer.startswith("archmodel 1.2.3, model cycle:grid, sweep memory, ")


def test_one_point_is_drawn(tmp_path):
    folder = write_results(tmp_path / "one", change=lambda rows: rows[40:41])
    for plot in PLOTS[:4]:
        plot(folder)
    info = pareto_info(open_points(folder))
    assert (info.sample.why_chosen, info.sample.n_of_kind["front of the two"]) == ("best throughput", 1)
    single = write_results(tmp_path / "single", axes={"clock": {"1 GHz": {"clock_hz": 1e9}}}, around=[0])
    assert refused(report.plot_heatmap, single) == (
        "1 error in figure\n  --x: the sweep has no further axis of several choices; a heat map needs two"
    )
    assert refused(report.plot_tornado, single) == (
        f"1 error in figure\n  {single}: no axis of the sweep has several choices, so that there is nothing to change"
    )


def test_nothing_to_draw_says_why(tmp_path):
    failed = write_results(
        tmp_path / "failed",
        change=lambda rows: [{**row, "status": "unsupported", "is_feasible": False} for row in rows],
    )
    unfinished = write_results(tmp_path / "unfinished", has_front=False)
    strict = write_results(
        tmp_path / "strict", change=lambda rows: [{**row, "is_feasible": False, "tdp_w": 99.0} for row in rows]
    )
    run = json.loads((strict / "run.json").read_text())
    run["asked"]["where"] = ["tdp_w <= 10 W"]
    (strict / "run.json").write_text(json.dumps(run))
    endless = write_results(tmp_path / "endless", change=lambda rows: [{**row, "throughput": math.nan} for row in rows])
    by_message = "SELECT message, count(*) AS n FROM points WHERE status <> 'ok' GROUP BY 1 ORDER BY 2 DESC"
    reasons = {
        failed: ("96 have no answer, 0 do not meet the conditions and 0 have", by_message),
        strict: ("0 have no answer, 96 do not meet the conditions (tdp_w <= 10 W) and 0 have",
                 "SELECT min(tdp_w), max(tdp_w) FROM points WHERE status = 'ok'"),
        endless: ("0 have no answer, 8 do not meet the conditions and 88 have",
                  "SELECT point, throughput, perf_per_w, silicon_mm2 FROM points WHERE is_feasible"),
    }  # fmt: skip
    for folder, (why, sql) in reasons.items():
        assert refused(report.plot_pareto, folder) == (
            f"1 error in figure\n  {folder}: there is nothing to draw: of 96 points {why} no finite value of every "
            f'objective; see: archmodel query {folder} "{sql}"'
        )
        assert len(open_store(folder).query(sql)) > 0
    for plot in PLOTS:
        assert "there is nothing to draw" in refused(plot, failed)
        assert refused(plot, unfinished) == (
            f"1 error in figure\n  {unfinished}: has no table front: the sweep has not ended; the same command goes on"
        )
        assert refused(plot, tmp_path) == (
            f"1 error in results\n  {tmp_path}: holds no results; give a folder that archmodel has written them to"
        )


def test_values_that_are_not_finite_are_left_out(tmp_path):
    def spoil(rows):
        spoiled = {0: math.nan, 1: math.inf, 2: -math.inf}
        return [row | {"tdp_w": spoiled.get(row["point"], row["tdp_w"])} for row in rows]

    points = open_points(write_results(tmp_path / "some", change=spoil))
    assert refused(pareto_info, points, x="tdp_w", point=1) == (
        "1 error in figure\n  --point: point 1 has no finite value of tdp_w; name another point, or other columns"
    )
    info = pareto_info(points, x="tdp_w")
    assert not {0, 1, 2} & set(info.table["point"])
    assert "3 without a finite value are not drawn" in info.footer
    assert heatmap_info(points, value="tdp_w").value.name == "tdp_w"
    points = open_points(
        write_results(tmp_path / "none", change=lambda rows: [row | {"tdp_w": math.nan} for row in rows])
    )
    assert refused(pareto_info, points, x="tdp_w") == (
        "1 error in figure\n  no point has a finite value of tdp_w and throughput; name other columns"
    )
    assert refused(heatmap_info, points, value="tdp_w") == (
        "1 error in figure\n  no point has a finite value of tdp_w; name another column"
    )


def test_names_are_no_markup_and_no_formulas(tmp_path):
    (script, formula), (broken, other) = NASTY.items()
    axes = {
        "clock": {"1 GHz": {"clock_hz": 1e9}, "2 GHz": {"clock_hz": 2e9}},
        "memory": {script: {"dram_technology": formula, "n": 1}, broken: {"dram_technology": other, "n": 2}},
    }
    folder = write_results(tmp_path / "nasty", axes=axes, title=f"{script} costs $5 or $6_a", around=[1])
    for plot in PLOTS:
        plot(folder, tmp_path / "nasty.svg", **({} if plot is report.plot_heatmap else {"point": 1}))
        drawn = (tmp_path / "nasty.svg").read_text()
        texts = " ".join(
            "".join(each.itertext()) for each in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")
        )
        assert "<script" not in drawn
        assert '<script>alert("1")</script>' in texts
        assert "$5 or $6_a" in texts


def test_two_hundred_axes_are_too_many_to_draw_and_the_figure_says_so(tmp_path):
    axes = {f"axis_{n}": {"low": {f"field_{n}": 1.0}, "high": {f"field_{n}": 2.0}} for n in range(200)}
    chosen = [["high" if point == axis else "low" for axis in range(200)] for point in range(20)]

    def spread(rows):
        return [row | {"throughput": 1.0 + row["point"], "perf_per_w": 20.0 - row["point"]} for row in rows]

    points = open_points(write_results(tmp_path / "many", axes=axes, chosen=chosen, change=spread))
    info = parallel_info(points)
    assert [axis.name for axis in info.axes] == [f"axis_{n}" for n in range(14)]
    assert "Not drawn: axis_14, axis_15, axis_16, axis_17 and 182 axes more." in info.footer
    assert refused(parallel_info, points, list(axes)) == (
        "1 error in figure\n  --axes: 200 axes are too many; at most 14"
    )
    _, drawn = report.plot_pareto(points.store)
    assert drawn.texts[0].get_text().endswith("and 184 axes more")
    report.plot_parallel(points.store)


@pytest.mark.parametrize(
    ("call", "options", "expected"),
    [
        (pareto_info, {"x": "speed"}, "--x: the points have no column 'speed' of numbers; allowed: area, batch, "),
        (pareto_info, {"y": "dram_technology"}, "--y: the points have no column 'dram_technology' of numbers; "),
        (pareto_info, {"x": "area", "y": "silicon_mm2"}, "--y: area is on the other axis; name another column"),
        (heatmap_info, {"x": "clok"}, "--x: the sweep has no axis 'clok'; did you mean 'clock'?"),
        (heatmap_info, {"x": "clock", "y": "clock"}, "--y: clock is on the other axis; name another one"),
        (heatmap_info, {"over": "sum"}, "--over: 'sum' is not known; allowed: best, mean"),
        (heatmap_info, {"value": "batch"}, "--value: neither more nor less of batch is better; add --over mean, or "),
        (pairs_info, {"columns": ["tdp"]}, "--columns: the points have no column 'tdp' of numbers; did you mean 'tdp_"),
        (parallel_info, {"axes": ["clock", "sram"]}, "--axes: the sweep has no axis 'sram'; "),
        (tornado_info, {"point": 40, "value": "clocks"}, "--value: the points have no column 'clocks' of numbers; "),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told(points, call, options, expected):
    assert refused(call, points, **options).startswith(f"1 error in figure\n  {expected}")


def test_one_objective_needs_a_second_column(tmp_path):
    points = open_points(write_results(tmp_path, objectives={"throughput": OBJECTIVES["throughput"]}))
    assert refused(pareto_info, points) == (
        "1 error in figure\n  --y: the sweep has one objective, throughput; name a column to draw it against"
    )
    assert pareto_info(points, y="tdp_w").sample.columns[0].name == "throughput"
    assert pareto_info(points, x="tdp_w").sample.columns[1].name == "throughput"
    assert refused(pairs_info, points) == (
        "1 error in figure\n  --columns: throughput: a matrix has 2 to 8 columns, objectives included, and these are 1"
    )


def test_a_file_that_cannot_be_written_is_told(folder, tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "pareto.png"
    assert refused(report.plot_heatmap, folder, path) == (
        f"1 error in figure\n  {path.with_suffix('.data.csv')}: cannot be written: File exists"
    )
    assert refused(report.plot_heatmap, folder, tmp_path / "pareto.jpg") == (
        f"1 error in figure\n  {tmp_path / 'pareto.jpg'}: ending '.jpg' is not one of .png, .svg, .pdf"
    )
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file"]
