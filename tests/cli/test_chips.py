"""Options of several chips: alike in every command, and faults name the flag."""

from __future__ import annotations

import pytest

import archmodel as am

PLAN = ("--chips", "8", "--tp", "4", "--pp", "2")


def test_a_plan_is_in_the_question_and_in_the_answer(run, run_json):
    arguments = ("run", "mtia_300", "llm/llama3.1-405b", "--phase", "decode", "--batch", "8", *PLAN)
    answer = run_json(*arguments)
    assert answer["run"]["chips"] == 8
    assert answer["chips"] == {
        "n_chips": 8, "tp": 4, "ep": 1, "pp": 2, "dp": 1, "n_micro": 2,
        "throughput_per_chip": pytest.approx(answer["total"]["throughput"] / 8),
        "slowest_stage_s": answer["chips"]["slowest_stage_s"], "exchange_s": answer["chips"]["exchange_s"],
    }  # fmt: skip
    assert answer["total"]["latency_s"] / 2 < answer["chips"]["slowest_stage_s"] < answer["total"]["latency_s"]
    text = run(*arguments)[1]
    assert "chips 8, tp 4, pp 2" in text
    assert "8 chips, 1 replica of 2 stages (2 at work at a time): throughput and energy of all, " in text
    compared = run_json(
        "compare", "mtia_300", "--workload", "llm/llama3.1-405b", "--phase", "decode", "--batch", "8", *PLAN
    )
    assert compared[0]["throughput"] == answer["total"]["throughput"]
    assert compared[0]["energy_j"] == answer["total"]["energy_j"]


WRONG = {
    ("--tp", "12"): "--tp: 12 does not divide 64 heads; allowed: 1, 2, 4, 8, 16, 32, 64",
    ("--chips", "0"): "--chips: 0 is not a count; allowed: whole numbers from 1 to 1e12",
    ("--chips", "6", "--pp", "4"): "--chips: 6 is no multiple of tp 1 x pp 4 = 4; allowed: 4, 8, 12, …",
    ("--batch", "3", "--chips", "2", "--tp", "1"): (
        "--batch: 3 is not shared evenly by 2 replicas (chips / tp / pp); allowed: multiples of 2"
    ),
}


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_faults_name_the_flag(run, arguments):
    code, out, err = run("run", "mtia_300", "llm/llama3.1-70b", *arguments)
    assert (code, out, err) == (2, "", f"1 error in run settings\n  {WRONG[arguments]}\n")


def test_cycles_of_an_exchange_are_its_law():
    chip = am.machine("mtia_300")
    dims = {"function": "all_reduce", "n": 2**20, "n_chips": 8}
    by_model = {
        model: am.evaluate_operator(chip, "collective", model=model, launch="graph", **dims)["latency_s"]
        for model in ("roofline", "analytic", "cycle")
    }
    assert by_model["cycle"] == by_model["analytic"] == pytest.approx(by_model["roofline"], rel=1e-3)
