"""The command: a new block passes as it is, a wrong one is found, told and kept; builds are reused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from contextlib import suppress
from pathlib import Path

import pytest

from archmodel.cli import main
from archmodel.errors import InputError
from archmodel.verify import mutation
from archmodel.verify.bench import draw_points, simulate
from archmodel.verify.contract import find_unit


@pytest.fixture
def icarus(need, monkeypatch, tmp_path):
    found = need("icarus")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARCHMODEL_RTL_CACHE", str(tmp_path / "cache"))
    return found


@pytest.fixture
def adder(icarus, tmp_path, capsys):
    assert main(["verify", "--new", "adder"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == "adder/README.md"
    assert printed.err == "note: verify it with: archmodel verify adder\n"
    return tmp_path / "adder"


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_new_block_passes_from_anywhere(adder, capsys):
    assert main(["verify", "adder", "--sim", "icarus", "--points", "12", "--json"]) == 0
    printed = capsys.readouterr()
    said = json.loads(printed.out)
    assert said["faults"] == {}
    assert len(said["points"]) == 12
    first = said["points"][0]
    assert {"unit", "simulator", "parameters", "model_cycles", "rtl_cycles", "error_frac"} <= set(first)
    assert (first["unit"], first["simulator"], first["parameters"]) == ("adder", "icarus", {"LATENCY": 1, "WIDTH": 8})
    assert all(point["model_cycles"] == point["rtl_cycles"] > 0 for point in said["points"])
    assert "simulation 2 of 2: icarus-adder-" in printed.err


def test_a_late_word_is_found_and_its_waves_are_kept(adder, tmp_path, capsys):
    change(adder / "adder.sv", "can_move[s] = !is_full[s] || can_move[s+1];", "can_move[s] = !is_full[s];")
    assert main(["verify", "adder", "--sim", "icarus", "--points", "6", "--output", "out"]) == 1
    printed = capsys.readouterr()
    assert "icarus-adder-long: adder LATENCY=5 WIDTH=16, point 0 (seed" in printed.err
    assert (tmp_path / "out" / "adder-long-icarus" / "dump.fst").stat().st_size > 0
    cases = list(ET.parse(tmp_path / "out" / "junit.xml").getroot().iter("failure"))
    assert len(cases) == 2


def test_a_wrong_word_is_found_although_it_comes_in_time(adder, capsys):
    change(adder / "adder.sv", "in_data + 1", "in_data + 3")
    assert main(["verify", "adder", "--sim", "icarus", "--points", "4"]) == 1
    assert "output 'out' number 0: model" in capsys.readouterr().err


def test_a_golden_model_may_not_leave_a_sink_out(adder, capsys):
    change(adder / "tb_adder.py", 'return {"out": ((words', 'return {"uot": ((words')
    assert main(["verify", "adder", "--sim", "icarus", "--points", "2"]) == 1
    assert "outputs: model ['uot'], RTL ['out']" in capsys.readouterr().err


def test_a_bench_that_plays_nothing_does_not_pass(adder, capsys):
    change(adder / "tb_adder.py", "await play(dut, golden, bins)", "assert dut")
    assert main(["verify", "adder", "--sim", "icarus", "--points", "2"]) == 1
    assert "adder short on icarus played 0 of 1 points; see" in capsys.readouterr().err


def test_coverage_goals_have_to_be_met_by_all_points(adder, tmp_path, capsys):
    change(adder / "contract.yaml", "[input_waits, output_waits, full]", "[input_waits, output_waits, overflow]")
    assert main(["verify", "adder", "--sim", "icarus", "--points", "4"]) == 0
    assert main(["verify", "adder", "--sim", "icarus"]) == 1
    printed = capsys.readouterr().err
    assert "icarus-adder-coverage: adder on icarus: coverage bin 'overflow' is never hit" in printed
    assert "icarus-adder-coverage: adder on icarus: coverage bin 'full' is not in the contract" in printed
    cases = ET.parse(tmp_path / "results" / "verify" / "junit.xml").getroot().iter("failure")
    assert [case.get("message") for case in cases] == ["adder on icarus: coverage bin 'overflow' is never hit"]


def test_blocks_of_one_name_and_nothing_to_play_are_refused(adder, tmp_path, capsys):
    assert main(["verify", "--new", "other/adder"]) == 0
    assert main(["verify", "adder", "other/adder", "--sim", "icarus"]) == 2
    assert "have one name; verify them one after the other" in capsys.readouterr().err
    change(adder / "contract.yaml", "icarus: [short, long]", "icarus: []")
    assert main(["verify", "adder", "--sim", "icarus"]) == 2
    assert "adder: nothing to play on icarus; look at 'points' and 'icarus'" in capsys.readouterr().err


def test_where_results_cannot_be_written_nothing_is_played(adder, tmp_path, capsys):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["verify", "adder", "--sim", "icarus", "--output", "file/out"]) == 2
    assert "1 error in verification" in capsys.readouterr().err


def test_a_block_that_does_not_compile_is_told(adder, capsys):
    change(adder / "adder.sv", "assign in_ready = can_move[0];", "assign in_ready = nothing;")
    assert main(["verify", "adder", "--sim", "icarus", "--points", "4"]) == 1
    assert "icarus-adder-short: adder short on icarus played 0 of 2 points; see" in capsys.readouterr().err


def test_a_block_that_hangs_is_told(adder, capsys):
    change(adder / "adder.sv", "assign out_valid = is_full[LATENCY-1];", "assign out_valid = 0;")
    assert main(["verify", "adder", "--sim", "icarus", "--points", "2"]) == 1
    assert "not done after" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc")
def test_a_command_that_is_ended_ends_its_simulators(adder, tmp_path):
    """The block computes within a cycle for ever, so that its simulator does not end by itself."""
    change(adder / "adder.sv", "assign out_valid = is_full[LATENCY-1];", ENDLESS)
    start = "import sys; from archmodel.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "verify", "adder", "--sim", "icarus", "--points", "2"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        began = time.monotonic()
        while not simulators(tmp_path) and time.monotonic() < began + 60:
            time.sleep(0.1)
        assert simulators(tmp_path)
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
        assert simulators(tmp_path) == []
    finally:
        process.kill()
        for number in simulators(tmp_path):
            os.kill(number, signal.SIGKILL)


ENDLESS = """assign out_valid = is_full[LATENCY-1];
    always @(posedge clk) forever begin end"""


def simulators(folder):
    """Numbers of the processes that play something in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            text = path.read_bytes().decode(errors="replace")
            found += [int(path.parent.name)] if "vvp" in text and str(folder) in text else []
    return found


def test_builds_are_reused_until_something_changes(adder, icarus, tmp_path):
    unit = find_unit(str(adder))

    def build_seconds(unit):
        return simulate(unit, "long", icarus, draw_points(unit, "long", 2), tmp_path / "sim").build_seconds

    assert build_seconds(unit) > 0
    assert build_seconds(unit) == 0
    change(adder / "adder.sv", "// Adds one", "// Really adds one")
    assert build_seconds(unit) > 0
    change(adder / "contract.yaml", "long: {LATENCY: 5", "long: {LATENCY: 4")
    assert build_seconds(find_unit(str(adder))) > 0


def test_seeded_faults_of_a_law_need_an_answer(adder, capsys):
    edit = 'find: "entered[-1] + 1, ahead[-1]", replace: "entered[-1] + 2, ahead[-1]"'
    late = f"  - {{name: a word leaves late, file: law.py, {edit}}}"
    faults = adder / "faults.yaml"
    change(faults, "law: []", f"law:\n{late}")
    assert mutation.main([str(adder)]) == 0
    assert capsys.readouterr().out.endswith("2 of 2 faults found\n")
    change(faults, "entered[-1] + 2, ahead[-1]", "nothing, ahead[-1]")
    with pytest.raises(InputError, match="'a word leaves late': the law has no answer, which proves nothing"):
        mutation.main([str(adder)])


def test_a_seeded_fault_that_changes_nothing_is_not_found(adder, capsys):
    assert mutation.main([str(adder)]) == 0
    assert capsys.readouterr().out.endswith("1 of 1 faults found\n")
    text = (adder / "faults.yaml").read_text(encoding="utf-8")
    start = text.index('    replace: "')
    (adder / "faults.yaml").write_text(
        text[:start] + '    replace: "can_move[s] = can_move[s+1] || !is_full[s];"\nlaw: []\n', encoding="utf-8"
    )
    assert mutation.main([str(adder), "--output", "page.md"]) == 1
    assert "NOT FOUND" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--points", "0"], "--points: 0 is not allowed; allowed: whole numbers from 1"),
        (["dpee"], "unknown unit 'dpee'; did you mean 'dpe'?; or give the folder of a block of your own"),
        (["--new", "2fast"], "'2fast' is no name for a module"),
        (["--new", "dpe"], "'dpe' is the name of a shipped block; choose another name"),
        (["--sim", "modelsim"], "modelsim"),
    ],
)
def test_what_is_refused(arguments, text, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["verify", *arguments]) == 2
    assert text in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
