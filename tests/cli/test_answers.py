"""What was asked stands beside the answer; what is written is written whole."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import archmodel as am
from archmodel.cli.show import print_json

SET = ("--set", "clock=1.1 GHz", "--set", "sram.capacity=512 MiB")
GIVEN = {"clock": "1.1 GHz", "sram.capacity": "512 MiB"}
SAID = "clock=1.1 GHz, sram.capacity=512 MiB"


def test_overrides_are_in_json(run_json):
    assert run_json("run", "mtia_2i", "llm/llama3.1-8b", *SET)["run"]["set"] == GIVEN
    assert "set" not in run_json("run", "mtia_2i", "llm/llama3.1-8b")["run"]
    dims = ("--m", "8", "--n", "8", "--k", "8")
    assert run_json("op", "mtia_2i", "matmul", *dims, *SET)["set"] == GIVEN
    assert "set" not in run_json("op", "mtia_2i", "matmul", *dims)
    compared = run_json("compare", "mtia_2i", "mtia_300", "--workload", "llm/llama3.1-8b", *SET)
    assert [row["set"] for row in compared] == [GIVEN, GIVEN]


@pytest.mark.parametrize("model", ["roofline", "cycle"])
def test_what_the_user_set_is_not_listed_as_assumed(run_json, model):
    asked = ("run", "mtia_2i", "recommendation/mtia_lc1", "--model", model)
    as_shipped = run_json(*asked)["provenance"]["assumed"]
    as_set = run_json(*asked, "--set", "dram.access=64 B", "--set", "clock=1.1 GHz")["provenance"]["assumed"]
    assert "dram.access" in as_shipped
    assert as_set == [path for path in as_shipped if path != "dram.access"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "mtia_2i", "llm/llama3.1-8b"),
        ("op", "mtia_2i", "matmul", "--m", "8", "--n", "8", "--k", "8"),
        ("compare", "mtia_2i", "--workload", "llm/llama3.1-8b"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_overrides_are_in_the_title(run, arguments):
    assert SAID in run(*arguments, *SET)[1].splitlines()[0]
    assert "clock=" not in run(*arguments)[1]


def test_overrides_are_in_the_footer_of_a_figure(run, tmp_path):
    target = tmp_path / "x.svg"
    assert run("plot", "roofline", "mtia_2i", "llm/llama3.1-8b", "-o", str(target), *SET)[0] == 0
    assert f"Set by the user: {SAID}." in target.read_text()


def test_overrides_of_python_users_are_in_the_result():
    machine = am.machine("mtia_2i", GIVEN)
    trace = am.workload("llm/llama3.1-8b")
    assert am.evaluate(machine, trace).run["set"] == GIVEN
    assert list(am.evaluate_batch([machine, am.machine("mtia_2i")], trace)["set"]) == [GIVEN, None]


def test_compare_rows_have_the_same_keys_always(run):
    asked = ("--workload", "llm/llama3.1-405b", "--json")
    code, out, err = run("compare", "mtia_2i", *asked)
    (alone,) = json.loads(out)
    assert code == 2
    assert err == f"not supported: {alone['message']}\n"
    code, out, _ = run("compare", "mtia_2i", "mtia_500", "--workload", "llm/llama3.1-8b", "--json")
    rows = json.loads(out)
    assert code == 0
    assert all(row.keys() == alone.keys() for row in rows)
    assert {"model", "launch", "warnings", "status", "message", "latency_s", "utilisation"} < alone.keys()


def test_compare_notes_each_warning_once(run):
    _, _, err = run("compare", "mtia_500", "mtia_500", "--workload", "llm/llama3.1-8b")
    assert err.count("note: mtia_500 is announced: most of its values are assumed\n") == 1


def test_plot_leaves_the_data_of_others_alone(run, tmp_path):
    (tmp_path / "shapes.csv").write_text("mine")
    code, _, err = run("plot", "roofline", "mtia_2i", "llm/llama3.1-8b", "-o", str(tmp_path / "shapes.png"))
    assert (code, err) == (0, f"wrote {tmp_path / 'shapes.png'} and {tmp_path / 'shapes.data.csv'}\n")
    assert (tmp_path / "shapes.csv").read_text() == "mine"


def test_no_figure_without_its_data(run, tmp_path):
    (tmp_path / "x.data.csv").mkdir()
    said = f"1 error in figure\n  {tmp_path / 'x.data.csv'}: cannot be written: Is a directory\n"
    assert run("plot", "breakdown", "mtia_2i", "llm/llama3.1-8b", "-o", str(tmp_path / "x.png")) == (2, "", said)
    assert [path.name for path in tmp_path.iterdir()] == ["x.data.csv"]


def test_demo_into_what_cannot_be_written(run, tmp_path):
    (tmp_path / "summary.csv").mkdir()
    code, out, err = run("demo", "-o", str(tmp_path))
    assert (code, out) == (2, "")
    assert err.endswith(f"1 error in demo\n  {tmp_path / 'summary.csv'}: cannot be written: Is a directory\n")
    (tmp_path / "file").write_text("")
    code, _, err = run("demo", "-o", str(tmp_path / "file" / "demo"))
    assert code == 2
    assert err.endswith(f"{tmp_path / 'file' / 'demo' / 'summary.csv'}: cannot be written: Not a directory\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("arguments", [["machines"], ["machines", "--json"]], ids=" ".join)
def test_a_full_disk_is_no_defect_of_archmodel(arguments):
    with Path("/dev/full").open("w") as full:
        code = "from archmodel.cli import main; raise SystemExit(main())"
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "the output cannot be written: No space left on device\n")


def test_a_reader_that_leaves_early_is_no_fault():
    command = f"{sys.executable} -c 'from archmodel.cli import main; raise SystemExit(main())' workloads --json"
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -1; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[\n", "")


def test_json_is_written_whole_or_not_at_all(capsys):
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        print_json({"good": 1.0, "bad": float("nan")})
    assert capsys.readouterr().out == ""


def test_workloads_show_holds_it_against_published_figures(run, run_json):
    said = run_json("workloads", "show", "llm/llama2-7b")
    assert (said["name"], said["builder"]) == ("llm/llama2-7b", "decoder")
    assert [row["phase"] for row in said["phases"]] == ["prefill", "decode"]
    assert said["settings"]["sequence"] == 2048
    assert said["model"]["d_model"] == 4096
    parameters = said["published"][0]
    assert parameters["computed"] == am.workload("llm/llama2-7b").n_parameters
    assert parameters["deviation_frac"] == pytest.approx(parameters["computed"] / 6.74e9 - 1)
    code, out, _ = run("workloads", "show", "llm/llama2-7b")
    assert code == 0
    cells = [re.split(r"\s{2,}", line)[:5] for line in out.splitlines()]
    assert ["parameters", "defaults", "6,740,000,000", "6,738,415,616", "-0.02 %"] in cells


def test_workloads_say_what_a_step_yields(run):
    lines = {tuple(line.split()[:2]): line for line in run("workloads")[1].splitlines()}
    assert lines["workload", "phase"].split("  ")[-2:] == ["FLOP per step", "yields"]
    assert lines["recommendation/dlrm_dcnv2", "inference"].endswith("  2,048 sample")
    assert lines["diffusion/sdxl", "denoise"].endswith("  1 image")


@pytest.mark.parametrize("command", [["run"], ["compare"], ["plot", "roofline"], ["plot", "breakdown"]], ids=" ".join)
def test_run_settings_are_the_same_everywhere_and_explained(run, command):
    help_text = run(*command, "--help")[1]
    for option in (
        "--phase STR  ",
        "--batch INT  ",
        "--guidance INT  ",
        "--kv-dtype STR  ",
        "--launch CHOICE  ",
        "--set STR",
    ):
        line = next(line for line in help_text.splitlines() if option in line)
        assert line.partition(option)[2].strip(" │."), option
