"""Reports of hardware that runs kernels: cycles by model, stalls by cause, speed, timelines of both sides."""

from __future__ import annotations

import gzip
import json
import time
import xml.etree.ElementTree as ET

import pytest

from archmodel.cli import main
from archmodel.cli.table import show_value
from archmodel.cli.verification import print_verification
from archmodel.errors import InputError
from archmodel.report.commands import commands_info, plot_commands
from archmodel.results import ResultTable
from archmodel.verify import kernels, timelines
from archmodel.verify.bench import Point, Simulation
from archmodel.verify.contract import Contract, Unit
from archmodel.verify.files import to_markdown, write_files
from archmodel.verify.kernels import by_cause, kernel_table, ledger_table, speed_table
from archmodel.verify.plan import Plan, Played
from archmodel.verify.run import Verification, point_rows
from archmodel.verify.timelines import build_timeline, choose_points, write_timelines
from archmodel.verify.toolchain import Simulator

LAW = """
def draw(rng, parameters): return {}
def expect(parameters, stimulus): return {}
def runs(parameters, stimulus): return {"grid": lambda: 0, "representative": lambda: 0}
"""


def events(*spans, **more):
    """Of a load and a matrix engine: start, end and visible of each command."""
    names = [f"{unit}_{what}" for unit in ("load", "matrix") for what in ("start", "end", "visible")]
    columns = [[span[i] for span in unit] for unit in spans for i in range(3)]
    return {"accept": [0], **dict(zip(names, columns, strict=True)), **more}


EXPECTED = events([(1, 5, 9), (4, 9, 12)], [(9, 20, 23), (20, 31, 34)])
LATE = events([(1, 5, 9), (4, 9, 12)], [(9, 20, 23), (21, 32, 35)])


def point(index, kernel, cycles, counters, models, expected=EXPECTED):
    told = {"cycles": cycles, "events": expected, "counters": counters, "models": models}
    told |= {"kernel": kernel} if kernel else {}
    return Point("pe", "small", index, [1, 2, index], {"ROWS": 2}, {}, told)


def measured(cycles, counters, seen=EXPECTED):
    return {"cycles": cycles, "events": seen, "counters": counters, "seconds": 0.01, "bins": []}


@pytest.fixture
def played(tmp_path):
    (tmp_path / "law.py").write_text(LAW)
    contract = Contract("a PE", ("pe.sv",), {"small": {}}, ("small",), {"icarus": 4}, ("accept",), ())
    unit = Unit("pe", tmp_path, contract)
    plan = Plan(unit, "small", Simulator("icarus", True, "11"), 4)
    points = [
        point(0, "gemm", 100, {"matrix_data": 20}, {"grid": 101, "representative": 96}),
        point(1, "gemm", 202, {"matrix_data": 30, "load_space": 4}, {"grid": 198, "representative": 204}),
        point(2, "softmax", 50, {}, {"grid": 50}),
        point(3, "", 10, {"load_issue": 1}, {}),
    ]
    rows = [
        measured(100, {"matrix_data": 20}),
        measured(200, {"matrix_data": 31, "store_issue": 2}, LATE),
        measured(50, {}),
        measured(10, {}),
    ]
    return [Played(plan, points, Simulation(unit, "small", "icarus", tmp_path, rows, [], 0.0, 0.1, 360))]


@pytest.fixture
def verification(played):
    (one,) = played
    simulation = {
        "unit": "pe", "simulator": "icarus", "build": "small", "points": 4, "faults": 0, "build_s": 1.0,
        "simulation_s": 0.1, "simulated_cycles": 360,
    }  # fmt: skip
    return Verification(
        ResultTable.from_rows(list(point_rows(*one))), ResultTable.from_rows([simulation]), {}, played,
        kernel_table(played), ledger_table(played), speed_table(played),
    )  # fmt: skip


def test_cycles_of_each_model_are_held_against_the_hardware(played):
    rows = {(row["kernel"], row["model"]): row for row in kernel_table(played).rows()}
    assert list(rows) == [
        ("gemm", "law"), ("gemm", "grid"), ("gemm", "representative"), ("softmax", "law"), ("softmax", "grid")
    ]  # fmt: skip
    assert {key: (row["points"], row["model_cycles"], row["rtl_cycles"]) for key, row in rows.items()} == {
        ("gemm", "law"): (2, 302, 300), ("gemm", "grid"): (2, 299, 300), ("gemm", "representative"): (2, 300, 300),
        ("softmax", "law"): (1, 50, 50), ("softmax", "grid"): (1, 50, 50),
    }  # fmt: skip
    assert rows["gemm", "representative"]["error_frac"] == 0
    assert rows["gemm", "representative"]["worst_error_frac"] == pytest.approx(-0.04)  # sums hide it, points do not
    assert rows["gemm", "law"]["worst_error_frac"] == pytest.approx(0.01)


def test_stalls_are_held_against_counters(played):
    rows = {(row["kernel"], row["engine"], row["cause"]): row for row in ledger_table(played).rows()}
    assert {key: (row["model_cycles"], row["rtl_cycles"]) for key, row in rows.items()} == {
        ("gemm", "matrix", "data"): (50, 51), ("gemm", "load", "space"): (4, 0), ("gemm", "store", "issue"): (0, 2)
    }  # fmt: skip
    assert rows["gemm", "load", "space"]["worst_error_frac"] == pytest.approx(4 / 200)
    assert rows["gemm", "load", "space"]["error_frac"] == pytest.approx(4 / 300)
    assert rows["gemm", "matrix", "data"]["worst_error_frac"] == pytest.approx(-1 / 200)


def test_a_ledger_by_cause_adds_engines_up_and_keeps_the_largest_difference(played):
    table = ResultTable.from_rows([{**row, "cause": "space"} for row in ledger_table(played).rows()])
    (row,) = by_cause(table).rows()
    assert (row["cause"], row["model_cycles"], row["rtl_cycles"]) == ("space", 54, 53)
    assert row["worst_error_frac"] == pytest.approx(4 / 200)
    assert not {"engine", "error_frac"} & set(row)


def test_points_that_hang_and_points_without_a_kernel_do_not_count(played):
    played[0].simulation.points[2]["hang"] = "not done"
    assert {row["kernel"] for row in kernel_table(played).rows()} == {"gemm"}
    assert {row["engine"] for row in ledger_table(played).rows()} == {"matrix", "load", "store"}


def test_speed_is_that_of_the_largest_point_of_each_kernel(played, monkeypatch):
    monkeypatch.setattr(kernels, "_MEASURED_S", 0.01)
    rows = list(speed_table(played).rows())
    assert [(row["kernel"], row["mode"], row["build"], row["point"], row["rtl_cycles"]) for row in rows] == [
        ("gemm", "grid", "small", 1, 200), ("gemm", "representative", "small", 1, 200),
        ("softmax", "grid", "small", 2, 50), ("softmax", "representative", "small", 2, 50),
    ]  # fmt: skip
    assert [row["simulator_cycles_per_s"] for row in rows] == pytest.approx([20_000, 20_000, 5_000, 5_000])
    assert all(row["ratio"] == pytest.approx(row["model_cycles_per_s"] / row["simulator_cycles_per_s"]) for row in rows)


def test_the_first_run_of_a_model_is_not_timed(monkeypatch):
    monkeypatch.setattr(kernels, "_MEASURED_S", 0.02)
    slow = iter([0.5])
    assert kernels._warm_seconds(lambda: time.sleep(next(slow, 0.001))) < 0.1


def test_a_unit_that_runs_no_kernels_has_none_of_it(played):
    (one,) = played
    bare = [Played(one.plan, one.points[3:], one.simulation)]
    assert len(kernel_table(bare)) == len(ledger_table(bare)) == len(speed_table(bare)) == 0
    assert choose_points(bare) == []


def test_the_point_that_differs_most_is_shown_and_the_first_if_none_does(played):
    assert [(chosen.name, chosen.point.index) for chosen in choose_points(played)] == [
        ("pe-gemm", 1),
        ("pe-softmax", 2),
    ]
    played[0].simulation.points[1]["cycles"] = 202
    assert choose_points(played)[0].point.index == 0


def test_a_timeline_has_both_sides(played):
    timeline = build_timeline(choose_points(played)[0])
    assert timeline.tracks == (("model", "load"), ("model", "matrix"), ("RTL", "load"), ("RTL", "matrix"))
    columns = timeline.events
    shown = list(zip(columns.track.tolist(), columns.start_cycle.tolist(), columns.end_cycle.tolist(), strict=True))
    assert shown == [(0, 1, 5), (0, 4, 9), (1, 9, 20), (1, 20, 31), (2, 1, 5), (2, 4, 9), (3, 9, 20), (3, 21, 32)]
    assert columns.busy_cycles.tolist() == [3, 5, 11, 11, 3, 5, 11, 11]  # the second load starts before the first ends
    assert columns.visible_cycle.tolist() == [9, 12, 23, 34, 9, 12, 23, 35]
    assert timeline.latency_s == pytest.approx(200e-9)


def test_pes_have_tracks_of_their_own(played):
    chosen = choose_points(played)[0]
    seen = {"pe3_load_start": [1], "pe3_load_end": [4], "pe12_write_back_start": [2], "pe12_write_back_end": [3]}
    timeline = build_timeline(chosen._replace(measured={**chosen.measured, "events": seen}))
    assert timeline.tracks[2:] == (("RTL pe3", "load"), ("RTL pe12", "write_back"))
    rows = list(commands_info(timeline).table.rows())
    assert [(row["pe"], row["unit"]) for row in rows if row["side"] == "RTL"] == [
        ("pe3", "load"),
        ("pe12", "write_back"),
    ]


def test_trace_events_have_two_groups_and_say_only_what_is_known(played, tmp_path):
    assert write_timelines(played, tmp_path / "timelines") == ["pe-gemm", "pe-softmax"]
    path = tmp_path / "timelines" / "pe-gemm.json.gz"
    written = json.loads(gzip.decompress(path.read_bytes()))
    kinds = {kind: [e for e in written["traceEvents"] if e["ph"] == kind] for kind in "MXC"}
    assert [e["args"]["name"] for e in kinds["M"] if e["name"] == "process_name"] == ["model", "RTL"]
    assert len(kinds["X"]) == 8
    last = kinds["X"][-1]
    assert (last["ts"], last["dur"]) == (0.021, 0.011)  # µs, a nanosecond a cycle
    assert last["args"] == {"command": 2, "start [cycle]": 21, "end [cycle]": 32, "visible [cycle]": 35}
    assert kinds["C"] == []
    before = path.read_bytes()
    write_timelines(played, tmp_path / "timelines")
    assert path.read_bytes() == before


def test_a_chart_marks_what_differs(played, tmp_path):
    gemm, softmax = (build_timeline(chosen) for chosen in choose_points(played))
    rows = list(commands_info(gemm).table.rows())
    assert [(row["unit"], row["side"], row["command"]) for row in rows if row["differs"]] == [
        ("matrix", "model", 2), ("matrix", "RTL", 2)
    ]  # fmt: skip
    assert not any(row["differs"] for row in commands_info(softmax).table.rows())
    _, axes = plot_commands(gemm, tmp_path / "a.svg")
    assert [text.get_text() for text in axes.get_yticklabels()] == ["load", "matrix"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["model", "RTL", "differs"]
    _, axes = plot_commands(softmax, tmp_path / "b.svg")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["model", "RTL"]
    assert (tmp_path / "a.data.csv").read_text().startswith("pe,unit,side,command,start,free,end,visible,differs\n")


@pytest.fixture
def _played_by_hand(monkeypatch, played):
    """The points of `played` in place of a simulation."""
    ((plan, points, simulation),) = played
    monkeypatch.setattr(timelines, "find_unit", {"pe": plan.unit}.__getitem__)
    monkeypatch.setattr(timelines, "choose_simulators", lambda names: (plan.simulator,))
    monkeypatch.setattr(timelines, "run_plan", lambda asked, folder: (points, simulation))


@pytest.mark.usefixtures("_played_by_hand")
def test_the_longest_point_of_a_kernel_is_drawn_by_a_command(tmp_path, capsys):
    target = tmp_path / "x.svg"
    assert main(["plot", "commands", "pe", "gemm", "-o", str(target)]) == 0
    assert capsys.readouterr().err == (
        "note: the hardware of pe is built, and runs gemm in a simulator; the first time takes minutes\n"
        f"wrote {target} and {tmp_path / 'x.data.csv'}\n"
    )
    assert "RTL: 200 cycles" in target.read_text()
    assert main(["plot", "commands", "pe", "gem", "-o", str(target)]) == 2
    assert capsys.readouterr().err == (
        "note: the hardware of pe is built, and runs gem in a simulator; the first time takes minutes\n"
        "1 error in kernel\n  unknown kernel 'gem'; did you mean 'gemm'?\n"
    )


@pytest.mark.usefixtures("_played_by_hand")
def test_a_block_without_kernels_has_no_commands_to_draw(played):
    for point in played[0].points:
        point.expected.pop("kernel", None)
    with pytest.raises(InputError) as raised:
        timelines.follow_kernel("pe", "gemm")
    assert str(raised.value) == "1 error in kernel\n  block pe runs no kernels whose units are followed"


def test_a_command_that_the_hardware_lacks_differs(played):
    played[0].simulation.points[1]["events"] = events([(1, 5, 9), (4, 9, 12)], [(9, 20, 23)])
    rows = list(commands_info(build_timeline(choose_points(played)[0])).table.rows())
    assert [(row["side"], row["command"]) for row in rows if row["differs"]] == [("model", 2)]


def test_files_have_kernels_stalls_speed_and_timelines(verification, tmp_path):
    write_files(verification, tmp_path / "out")
    page = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "| pe | icarus | gemm | representative | 2 | 300 | 300 | 0.00 % | -4.00 % |" in page
    assert "| pe | icarus | gemm | load | space | 4 | 0 | 1.33 % | 2.00 % |" in page
    assert "| pe | icarus | gemm | small | 200 | grid | 20,000 |" in page
    link = "[chart](timelines/pe-gemm.svg), [trace events](timelines/pe-gemm.json.gz)"
    assert link in page
    assert (tmp_path / "out" / "timelines" / "pe-gemm.svg").is_file()
    assert (tmp_path / "out" / "ledger.csv").read_text().splitlines()[1].startswith("pe,icarus,gemm,matrix,data,50,51,")
    lines = (tmp_path / "out" / "points.csv").read_text().splitlines()
    assert lines[0].endswith(",error_frac,kernel,models")
    assert lines[1].endswith(",gemm,grid=101 representative=96")
    said = {item.get("name"): item.get("value") for item in ET.parse(tmp_path / "out" / "junit.xml").iter("property")}
    assert said["icarus gemm representative worst_error_frac"] == "-0.040000"
    assert said["icarus gemm load space worst_error_frac"] == "0.020000"


def test_json_has_every_table(verification, capsys):
    print_verification(verification, is_json=True)
    said = json.loads(capsys.readouterr().out)
    assert set(said) == {"points", "kernels", "ledger", "speeds", "faults"}
    assert said["points"][0]["models"] == {"grid": 101, "representative": 96}
    assert said["ledger"][0]["cause"] == "data"


def test_cycles_per_second_have_their_unit_in_the_heading():
    shown = [show_value("model_cycles_per_s", value, {}) for value in (31.4, 6.4e6)]
    assert shown == ["31.4", "6.4 M"]


def test_tables_for_people(verification, capsys):
    print_verification(verification, is_json=False)
    printed = capsys.readouterr().out
    titles = [block.splitlines()[0] for block in printed.split("\n\n")]
    assert titles == [
        "Model against RTL", "Kernels [cycles]",
        "Stalls of all engines [cycles]; largest difference of one engine in parts of the cycles of its point",
        "Speed [cycles/s]",
    ]  # fmt: skip
    row, speed = [line.split() for line in printed.splitlines() if "representative" in line and "gemm" in line]
    assert speed[:8] == ["pe", "icarus", "gemm", "representative", "small", "200", "20", "k"]
    assert row == ["pe", "icarus", "gemm", "representative", "2", "300", "300", "0.0", "%", "-4.0", "%"]


def test_a_page_without_kernels_is_as_short_as_before():
    empty = Verification(ResultTable({}), ResultTable({}))
    assert "##" not in to_markdown(empty).replace("# Model against RTL", "")
