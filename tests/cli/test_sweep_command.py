"""``archmodel sweep`` and ``archmodel query``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

FILE = """\
title: Clock or memory
machine: mtia_2i
workloads:
  - {workload: recommendation/mtia_lc1, label: ranking}
axes:
  clock: {low: 1 GHz, high: 2 GHz, n: 5}
  memory:
    set: [dram.technology, dram.bandwidth]
    values: {slow: [LPDDR5, 204.8 GB/s], fast: [HBM3E, 1.2 TB/s]}
objectives: {throughput: max, perf_per_w: max}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(FILE, encoding="utf-8")
    return str(path)


def test_the_best_points_are_printed(run, file, tmp_path):
    code, out, err = run("sweep", file, "-o", str(tmp_path / "out"))
    assert code == 0, err
    title, headings, first, second = out.splitlines()
    assert title == "Clock or memory (the best point by each objective)"
    assert headings.split("  ")[0] == "best"
    assert "throughput [sample/s]" in headings
    assert "perf_per_w [sample/s/W]" in headings
    assert first.split()[:4] == ["throughput", "2", "GHz", "fast"]
    assert second.split()[0] == "perf_per_w"
    notes = err.splitlines()
    assert notes[0].startswith("sweep 10 of 10: ")
    assert "front" in notes[0]
    assert notes[1].startswith("note: 10 points, 0 without an answer, 0 outside the conditions, ")
    assert "of the economy are assumed; they are listed in" in notes[-1]


def test_without_a_front_the_note_shows_the_way_to_what_is_lacking(run, tmp_path):
    path, folder = tmp_path / "strict.yaml", str(tmp_path / "out")
    path.write_text(f"{FILE}where: ['tdp_w <= 1 W']\n", encoding="utf-8")
    code, out, err = run("sweep", str(path), "-o", folder)
    assert (code, out) == (0, "")
    sql = "SELECT min(tdp_w), max(tdp_w) FROM points WHERE status = 'ok'"
    counts = "10 points, 0 without an answer, 10 outside the conditions, 0 on the front"
    said = f'note: {counts}; see: archmodel query {folder} "{sql}"'
    assert said in err.splitlines()
    assert run("query", folder, sql)[0] == 0


def test_counts_and_front_are_json(run_json, file, tmp_path):
    folder = str(tmp_path / "out")
    found = run_json("sweep", file, "-o", folder)
    assert {key: found[key] for key in ("folder", "n_points", "n_failed", "n_infeasible")} == {
        "folder": folder, "n_points": 10, "n_failed": 0, "n_infeasible": 0,
    }  # fmt: skip
    assert found["n_front"] == len(found["front"]) > 0
    assert found["objectives"]["throughput"] == {"column": "throughput", "goal": "max", "unit": "sample/s"}
    assert run_json("query", folder, "select count(*) as n from points") == [{"n": 10}]
    assert run_json("query", folder, "select memory, max(clock_hz) as clock_hz from points group by 1 order by 1") == [
        {"memory": "fast", "clock_hz": 2e9}, {"memory": "slow", "clock_hz": 2e9},
    ]  # fmt: skip


def test_answers_of_queries_are_tables(run, file, tmp_path):
    folder = str(tmp_path / "out")
    run("sweep", file, "-o", folder, "--points", "4", "--seed", "3")
    code, out, _ = run("query", folder, "select clock_hz, perf_per_w from points order by 1 limit 2")
    assert code == 0
    title, headings, *rows = out.splitlines()
    assert (title, len(rows)) == ("2 rows", 2)
    assert headings.split(maxsplit=1) == ["clock_hz", "perf_per_w [sample/s/W]"]  # the name says it, or the table does
    assert all("GHz" in row and row.split()[-1][-1].isdigit() for row in rows)
    code, out, _ = run("query", folder, "select * from points")
    assert (code, out.splitlines()[0]) == (0, "4 rows")


def test_what_is_wrong_is_told(run, file, tmp_path):
    folder = str(tmp_path / "out")
    code, out, err = run("sweep", "mtia_nxt", "-o", folder)
    assert (code, out) == (2, "")
    assert err == (
        "1 error in sweep\n  unknown sweep 'mtia_nxt'; did you mean 'mtia_next'?; or give the path of a .yaml file\n"
    )
    code, out, err = run("query", folder, "select 1")
    assert (code, out) == (2, "")
    assert err == (
        f"1 error in results\n  {folder}: holds no results; give a folder that archmodel has written them to\n"
    )
    assert run("sweep", file, "-o", folder)[0] == 0
    code, out, err = run("sweep", file, "-o", folder, "--model", "analytic")
    assert (code, out) == (2, "")
    assert "holds results of another sweep (model: 'roofline' there, 'analytic' now)" in err


def test_a_sweep_without_any_answer_fails(run, tmp_path):
    path = tmp_path / "none.yaml"
    path.write_text(FILE.replace("label: ranking", "label: ranking, settings: {dtype: fp8}"), encoding="utf-8")
    code, out, err = run("sweep", str(path), "-o", str(tmp_path / "out"))
    assert (code, out) == (2, "")
    assert "note: 10 of 10 points have no answer; why is in column 'message'\n" in err
    assert "note: the front is empty: no point has an answer\n" in err


@pytest.mark.parametrize("executor", ["threads", "processes", "dask"])
def test_an_interrupt_ends_cleanly_and_says_how_to_go_on(tmp_path, executor):
    """Of a terminal: all processes of the command are interrupted, its workers, too."""
    if executor == "dask":
        pytest.importorskip("distributed", reason="no distributed; run: pip install 'archmodel[cluster]'")
    path, folder = tmp_path / "long.yaml", tmp_path / "out"
    more = "axes:\n  pe.rows: [4, 5, 6, 7, 8]\n  sram.capacity: {low: 64 MiB, high: 512 MiB, n: 200}"
    path.write_text(FILE.replace("n: 5", "n: 200").replace("axes:", more), encoding="utf-8")  # 400,000 points, 24 parts
    # Whoever runs tests in the background has interrupts ignored, and so would the sweep.
    script = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    script += "from archmodel.cli import main; sys.exit(main())"
    asked = ["sweep", str(path), "-o", str(folder), "--executor", executor, "--threads", "1"]
    command = [sys.executable, "-c", script, *asked]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("sweep ")
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    *before, last = rest.splitlines()
    assert all(line.startswith("sweep ") for line in before), rest
    assert last == f"stopped; what is finished is in {folder}. Go on with: archmodel {' '.join(asked)}"
    n_parts = len(list(folder.glob("points/part-*.parquet")))
    assert 0 < n_parts < 24
    log = [json.loads(line)["event"] for line in (folder / "log.jsonl").read_text().splitlines()]
    assert log in (["part"] * n_parts, ["part"] * (n_parts - 1))  # the last line may have been cut off
