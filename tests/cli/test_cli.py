"""The command line as a user meets it: output, exit codes, whole messages."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import archmodel as am
from archmodel import demo
from archmodel.cli import demo as demo_command

TOTAL_KEYS = {"latency_s", "lower_s", "upper_s", "launch_s", "bound", "energy_j", "throughput", "throughput_unit"}


def test_run_gives_total_and_operators(run_json):
    said = run_json(
        "run", "mtia_2i", "llm/llama2-7b", "--phase", "decode", "--batch", "1", "--context", "1024", "--dtype", "fp16"
    )
    assert said["total"].keys() >= TOTAL_KEYS
    assert said["total"]["throughput_unit"] == "token/s"
    assert all(row.keys() >= TOTAL_KEYS for row in said["operators"])
    assert sum(row["latency_s"] for row in said["operators"]) + 1e-6 == pytest.approx(said["total"]["latency_s"])
    assert sum(said["bound_s"].values()) == pytest.approx(said["total"]["latency_s"])
    assert said["run"] | {"batch": 1, "context": 1024, "launch": "graph"} == said["run"]


def test_run_says_what_was_asked(run):
    code, out, _ = run("run", "mtia_2i", "llm/llama3.1-8b", "--phase", "decode")
    assert code == 0
    assert "llm/llama3.1-8b decode on mtia_2i" in out
    assert "Time by what binds: dram" in out


def test_set_overrides_a_machine_value(run_json):
    arguments = ["run", "mtia_2i", "llm/llama3.1-8b", "--phase", "decode"]
    before = run_json(*arguments)["total"]["latency_s"]
    after = run_json(*arguments, "--set", "dram.bandwidth=409.6 GB/s")["total"]["latency_s"]
    assert 0.5 < after / before < 0.55  # bound by DRAM but for launching


def test_op_prints_one_row(run_json):
    row = run_json("op", "h100_sxm", "matmul", "--m", "4096", "--n", "4096", "--k", "4096", "--dtype", "bf16")
    assert row.keys() >= {
        "machine",
        "kind",
        "m",
        "n",
        "k",
        "dtype",
        "latency_s",
        "lower_s",
        "upper_s",
        "bound",
        "energy_j",
    }
    assert row["flop"] == 2 * 4096**3
    assert row["bound"] == "matrix"
    assert 0.5 < row["utilisation"] <= 1.0


def test_op_table_evaluates_each_row(run_json, tmp_path):
    table = tmp_path / "shapes.csv"
    table.write_text("m,n,k\n4096,4096,4096\n1,4096,4096\n")
    rows = run_json("op", "h100_sxm", "matmul", "--table", str(table), "--dtype", "bf16")
    assert [(row["m"], row["bound"]) for row in rows] == [(4096, "matrix"), (1, "dram")]
    alone = run_json("op", "h100_sxm", "matmul", "--m", "1", "--n", "4096", "--k", "4096", "--dtype", "bf16")
    assert rows[1]["latency_s"] == alone["latency_s"]


def test_op_places_operands(run_json):
    dims = ["--m", "512", "--n", "512", "--k", "512", "--dtype", "fp16"]
    row = run_json("op", "mtia_2i", "matmul", *dims, "--place", "a=sram,b=sram,c=sram")
    assert row["dram_busy_s"] == 0.0
    assert row["sram_busy_s"] == pytest.approx(3 * 512 * 512 * 2 / (2048 * 1.35e9))


@pytest.mark.parametrize("kind", am.operator_kinds())
def test_op_names_the_missing_dims_of_every_kind(run, kind):
    code, out, err = run("op", "mtia_2i", kind)
    assert (code, out) == (2, "")
    assert f"in operator {kind}\n" in err
    assert "is missing" in err


def test_compare_gives_a_row_per_machine(run_json):
    machines = ["mtia_2i", "mtia_300", "h100_sxm", "mi300x"]
    rows = run_json("compare", *machines, "--workload", "recommendation/dlrm_dcnv2")
    assert [row["machine"] for row in rows] == machines
    assert all(row["status"] == "ok" and row["latency_s"] > 0 for row in rows)


def test_compare_keeps_what_is_not_supported_as_a_row(run_json):
    rows = run_json("compare", "mtia_2i", "h100_sxm", "--workload", "llm/llama3.1-8b", "--dtype", "fp8")
    assert [row["status"] for row in rows] == ["unsupported", "ok"]
    assert rows[0]["latency_s"] is None
    assert "the matrix engine has no fp8" in rows[0]["message"]


def test_machines_and_workloads_list_everything(run_json):
    assert [row["name"] for row in run_json("machines")] == list(am.machines())
    listed = run_json("workloads")
    assert list(dict.fromkeys(row["name"] for row in listed)) == list(am.workloads())
    assert {row["phase"] for row in listed if row["name"].startswith("llm/")} == {"prefill", "decode"}


def test_machines_show_names_the_source_of_every_value(run):
    code, out, _ = run("machines", "show", "mtia_2i", "--sources")
    assert code == 0
    for path in am.machine("mtia_2i").provenance:
        assert path in out
    assert "ISCA25: J. Coburn et al." in out


@pytest.mark.parametrize("name", ["roofline.svg", "roofline.png", "roofline.PDF"])
def test_plot_roofline_writes_figure_and_data(run, tmp_path, name):
    target = tmp_path / name
    code, out, _ = run("plot", "roofline", "mtia_2i", "llm/llama3.1-8b", "-o", str(target))
    assert (code, out) == (0, "")
    assert target.stat().st_size > 10_000
    assert target.with_suffix(".data.csv").read_text().startswith("step,operator,group,intensity_flop_per_byte")


def test_plot_breakdown_of_several_machines(run, tmp_path):
    target = tmp_path / "b.svg"
    code, _, _ = run("plot", "breakdown", "mtia_2i", "llm/llama3.1-8b", "mtia_300", "-o", str(target))
    assert code == 0
    shares = [line.split(",") for line in target.with_suffix(".data.csv").read_text().splitlines()[1:]]
    assert {row[1] for row in shares} == {"mtia_2i", "mtia_300"}
    assert sum(float(row[-1]) for row in shares) == pytest.approx(2.0, abs=1e-3)


def test_plots_are_the_same_bytes_twice(run, tmp_path):
    for name in ("a.svg", "b.svg"):
        run("plot", "roofline", "mtia_2i", "llm/llama3.1-8b", "-o", str(tmp_path / name))
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_doctor_checks_what_is_needed(run_json):
    rows = {row["check"]: row for row in run_json("doctor")}
    assert rows["kernels"]["state"] == "ok"
    assert rows["machines"]["detail"] == f"{len(am.machines())} load"


ERRORS = {
    ("run", "mtia_2", "llm/llama3.1-8b"): (
        "1 error in machine\n  unknown machine 'mtia_2'; did you mean 'mtia_2i'?; or give the path of a .yaml file\n"
    ),
    ("run", "mtia_2i", "llm/lama3.1-8b"): (
        "1 error in workload\n"
        "  unknown workload 'llm/lama3.1-8b'; did you mean 'llm/llama3.1-8b'?; or give the path of a .yaml file\n"
    ),
    ("run", "mtia_2i", "llm/llama3.1-8b", "--phase", "prefil"): (
        "1 error in phase\n  unknown phase 'prefil'; did you mean 'prefill'?; these are the phases of llm/llama3.1-8b\n"
    ),
    ("run", "mtia_2i", "llm/llama3.1-8b", "--model", "rooflin"): (
        "1 error in model\n  unknown model 'rooflin'; did you mean 'roofline'?\n"
    ),
    ("run", "mtia_2i", "llm/llama3.1-8b", "--dtype", "bf61"): (
        "1 error in run settings\n  --dtype: unknown dtype 'bf61'; did you mean 'bf16'?\n"
    ),
    ("run", "mtia_2i", "llm/llama3.1-8b", "--steps", "3"): (
        "1 error in run settings\n  llm/llama3.1-8b prefill has no setting 'steps'; allowed: "
        "batch, chips, dtype, ep, kv_dtype, pp, sequence, skew, tp, weight_dtype\n"
    ),
    ("run", "mtia_2i", "llm/llama3.1-8b", "--batch", "0"): (
        "1 error in run settings\n  --batch: 0 is not a count; allowed: whole numbers from 1 to 1e12\n"
    ),
    ("run", "mtia_2i", "llm/llama3.1-8b", "--dtype", "fp8"): (
        "llm/llama3.1-8b (prefill) on mtia_2i is not supported\n"
        "  mtia_2i: the matrix engine has no fp8, which operator 'layers.q_proj' needs; it has int8, fp16, bf16\n"
    ),
    ("run", "h100_sxm", "llm/llama3.1-405b"): (
        "llm/llama3.1-405b (prefill) on h100_sxm is not supported\n"
        "  h100_sxm: does not fit: weights 812 GB + KV cache 1.06 GB + spilled activations 669 MB exceed "
        "80 GB of HBM3; at least 11 x h100_sxm hold it, more than the 8 that its scale-up link joins\n"
    ),
    ("run", "mtia_2i", "llm/llama3.1-8b", "--set", "sram.capacity"): (
        "1 error in command line\n  --set: 'sram.capacity' is not name=value\n"
    ),
    ("run", "mtia_2i", "llm/llama3.1-8b", "--set", "sram.capacity=256"): (
        "1 error in machine description\n  --set: sram.capacity: 256 needs a unit, e.g. '64 GB'\n"
    ),
    (
        "op",
        "mtia_2i",
        "matmull",
        "--m",
        "1",
    ): "1 error in operator\n  unknown operator 'matmull'; did you mean 'matmul'?\n",
    ("op", "mtia_2i", "matmul", "--m", "8", "--n", "8", "--k", "x"): (
        "1 error in operator matmul\n  --k: 'x' is not a whole number\n"
    ),
    ("op", "mtia_2i", "matmul", "--m", "8", "--n", "8", "--k", "8", "--place", "d=sram"): (
        "1 error in operator matmul\n  no operand 'd' to place; allowed: a, b, c\n"
    ),
    ("run", "mtia_2i", "llm/llama3.1-8b", "--batch", "1.5"): (
        "1 error in command line\n  --batch: '1.5' is not a whole number\n"
    ),
    ("compare", "--workload", "llm/llama3.1-8b", "--context", "1e3"): (
        "1 error in command line\n  --context: '1e3' is not a whole number\n"
    ),
    ("plot", "roofline", "mtia_2i", "llm/llama3.1-8b", "-o", "x.png", "--sequence", ""): (
        "1 error in command line\n  --sequence: '' is not a whole number\n"
    ),
    ("run", "mtia_2i", "llm/llama3.1-8b", "--set", "clock=1 GHz", "--set", "clock=2 GHz"): (
        "1 error in command line\n  --set: 'clock' is given 2 times; give it once\n"
    ),
    ("op", "mtia_2i", "matmul", "--m", "8", "--n", "8", "--k", "8", "--place", "a=sram,"): (
        "1 error in command line\n  --place: an entry is empty; is there a comma too many?\n"
    ),
    ("op", "mtia_2i", "matmul", "--m", "8", "--n", "8", "--k", "8", "--place", "a=sram,a=dram"): (
        "1 error in command line\n  --place: 'a' is given 2 times; give it once\n"
    ),
    ("op", "mtia_2i", "matmul", "--m", "8", "--n", "8", "--k", "x" * 100): (
        f"1 error in operator matmul\n  --k: '{'x' * 59}…' is not a whole number\n"
    ),
    ("op", "mtia_2i", "matmul", "--m", "8", "--n", "8", "--k", "8", "--dtype", "fp8"): (
        "matmul (operator) on mtia_2i is not supported\n"
        "  mtia_2i: the matrix engine has no fp8, which operator 'matmul0' needs; it has int8, fp16, bf16\n"
    ),
    ("machines", "nope"): (
        "unknown command 'nope'; did you mean 'archmodel machines show nope'?\nTry 'archmodel machines --help'.\n"
    ),
    ("workloads", "shw", "llm/llama2-7b"): (
        "unknown command 'shw'; did you mean 'archmodel workloads show llm/llama2-7b'?\n"
        "Try 'archmodel workloads --help'.\n"
    ),
    ("machines", "show"): (
        "Command \"machines show\" parameter NAME requires an argument.\nTry 'archmodel machines show --help'.\n"
    ),
    ("plot", "roofline", "mtia_2i", "llm/llama3.1-8b", "-o", "x.gif"): (
        "1 error in figure\n  x.gif: ending '.gif' is not one of .png, .svg, .pdf\n"
    ),
}


@pytest.mark.parametrize("arguments", ERRORS, ids=" ".join)
def test_wrong_input_says_where_what_and_what_to_do(run, arguments):
    assert run(*arguments) == (2, "", ERRORS[arguments])


def test_unknown_command_names_the_near_one(run):
    code, out, err = run("ran")
    assert (code, out) == (2, "")
    assert 'Did you mean "run"?' in err


def test_a_defect_is_not_blamed_on_the_user(run, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(am, "machine", broken)
    code, out, err = run("run", "mtia_2i", "llm/llama3.1-8b")
    assert (code, out) == (3, "")
    assert err == "internal error: ZeroDivisionError: boom\nrun again with --debug and report it\n"


def test_demo_writes_tables_and_figures(run, tmp_path, monkeypatch):
    """Of a smaller job; what the whole one prints is compared where the tutorial shows it."""
    monkeypatch.setattr(demo, "MACHINES", ("mtia_2i", "mtia_300"))
    monkeypatch.setattr(demo, "WORKLOADS", demo.WORKLOADS[::4])
    for module in (demo, demo_command):
        monkeypatch.setattr(module, "SWEEP_POINTS", 200)
    code, out, err = run("demo", "-o", str(tmp_path / "demo"))
    assert code == 0, err
    names = {path.name for path in (tmp_path / "demo").iterdir()}
    assert names >= {"summary.csv", "operators.csv", "run.json", "roofline_mtia_2i.png", "roofline_mtia_2i.svg"}
    assert names >= {f"breakdown_{name}.svg" for name in ("dlrm_dcnv2_inference", "sdxl_denoise")}
    assert len((tmp_path / "demo" / "summary.csv").read_text().splitlines()) == 1 + 2 * 2
    assert out.count("mtia_300") == 2
    front = (tmp_path / "demo" / "mtia_next.csv").read_text().splitlines()
    assert {"point", "dram", "dram_technology", "speedup"} <= set(front[0].split(","))
    assert len(front) > 3
    assert "(the best of 200 machines by each objective)" in out
    report = tmp_path / "demo" / "mtia_next" / "report" / "index.html"
    assert err.splitlines()[-1] == f"report on the sweep: {report}"
    assert report.stat().st_size > 100_000


def test_installed_command_runs_as_a_process():
    done = subprocess.run(
        [sys.executable, "-c", "from archmodel.cli import main; raise SystemExit(main())", "machines", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert len(json.loads(done.stdout)) == len(am.machines())


def test_doctor_tells_what_is_broken_and_goes_on(run, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ImportError("libllvm is missing")

    monkeypatch.setattr(am, "evaluate_operator", broken)
    code, out, _ = run("doctor", "--json")
    rows = {row["check"]: row for row in json.loads(out)}
    assert code == 1
    assert rows["kernels"]["state"] == "FAILED"
    assert rows["kernels"]["detail"].startswith("ImportError: libllvm is missing; run: ")
    assert rows["machines"]["state"] == "ok"
