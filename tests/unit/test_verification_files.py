"""What a verification writes, and how coverage is read."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from archmodel.report.errors import as_points, plot_errors
from archmodel.results import ResultTable
from archmodel.verify.coverage import covered_frac, name_missed, read_hits
from archmodel.verify.files import write_files
from archmodel.verify.run import Verification


def point(unit, model, rtl):
    return {
        "unit": unit, "simulator": "icarus", "build": "small", "point": 0, "seed": "1-2-3",
        "parameters": {"SIZE": 2, "WIDTH": 8}, "model_cycles": model, "rtl_cycles": rtl, "error_frac": model / rtl - 1,
    }  # fmt: skip


def simulation(unit, n_points, n_faults):
    return {
        "unit": unit, "simulator": "icarus", "build": "small", "points": n_points, "faults": n_faults, "build_s": 1.0,
        "simulation_s": 0.5, "simulated_cycles": 300,
    }  # fmt: skip


@pytest.fixture
def verification():
    return Verification(
        ResultTable.from_rows([point("dpe", 100, 100), point("dpe", 99, 90), point("llc", 50, 50)]),
        ResultTable.from_rows([simulation("dpe", 2, 1), simulation("llc", 1, 0)]),
        {"icarus-dpe-small": ["dpe SIZE=2, point 1: cycles: model 99, RTL 90"]},
    )


def test_summary_counts_exact_points_and_the_largest_error(verification):
    rows = list(verification.summary.rows())
    assert [(row["unit"], row["points"], row["exact"], row["faults"]) for row in rows] == [
        ("dpe", 2, 1, 1),
        ("llc", 1, 1, 0),
    ]
    assert rows[0]["worst_error_frac"] == pytest.approx(0.1)


def test_files(verification, tmp_path):
    write_files(verification, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "cycles.data.csv", "cycles.svg", "junit.xml", "points.csv", "report.md"
    ]  # fmt: skip
    lines = (tmp_path / "points.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "unit,simulator,build,point,seed,parameters,model_cycles,rtl_cycles,error_frac"
    assert lines[1] == "dpe,icarus,small,0,1-2-3,SIZE=2 WIDTH=8,100,100,0.0"
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| dpe | icarus | 1 | 2 | 1 | 10.00 % | 190 | 1 |" in page
    assert "- dpe SIZE=2, point 1: cycles: model 99, RTL 90" in page
    root = ET.parse(tmp_path / "junit.xml").getroot()
    cases = [(case.get("name"), [child.tag for child in case]) for case in root.iter("testcase")]
    assert cases == [("icarus-dpe-small", ["failure"]), ("icarus-llc-small", [])]


def test_a_verification_without_points_has_no_figure(tmp_path):
    simulations = ResultTable.from_rows([simulation("dpe", 0, 1)])
    empty = Verification(ResultTable({}), simulations, {"icarus-dpe-small": ["no"]})
    write_files(empty, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["junit.xml", "points.csv", "report.md"]


def test_the_same_points_give_the_same_figure(verification, tmp_path):
    for name in ("a.svg", "b.svg"):
        _, axes = plot_errors(as_points(verification.points), tmp_path / name, reference="RTL")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert axes.get_title(loc="left") == "Model against RTL: 2 of 3 points are exact"
    assert axes.get_ylabel() == "expected by the model [cycles]"


def test_coverage_adds_up_over_simulations_and_instances(tmp_path):
    source = tmp_path / "block.sv"
    source.write_text("", encoding="utf-8")

    def record(line, arm, hits, instance, path=source):
        fields = {"f": path, "l": line, "n": 5, "t": "branch", "page": "v_branch/block", "o": arm, "h": instance}
        return "C '" + "".join(f"\x01{key}\x02{value}" for key, value in fields.items()) + f"' {hits}"

    first, second = tmp_path / "first.dat", tmp_path / "second.dat"
    lines = [record(3, "if", 0, "a"), record(3, "else", 4, "a"), record(3, "if", 2, "b"), record(9, "if", 0, "a")]
    first.write_text("# SystemC::Coverage-3\n" + "\n".join(lines), encoding="utf-8")
    elsewhere = record(1, "if", 0, "a", tmp_path / "bench.sv")
    second.write_text(f"{record(3, 'else', 1, 'a')}\n{elsewhere}", encoding="utf-8")
    hits = read_hits([first, second], [source])
    at = "block.sv:5"
    assert hits == {(at, 3, "branch if"): 2, (at, 3, "branch else"): 5, (at, 9, "branch if"): 0}
    assert covered_frac(hits) == pytest.approx(2 / 3)
    assert name_missed(hits) == ["block.sv:9: branch if"]
