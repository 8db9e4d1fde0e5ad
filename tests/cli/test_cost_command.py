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
    assert err == (
        "note: provisioned for the stated design limit, 85 W: power.tdp is published\n"
        "note: 113 of 139 parameters are assumed; --sources lists all\n"
    )


def test_with_a_workload(run_json):
    found = run_json("cost", "mtia_2i", "recommendation/mtia_lc1")
    run = found["run"]
    assert run["item"] == "sample"
    assert run["serving"]["j_per_item"] == pytest.approx(run["energy"]["power_w"] / 0.61 * 1.09 / run["items_per_s"])
    assert "fleet.utilisation" in found["assumed"]
    assert set(found["assumed"]) < set(found["parameters"])
    assert found["parameters"]["fleet.pue"]["source"].startswith("META")


def test_more_power_than_the_design_limit_is_told(run):
    code, _, err = run("cost", "mtia_2i", "llm/llama3.1-8b")
    assert code == 0
    assert err.splitlines()[0] == (
        "note: this is more power than the design limit, 85 W; a chip would run slower, which no model takes into "
        "account"
    )
    assert run("cost", "mtia_2i", "recommendation/mtia_lc1")[2].startswith("note: provisioned for the stated")


# Machine and overrides → design limit that is provisioned for [W], and what is said of it.
PROVISIONED = {
    ("h100_sxm",): (700, "stated design limit, 700 W: power.tdp is published"),
    ("h100_sxm", "--set", "power.tdp=650 W", "--set", "clock=1.5 GHz"): (
        650,
        "stated design limit, 650 W: power.tdp is set",
    ),
    ("h100_sxm", "--set", "clock=1.5 GHz", "--set", "sram.capacity=60 MiB"): (
        None,
        "estimated design limit, {}: power.tdp is that of the chip as built, without the override of clock, "
        "sram.capacity",
    ),
    ("rivos_like",): (None, "estimated design limit, {}: power.tdp is assumed"),
}


@pytest.mark.parametrize("arguments", PROVISIONED)
def test_a_gigawatt_is_provisioned_for_the_limit_of_the_chip_as_built(run, run_json, arguments):
    stated_w, said = PROVISIONED[arguments]
    found = run_json("cost", *arguments)
    estimate_w = found["power"]["tdp_w"]
    limit_w = stated_w or estimate_w
    assert found["design_limit"]["tdp_w"] == limit_w
    assert found["gigawatt"]["n_chips"] == pytest.approx(1e9 / (limit_w / 0.61 * 1.09))
    assert found["cost"]["parts_usd"]["board"] == pytest.approx(200 + 0.3 * limit_w)
    assert abs(limit_w / estimate_w - 1) > 0.05 or stated_w is None
    text = said.format(f"{estimate_w:.3g} W")
    assert run("cost", *arguments)[2].splitlines()[0] == f"note: provisioned for the {text}"


def test_other_values_of_parameters_and_of_the_machine(run_json):
    base = run_json("cost", "mtia_2i")
    dearer = run_json("cost", "mtia_2i", "--assume", "fleet.building=30 USD/W")
    busier = run_json("cost", "mtia_2i", "--assume", "fleet.utilisation=0.9")
    larger = run_json("cost", "mtia_2i", "--set", "sram.capacity=512 MiB")
    assert dearer["gigawatt"]["capex_usd"] - base["gigawatt"]["capex_usd"] == pytest.approx(1e9 * (30 - 14.8))
    assert set(base["assumed"]) - set(busier["assumed"]) == {"fleet.utilisation"}
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
