"""``archmodel cost``."""

from __future__ import annotations

import pytest


def test_a_machine_alone(run):
    code, out, err = run("cost", "mtia_2i")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "Meta MTIA 2i (MTIA 200) (mtia_2i): estimates"
    assert [line for line in lines if line.startswith("A site")] == ["A site of 1 GW"]
    assert "mm²" in lines[2]
    assert err == "note: 114 of 140 parameters are assumed; --sources lists all\n"


def test_with_a_workload(run_json):
    found = run_json("cost", "mtia_2i", "recommendation/mtia_lc1")
    run = found["run"]
    assert run["item"] == "sample"
    assert run["serving"]["j_per_item"] == pytest.approx(run["energy"]["power_w"] / 0.61 * 1.09 / run["items_per_s"])
    assert set(found["assumed"]) < set(found["parameters"])
    assert found["parameters"]["fleet.pue"]["source"].startswith("META")


def test_more_power_than_the_design_limit_is_told(run):
    code, _, err = run("cost", "mtia_2i", "llm/llama3.1-8b")
    assert code == 0
    assert err.splitlines()[0] == (
        "note: this is more power than the design limit, 92.1 W; a chip would run slower, which no model takes into "
        "account"
    )
    assert run("cost", "mtia_2i", "recommendation/mtia_lc1")[2].startswith("note: 114 of 140 parameters")


def test_other_values_of_parameters_and_of_the_machine(run_json):
    base = run_json("cost", "mtia_2i")
    dearer = run_json("cost", "mtia_2i", "--assume", "fleet.building=30 USD/W")
    larger = run_json("cost", "mtia_2i", "--set", "sram.capacity=512 MiB")
    assert dearer["gigawatt"]["capex_usd"] - base["gigawatt"]["capex_usd"] == pytest.approx(1e9 * (30 - 14.8))
    assert larger["area"]["parts_mm2"]["sram"] == pytest.approx(2 * base["area"]["parts_mm2"]["sram"])


def test_sources_are_listed_the_assumed_ones_first(run):
    code, out, _ = run("cost", "mtia_2i", "--sources")
    lines = out.splitlines()
    assert code == 0
    kinds = [line.split("  ") for line in lines[lines.index("Parameters") + 2 : lines.index("Sources") - 1]]
    assert kinds[0][0] == "area.add.bf16"
    assert any(line.startswith("  BERNSTEIN: ") for line in lines)


REFUSED = {
    ("cost", "mtia_2i", "--assume", "fleet.pue=0.5"): (
        "1 error in economy parameters\n  --assume: fleet.pue: 0.5 is not a ratio; allowed: numbers from 1 to 1000000\n"
    ),
    ("cost", "mtia_2i", "--assume", "pue"): "1 error in command line\n  --assume: 'pue' is not name=value\n",
    ("cost", "h100_sxm", "llm/llama3.1-8b", "--chips", "2", "--pp", "2"): (
        "energy of llm/llama3.1-8b (prefill) on h100_sxm is not supported\n"
        "  2 stages share the layers, and energy is that of one chip; give --pp 1\n"
    ),
    ("cost", "systolic_ws"): (
        "area of the DRAM interface of systolic_ws is not supported\n"
        "  dram.technology is 'any'; known: LPDDR5, DDR5, GDDR6, HBM2E, HBM3, HBM3E, HBM4\n"
    ),
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_what_has_no_answer(run, arguments):
    assert run(*arguments) == (2, "", REFUSED[arguments])
