"""What `verify` says of hardware that runs kernels, from a real simulation."""

from __future__ import annotations

import gzip
import json

from archmodel.cli import main
from archmodel.verify.contract import find_unit


def test_a_pe_is_reported_kernel_by_kernel(need, tmp_path, capsys):
    need("icarus")
    assert main(["verify", "pe", "--sim", "icarus", "--points", "8", "--output", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    kernels = {point["kernel"] for point in said["points"]}
    assert len(kernels) > 1
    issued = {point["kernel"] for point in said["points"] if find_unit("pe").contract.builds[point["build"]]["CORE"]}
    assert issued
    assert {(row["kernel"], row["model"]) for row in said["kernels"]} == {(kernel, "law") for kernel in kernels} | {
        (kernel, model) for kernel in issued for model in ("grid", "representative", "by_command")
    }
    assert all(row["worst_error_frac"] == 0 for row in said["kernels"] if row["model"] == "law")
    assert all(row["model_cycles"] == row["rtl_cycles"] > 0 for row in said["ledger"])
    assert {row["mode"] for row in said["speeds"]} == {"grid", "representative"}
    assert all(row["ratio"] > 100 for row in said["speeds"])
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    for kernel in kernels:
        assert f"(timelines/pe-{kernel}.svg)" in page
        assert (tmp_path / "timelines" / f"pe-{kernel}.svg").stat().st_size > 0
        written = json.loads(gzip.decompress((tmp_path / "timelines" / f"pe-{kernel}.json.gz").read_bytes()))
        sides: dict[int, list] = {}
        for event in written["traceEvents"]:
            if event["ph"] == "X":
                sides.setdefault(event["pid"], []).append((event["name"], event["ts"], event["dur"], event["args"]))
        model, rtl = sides.values()
        assert model == rtl  # the hardware keeps every cycle of the model
        assert len(model) > 3


def test_the_figure_of_the_pe_shows_no_difference():
    lines = (find_unit("pe").folder / "timeline.data.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 20
    assert all(line.endswith(",False") for line in lines[1:])
