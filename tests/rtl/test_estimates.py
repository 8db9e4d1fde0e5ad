"""Estimates from hardware whose numbers the law does not know."""

from __future__ import annotations

import json

import pytest

from archmodel.cli import main
from archmodel.machine.load import load_machine

FOLDER = "my_pe"


@pytest.fixture
def block(need, monkeypatch, tmp_path, capsys):
    """The block of the template, one build, in a folder of its own."""
    need("icarus")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARCHMODEL_RTL_CACHE", str(tmp_path / "cache"))
    assert main(["verify", "--new", FOLDER]) == 0
    capsys.readouterr()
    change(tmp_path / FOLDER / "contract.yaml", "icarus: [short, long]", "icarus: [long]")
    return tmp_path / FOLDER


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def fit(capsys, *options):
    code = main(["verify", FOLDER, "--fit", "--sim", "icarus", "--points", "30", "--json", *options])
    return code, {row["parameter"]: row for row in json.loads(capsys.readouterr().out)["fits"]}


def test_a_block_as_its_law_says(block, capsys):
    code, found = fit(capsys)
    assert code == 0
    assert [(name, row["value"]) for name, row in found.items()] == [
        ("latency", 5), ("interval", 1), ("depth", 5), ("credit", 0)
    ]  # fmt: skip
    assert all(row["exact"] == row["points"] == 30 for row in found.values())


def test_a_block_that_its_law_does_not_know(block, capsys, tmp_path):
    """A word every nine cycles, and two stages more than the law has."""
    change(block / "my_pe.sv", "    assign in_ready = can_move[0];", THROTTLE)
    change(block / "my_pe.sv", "is_full[0] <= in_valid;", "is_full[0] <= in_valid && in_ready;")
    change(block / "my_pe_bench.sv", "my_pe #(.LATENCY(LATENCY)", "my_pe #(.LATENCY(LATENCY + 2)")
    code, found = fit(capsys)
    assert code == 1  # as ever when law and hardware differ
    assert (found["latency"]["value"], found["interval"]["value"]) == (7, 9)
    assert all(row["is_explained"] for row in found.values())
    assert found["depth"]["low"] <= 7
    (tmp_path / "chip.yaml").write_text("extends: [mtia_2i, results/verify/fit.yaml]\n")
    assert load_machine(tmp_path / "chip.yaml").timing.engines.simd_latency_cycles == 7


def test_a_block_that_is_no_such_pipeline(block, capsys, tmp_path):
    """Odd words wait in the last stage until the next cycle with an even number."""
    change(block / "my_pe.sv", "assign out_valid = is_full[LATENCY-1];", MOODY)
    change(block / "my_pe.sv", "can_move[LATENCY] = out_ready;", "can_move[LATENCY] = out_ready && out_valid;")
    assert main(["verify", FOLDER, "--fit", "--sim", "icarus", "--points", "30"]) == 1
    printed = capsys.readouterr()
    rows = [line.split() for line in printed.out.splitlines() if " latency " in line]
    assert [row[3:6] for row in rows] == [["no", "such", "law"]]
    said = "my_pe, build long: timing.engines.simd_latency: no such law"
    assert f"note: nothing for fit.yaml from {said}" in printed.err
    assert not (tmp_path / "results" / "verify" / "fit.yaml").exists()
    assert "| no such law |" in (tmp_path / "results" / "verify" / "report.md").read_text(encoding="utf-8")


def test_a_block_that_hangs_takes_an_older_estimate_away(block, capsys, tmp_path):
    assert fit(capsys)[0] == 0
    assert (tmp_path / "results" / "verify" / "fit.yaml").is_file()
    change(block / "my_pe.sv", "assign out_valid = is_full[LATENCY-1];", "assign out_valid = 0;")
    assert main(["verify", FOLDER, "--fit", "--sim", "icarus", "--points", "2"]) == 1
    printed = capsys.readouterr()
    assert "no words went through" in printed.out
    said = "my_pe, build long: timing.engines.simd_latency: no words went through"
    assert f"note: nothing for fit.yaml from {said}" in printed.err
    assert "extends:" not in printed.err
    assert not (tmp_path / "results" / "verify" / "fit.yaml").exists()


def test_a_block_without_a_pipeline_is_refused(need, capsys, tmp_path):
    need("icarus")
    assert main(["verify", "mesh", "dpe", "--fit", "--sim", "icarus", "--output", str(tmp_path / "out")]) == 2
    assert "mesh/contract.yaml: has no 'fit'; name the ends of a pipeline" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


THROTTLE = """    logic [3:0] rest;
    assign in_ready = can_move[0] && rest == 0;
    always_ff @(posedge clk)
        if (!rst_n) rest <= 0;
        else if (in_valid && in_ready) rest <= 8;
        else if (rest != 0) rest <= rest - 1;
"""
MOODY = """    logic turn;
    always_ff @(posedge clk) turn <= rst_n && !turn;
    assign out_valid = is_full[LATENCY-1] && (turn || !stage[LATENCY-1][0]);"""
