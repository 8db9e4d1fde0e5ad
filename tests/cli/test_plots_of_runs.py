"""``archmodel plot`` of machines, workloads on them, and measurements."""

from __future__ import annotations

import re

import pytest
from made_up import make_timeline

from archmodel.cli import plots_verify

SMALL = "recommendation/dlrm_dcnv2"
KINDS = {
    "diagram": (("rivos_like", "--set", "pe.rows=4"), "block,says,value,given,kind,source"),
    "stalls": (("mtia_2i", SMALL, "mtia_300"), "bar,machine,workload,phase,state,time_s,time_frac"),
    "ladder": (("mtia_2i", SMALL), "operator,bound_s,roofline_s,analytic_s,cycle_s,upper_s"),
    "utilisation": (
        ("mtia_2i", SMALL, "--window", "0us..20us"), "kind,name,start_s,end_s,busy_frac,bandwidth_bytes_per_s,group"
    ),
    "gantt": (("mtia_2i", SMALL, "--window", "0us..20us"), "process,track,kind,what,start_s,end_s,value,group"),
    "errors": (("{folder}/points.csv",), "series,measured_s,modelled_s,error_frac"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_plot_writes_figure_and_data(run, tmp_path, kind):
    (tmp_path / "points.csv").write_text("series,measured_s,modelled_s\nadd,0.001,0.0011\n")
    source, columns = KINDS[kind]
    target = tmp_path / "x.svg"
    code, out, err = run("plot", kind, *(part.format(folder=tmp_path) for part in source), "-o", str(target))
    assert (code, out, err) == (0, "", f"wrote {target} and {tmp_path / 'x.data.csv'}\n")
    assert target.stat().st_size > 10_000
    assert (tmp_path / "x.data.csv").read_text().splitlines()[0] == columns


def test_a_verification_is_drawn_against_rtl(run, tmp_path):
    (tmp_path / "points.csv").write_text("unit,model_cycles,rtl_cycles\ndpe,9,9\n")
    assert run("plot", "errors", str(tmp_path), "-o", str(tmp_path / "x.svg"))[0] == 0
    assert "Model against RTL: 1 of 1 points are exact" in (tmp_path / "x.svg").read_text()


@pytest.mark.parametrize("kind", ["stalls", "utilisation", "gantt"])
def test_figures_of_cycles_have_no_other_model(run, tmp_path, kind):
    for model in ("wave", "roofline"):
        code, _, err = run("plot", kind, "mtia_2i", SMALL, "--model", model, "-o", str(tmp_path / "x.svg"))
        text = f"--model: '{model}' is not allowed; leave it out: it is cycle"
        assert (code, err) == (2, f"1 error in command line\n  {text}\n")
    code, _, err = run("plot", kind, "h100_sxm", SMALL, "-o", str(tmp_path / "x.svg"))
    assert code == 2
    assert "h100_sxm: no section 'timing' is described; model 'cycle' needs one" in err
    assert list(tmp_path.iterdir()) == []


def test_commands_say_first_what_takes_long(run, tmp_path, monkeypatch):
    monkeypatch.setattr(plots_verify, "follow_kernel", lambda *_: make_timeline())
    code, _, err = run("plot", "commands", "pe", "gemm_output", "-o", str(tmp_path / "x.svg"))
    first = "note: the hardware of pe is built, and runs gemm_output in a simulator; the first time takes minutes"
    assert (code, err.splitlines()[0]) == (0, first)


COMMANDS = {"plot roofline": "roofline", "plot breakdown": "roofline", "plot stalls": "cycle", "plot gantt": "cycle",
            "plot utilisation": "cycle", "timeline": "cycle", "plot ladder": None, "ladder": None}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_the_model_that_it_is_without_the_option(run, command):
    said = run(*command.split(), "--help")[1]
    models = re.findall(r"--model STR .*\[default: (\w+)\]", said)
    assert models == [COMMANDS[command]] if COMMANDS[command] else "--model" not in said
    assert "--batch INT" in said


def test_a_folder_that_cannot_be_written(run, tmp_path):
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "x.svg"
    said = f"1 error in figure\n  {tmp_path / 'file' / 'x.data.csv'}: cannot be written: File exists\n"
    assert run("plot", "diagram", "mtia_2i", "-o", str(target)) == (2, "", said)
    said = f"1 error in figure\n  {tmp_path / 'x.gif'}: ending '.gif' is not one of .png, .svg, .pdf\n"
    assert run("plot", "diagram", "mtia_2i", "-o", str(tmp_path / "x.gif")) == (2, "", said)
