"""Figures of runs: what they say is what the result says; names that are formulas or pages; what they refuse."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from importlib.metadata import version

import pytest
from made_up import RUN, make_counted, make_ladder, make_points, make_result, make_timeline

import archmodel as am
from archmodel import report
from archmodel.api import timeline
from archmodel.machine.types import list_assumed
from archmodel.report.bars import name_bars
from archmodel.report.breakdown import breakdown_info
from archmodel.report.errors import as_points, errors_info, read_points
from archmodel.report.figure import STALL_COLOURS
from archmodel.report.gantt import gantt_info
from archmodel.report.ladder import ladder_info
from archmodel.report.roofline import roofline_info
from archmodel.report.stalls import stalls_info
from archmodel.report.utilisation import utilisation_info
from archmodel.results import ResultTable
from archmodel.units import format_si

NASTY = '<script>alert("1")</script> x_1$^{2}$ $\\frac & é'
LLAMA = am.workload("llm/llama3.1-8b")


def refused(call, *arguments, **options):
    with pytest.raises(am.InputError) as raised:
        call(*arguments, **options)
    return str(raised.value)


# --- Names that are formulas, or pages


FIGURES = {
    "diagram": lambda path: report.plot_diagram(replace(am.machine("mtia_2i"), title=NASTY * 9, name=NASTY * 9), path),
    "stalls": lambda path: report.plot_stalls([make_counted(NASTY), make_counted(NASTY * 9)], path),
    "breakdown": lambda path: report.plot_breakdown([make_result(NASTY), make_result(NASTY * 9)], path),
    "roofline": lambda path: report.plot_roofline(
        replace(am.machine("mtia_2i"), name=NASTY, title=NASTY),
        [replace(make_result(NASTY), workload=NASTY), make_result(NASTY)],
        path,
    ),
    "gantt": lambda path: report.plot_gantt(_named(make_timeline()), path),
    "utilisation": lambda path: report.plot_utilisation(_named(make_timeline()), path),
    "ladder": lambda path: report.plot_ladder(
        replace(am.machine("mtia_2i"), name=NASTY),
        replace(LLAMA, name=NASTY),
        ResultTable.from_rows([row | {"operator": NASTY} for row in make_ladder().rows()]),
        path,
    ),
    "errors": lambda path: report.plot_errors(
        ResultTable.from_rows([row | {"series": "<script>alert( $^{2}$"} for row in make_points().rows()]), path
    ),
}  # fmt: skip


def _named(made):
    return replace(made, machine=NASTY, workload=NASTY, spans=tuple(replace(span, name=NASTY) for span in made.spans))


@pytest.mark.parametrize("kind", FIGURES)
def test_names_are_neither_formulas_nor_pages(kind, tmp_path):
    figure, _ = FIGURES[kind](tmp_path / "x.svg")
    texts = "".join(ET.parse(tmp_path / "x.svg").getroot().itertext())
    assert "<script>alert(" in re.sub(r"\s+", " ", texts)
    assert "$^{2}$" in texts
    axes = figure.axes
    named = [each for each in axes if each.axison and each.get_xlabel()]
    assert kind == "diagram" or any("[" in each.get_xlabel() for each in named)


# --- Stalls and bars


def test_stalls_are_those_of_the_result():
    result = make_counted()
    rows = list(stalls_info([result]).table.rows())
    step = {row["state"]: row["time_s"] for row in rows if row["bar"] == "step"}
    assert list(step) == list(STALL_COLOURS)
    assert sum(step.values()) == pytest.approx(result.latency_s, rel=1e-9)
    operators = list(result.operators.rows())
    assert step["at work"] == pytest.approx(1e-9 * sum(row["work_cycles"]["matrix"] for row in operators), rel=1e-3)
    for cause, state in (("data", "waits for data"), ("arbitration", "waits for its turn"), ("dram", "waits for DRAM")):
        assert step[state] == pytest.approx(1e-9 * sum(row["stall_cycles"][cause] for row in operators), rel=1e-3)
    without = sum(row["cycles"] for row in operators if not row["work_cycles"]["matrix"])
    assert step["operators without products"] == pytest.approx(1e-9 * without, rel=1e-3)
    assert step["launch"] == result.launch_s
    groups = {row["bar"] for row in rows} - {"step"}
    assert groups == {row["group"] for row in operators if row["latency_s"] >= 0.01 * result.latency_s}
    for group in groups:
        mine = [row for row in rows if row["bar"] == group]
        assert sum(row["time_frac"] for row in mine) == pytest.approx(1)
        assert sum(row["time_s"] for row in mine) == pytest.approx(
            sum(row["latency_s"] for row in operators if row["group"] == group)
        )


def test_an_engine_that_waits_longer_than_another_works_is_at_work_for_less():
    result = make_counted()
    rows = [row | {"work_cycles": {"matrix": row["cycles"]}} for row in result.operators.rows()]  # of another PE
    shown = stalls_info([replace(result, operators=ResultTable.from_rows(rows))]).table
    assert sum(row["time_frac"] for row in shown.rows() if row["bar"] == "step") == pytest.approx(1)
    assert min(shown["time_s"]) >= 0


def test_a_model_that_counts_no_stalls_is_refused():
    assert refused(report.plot_stalls, [make_counted(), make_result("mtia_300")]) == (
        "1 error in figure\n"
        "  result of made/up on mtia_300: model 'roofline' counts no stalls; give one of model 'cycle'"
    )


@pytest.mark.parametrize("plot", [report.plot_stalls, report.plot_breakdown])
@pytest.mark.parametrize("latency_s", [0.0, math.nan, math.inf])
def test_what_takes_no_time_is_refused(plot, latency_s):
    assert refused(plot, replace(make_counted(), latency_s=latency_s)) == (
        f"1 error in figure\n  result of made/up on mtia_2i: takes {latency_s:g} s; nothing to part"
    )
    assert refused(plot, []) == "1 error in figure\n  no results given; give at least one"


def test_two_results_of_one_machine_have_a_bar_each():
    first, second = make_result(), replace(make_result(slowness=2.0), run=RUN | {"set": {"clock": "1.1 GHz"}})
    assert name_bars([first, second]) == ["mtia_2i", "mtia_2i (clock=1.1 GHz)"]
    _, axes = report.plot_breakdown([first, second])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["mtia_2i", "mtia_2i (clock=1.1 GHz)"]
    widths = [sum(bar.get_width() for bar in axes.patches if round(bar.get_y() + 0.4) == y) for y in (0, 1)]
    assert widths == pytest.approx([100, 100])
    times = [text.get_text().strip() for text in axes.texts]
    assert times == [format_si(result.latency_s, "s") for result in (first, second)]
    assert times[0] != times[1]
    names = breakdown_info([first, second]).table["bar"]
    assert dict.fromkeys(names) == {"mtia_2i": None, "mtia_2i (clock=1.1 GHz)": None}


def test_titles_say_how_a_step_is_run():
    small, large = make_result(), replace(make_result(), run=RUN | {"batch": 64, "launch": "eager"})
    said = "made/up prefill, batch 8, sequence 2,048, dtype fp16"
    assert roofline_info(am.machine("mtia_2i"), [small]).title == f"{am.machine('mtia_2i').title}: {said}"
    assert breakdown_info([small]).title == f"{said}: where the time goes"
    assert stalls_info([make_counted()]).title == f"{said} on mtia_2i: what matrix engines wait for"
    assert gantt_info(make_timeline()).title == utilisation_info(make_timeline()).title == f"{said} on mtia_2i: 42 µs"
    assert breakdown_info([small, large]).title == "made/up prefill, sequence 2,048, dtype fp16: where the time goes"
    assert name_bars([small, large]) == ["mtia_2i (batch 8, launch graph)", "mtia_2i (batch 64, launch eager)"]


def test_all_footers_say_alike_what_is_set_and_assumed():
    given = {"clock": "1.1 GHz", "sram.capacity": "1 GiB"}
    machine = am.machine("mtia_2i", given)
    assumed = list_assumed(machine.provenance)
    n_assumed = len(assumed)
    said = f"Set by the user: clock=1.1 GHz, sram.capacity=1 GiB. Assumed values: {n_assumed} of mtia_2i."
    run, provenance = RUN | {"set": given}, {"archmodel": "1.2.3", "assumed": assumed}
    counted, shown = (replace(made, run=run, provenance=provenance) for made in (make_counted(), make_timeline()))
    by_model = f"archmodel 1.2.3, model cycle. {said}"
    for info in (roofline_info(machine, [counted]), breakdown_info([counted]), stalls_info([counted])):
        assert info.footer.startswith(by_model)
    for info in (gantt_info(shown), utilisation_info(shown)):
        assert info.footer.startswith(f"archmodel 1.2.3, model cycle, mode representative. {said} ")
    assert f"archmodel {version('archmodel')}. {said} " in ladder_info(machine, LLAMA, make_ladder()).footer
    other = replace(counted, run=RUN, provenance=provenance | {"assumed": [*assumed, "other"]})
    both = breakdown_info([counted, other]).footer  # what is set in one of them may be assumed in the other
    assert both.endswith(f"Assumed values: {n_assumed + 1} of mtia_2i.")


def test_results_of_two_models_are_told_apart():
    results = [make_result(), make_counted(), replace(make_counted(), phase="decode")]
    assert name_bars(results) == [
        "made/up prefill, roofline", "made/up prefill, cycle", "made/up decode, cycle"
    ]  # fmt: skip


# --- Utilisation over time


@pytest.fixture(scope="module")
def followed():
    machine, trace = am.machine("mtia_2i"), am.workload("recommendation/dlrm_dcnv2")
    return am.evaluate(machine, trace, model="cycle"), timeline(machine, trace), machine


def mean_of(info, unit):
    rows = [row for row in info.table.rows() if (row["kind"], row["name"]) == ("unit", unit)]
    known = [row for row in rows if row["busy_frac"] is not None]
    return sum(row["busy_frac"] * (row["end_s"] - row["start_s"]) for row in known) / sum(
        row["end_s"] - row["start_s"] for row in known
    )


def test_means_over_time_are_those_of_the_result(followed):
    result, shown, machine = followed
    info = utilisation_info(shown)
    for unit in ("load", "matrix", "simd", "store"):
        work_s = sum(row["work_cycles"].get(unit, 0) for row in result.operators.rows()) / machine.clock_hz
        assert mean_of(info, unit) == pytest.approx(work_s / result.latency_s, rel=1e-3)
    memory = [row["bandwidth_bytes_per_s"] for row in info.table.rows() if row["name"] == "DRAM"]
    assert 0 < max(memory) <= machine.dram.bandwidth_bytes_per_s


def test_further_executions_are_as_the_first_one():
    made = make_timeline()
    step = made.spans[0].track
    repeat = made.spans[0].__class__(
        step, "norm: 2 more", 42e-6, 66e-6, {"group": "", "is_repeat": True, "executions": 3}
    )
    longer = replace(made, spans=(*made.spans, repeat), window_s=(0.0, 66e-6), latency_s=66e-6)
    rows = [row for row in utilisation_info(longer).table.rows() if row["name"] == "simd"]
    after = [row["busy_frac"] for row in rows if row["start_s"] >= 43e-6]
    assert after == pytest.approx([3 * 2 / 12] * len(after))  # three commands of 2 µs in 12 µs
    unknown = replace(longer, spans=(*made.spans[:3], *longer.spans[-1:]))  # the phase of 'norm' is not followed
    rows = [row for row in utilisation_info(unknown).table.rows() if row["name"] == "dma"]
    assert {row["busy_frac"] for row in rows if row["start_s"] >= 43e-6} == {None}
    _, axes = report.plot_utilisation(unknown)
    assert [each.get_ylabel() for each in axes] == [
        "operators", "dma [%]", "matrix [%]", "simd [%]", "DRAM [GB/s]"
    ]  # fmt: skip


def test_skipped_repeats_count_evenly():
    made = make_timeline()
    events = made.events
    skip = events._replace(**{name: getattr(events, name)[:1] for name in events._fields})
    skip = skip._replace(
        command=skip.command - 1, end_s=skip.start_s + 30e-6, busy_cycles=skip.busy_cycles * 0 + 12_000
    )
    rows = utilisation_info(replace(made, events=skip)).table.rows()
    found = [row["busy_frac"] for row in rows if row["name"] == "dma" and row["end_s"] <= 30e-6]
    assert found == pytest.approx([12_000 / 30_000] * len(found))


def test_a_timeline_that_follows_no_unit_is_refused():
    made = make_timeline()
    events = made.events._replace(**{name: getattr(made.events, name)[:0] for name in made.events._fields})
    assert refused(report.plot_utilisation, replace(made, events=events)) == (
        "1 error in figure\n  no unit is followed in the window of made/up on mtia_2i; choose another one"
    )


# --- Ladder


def test_a_ladder_adds_up_and_joins_what_is_alike():
    rows = list(ladder_info(am.machine("mtia_2i"), LLAMA, make_ladder()).table.rows())
    assert [row["operator"] for row in rows] == [
        "all of 4 operators", "layers.q_proj and 1 alike", "layers.attention", "layers.norm"
    ]  # fmt: skip
    for column in ("bound_s", "roofline_s", "analytic_s", "cycle_s", "upper_s"):
        assert rows[0][column] == pytest.approx(sum(row[column] for row in rows[1:]))
        assert rows[1][column] == 2 * next(iter(make_ladder().rows()))[column]


def test_what_a_ladder_does_not_show_is_said():
    info = ladder_info(am.machine("mtia_2i", {"clock": "1 GHz"}), LLAMA, make_ladder())
    assert "Set by the user: clock=1 GHz." in info.footer
    assert "Not shown: 1 operator without cycles or bound, 3.5 % of the time by the roofline." in info.footer
    many = [row | {"operator": f"o{i}", "cycle_s": row["cycle_s"] + 1e-9 * i}
            for i in range(30) for row in list(make_ladder().rows())[:1]]  # fmt: skip
    rows = list(ladder_info(am.machine("mtia_2i"), LLAMA, ResultTable.from_rows(many)).table.rows())
    assert (len(rows), rows[-1]["operator"]) == (16, "16 others")


def test_a_ladder_without_rungs_is_refused():
    nothing = ResultTable.from_rows([row for row in make_ladder().rows() if row["message"]])
    plot = report.plot_ladder
    said = "1 error in figure\n  no model counts the cycles of llm/llama3.1-8b on mtia_2i: "
    assert refused(plot, am.machine("mtia_2i"), LLAMA, nothing) == f"{said}not known"
    assert refused(plot, am.machine("mtia_2i"), LLAMA, ResultTable({})) == f"{said}it has no operators"


def test_one_operator_is_one_rung():
    one = ResultTable.from_rows(list(make_ladder().rows())[:1])
    rows = list(ladder_info(am.machine("mtia_2i"), LLAMA, one).table.rows())
    assert [row["operator"] for row in rows] == ["layers.q_proj"]
    report.plot_ladder(am.machine("mtia_2i"), LLAMA, one)


# --- Errors


def test_errors_are_parts_of_what_was_measured():
    points = ResultTable.from_rows([
        {"series": "dpe", "measured_cycles": 100, "modelled_cycles": 90},
        {"series": "dpe", "measured_cycles": 0, "modelled_cycles": 0},
        {"series": "llc", "measured_cycles": 0, "modelled_cycles": 4},
    ])  # fmt: skip
    info = errors_info(points, "RTL")
    assert info.table["error_frac"] == [pytest.approx(-0.1), 0.0, math.inf]
    assert info.title == "Model against RTL: 1 of 3 points are exact"
    _, axes = report.plot_errors(points, reference="RTL")
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["dpe: 5 %, −10 %, 2", "llc: inf %, +inf %, 1"]


def test_points_of_a_verification_have_a_series_per_model():
    rows = [{"unit": "pe", "model_cycles": 10, "rtl_cycles": 10, "kernel": "softmax", "models": {"grid": 11}},
            {"unit": "llc", "model_cycles": 5, "rtl_cycles": 4}]  # fmt: skip
    table = as_points(ResultTable.from_rows(rows))
    assert list(zip(*(table[name] for name in ("series", "measured_cycles", "modelled_cycles")), strict=True)) == [
        ("pe", 10, 10), ("pe, grid", 10, 11), ("llc", 4, 5)
    ]  # fmt: skip


def test_points_are_read_from_a_folder_or_a_table(tmp_path):
    text = "unit,model_cycles,rtl_cycles,kernel,models\npe,10,9,softmax,grid=11 one=12\nllc,5,5,,\n"
    (tmp_path / "points.csv").write_text(text)
    assert read_points(tmp_path)["series"] == ["pe", "pe, grid", "pe, one", "llc"]
    assert read_points(tmp_path / "points.csv")["modelled_cycles"] == [10, 11, 12, 5]
    _, axes = report.plot_errors(make_points(), tmp_path / "x.svg")
    again = read_points(tmp_path / "x.data.csv")
    assert again["measured_s"] == pytest.approx(make_points()["measured_s"])
    assert axes.get_title(loc="left") == "Model against measurement: 11 of 27 points are exact"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no points given; give at least one"),
        ("series,measured_s\nx,1\n", "needs columns series, measured_s, modelled_s, or series, measured_cycles, "
         "modelled_cycles; it has series, measured_s"),
    ],
)  # fmt: skip
def test_tables_without_points_are_refused(text, said, tmp_path):
    (tmp_path / "x.csv").write_text(text)
    assert refused(read_points, tmp_path / "x.csv") == f"1 error in figure\n  {tmp_path / 'x.csv'}: {said}"


def test_values_that_are_no_times_are_refused(tmp_path):
    (tmp_path / "x.csv").write_text("series,measured_s,modelled_s\nx,1,nan\ny,0,1\nz,1,\nu,inf,-1\n")
    assert refused(report.plot_errors, read_points(tmp_path / "x.csv")) == (
        "5 errors in figure\n"
        "  point 1: modelled_s: nan is not allowed; allowed: positive numbers\n"
        "  point 2: measured_s: 0 is not allowed; allowed: positive numbers\n"
        "  point 3: modelled_s: is missing; allowed: positive numbers\n"
        "  point 4: measured_s: inf is not allowed; allowed: positive numbers\n"
        "  point 4: modelled_s: -1 is not allowed; allowed: positive numbers"
    )
    said = f"1 error in figure\n  {tmp_path / 'points.csv'}: cannot be read: No such file or directory"
    assert refused(read_points, tmp_path) == said
    (tmp_path / "points.csv").write_text("unit,model_cycles,rtl_cycles,models\npe,10,10,grid=10\npe,10,10,grid\n")
    assert refused(read_points, tmp_path) == (
        f"1 error in figure\n  {tmp_path / 'points.csv'}:3: models: 'grid' is no list of cycles by model, "
        "e.g. 'grid=120 compact=118'"
    )
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    said = f"1 error in figure\n  {tmp_path / 'binary.csv'}: cannot be read: it is no table in UTF-8"
    assert refused(read_points, tmp_path / "binary.csv") == said


def test_many_series_are_drawn_and_some_named():
    rows = [row | {"series": f"{row['series']} {i}"} for i in range(12) for row in make_points().rows()]
    _, axes = report.plot_errors(ResultTable.from_rows(rows))
    assert axes.get_legend().get_title().get_text() == "12 series are not named"
    assert len(axes.get_legend().get_texts()) == 24
