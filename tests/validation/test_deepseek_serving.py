"""DeepSeek-R1 served by vLLM on 8 x MTIA 300 and 8 x H200 (ISCA 2026): 14 points of concurrency.

Prompts and answers of 0.8K to 1K tokens, tensor parallel over eight chips. The printed throughput is of prompts and
answers: with 900 tokens each, ``concurrency · 1800 / latency / 8`` gives every printed figure within 2 %, so each
point is one measurement. Assumptions: weights in FP8 as released, all else in BF16; the step is one compiled job; the
host needs 5 ms between steps. That is within what is reported of vLLM (`archmodel.models.serving`), but was picked with
the gap between the roofline and these points known. With few requests the agreement comes from it: with 3 ms, MTIA 300
misses 35 %, and without any host time both machines do.
"""

from __future__ import annotations

import csv
import functools
from pathlib import Path

import pytest

import archmodel as am
from archmodel.models.serving import HOST_STEP_S, SteadyState, share_steps, steady_state_decode

ROWS = list(csv.DictReader((Path(__file__).parent / "data" / "deepseek_r1_serving.csv").read_text().splitlines()))
PROMPT = OUTPUT = 900
LIMIT = 0.35
# Machine and model → errors of the throughput by requests: 4, 8, 16, 32, 64, 128, 256.
CASES = {
    ("h200_sxm", "wave"): (-0.055, -0.046, -0.037, 0.074, 0.088, 0.161, 0.208),
    ("h200_sxm", "roofline"): (0.140, 0.115, 0.088, 0.187, 0.189, 0.254, 0.296),
    ("mtia_300", "cycle"): (0.142, 0.132, 0.097, 0.055, 0.078, 0.038, 0.053),
    ("mtia_300", "roofline"): (0.336, 0.294, 0.231, 0.154, 0.176, 0.256, 0.329),
}
# Machine and model → least and largest error of the seven points by the host's time between steps [s].
BY_HOST = {
    ("h200_sxm", "wave"): {0: (0.287, 0.476), 3e-3: (0.071, 0.266), 5e-3: (-0.055, 0.208), 10e-3: (-0.306, 0.083)},
    ("mtia_300", "cycle"): {0: (0.196, 1.131), 3e-3: (0.104, 0.402), 5e-3: (0.038, 0.142), 10e-3: (-0.220, -0.060)},
}


def test_a_point_is_one_measurement():
    for row in ROWS:
        implied = int(row["concurrency"]) * (PROMPT + OUTPUT) / float(row["latency_s"]) / 8
        assert float(row["token_per_s_per_chip"]) == pytest.approx(implied, rel=0.02)


@functools.cache
def steps(machine: str, model: str, requests: int) -> SteadyState:
    return steady_state_decode(
        am.machine(machine), "llm/deepseek-v3", concurrency=requests, prompt=PROMPT, output=OUTPUT, model=model,
        chips=8, tp=8, weight_dtype="fp8",
    )  # fmt: skip


def serve(machine: str, model: str, host_step_s: float = HOST_STEP_S) -> dict[int, tuple[float, float]]:
    """Tokens per second and chip by concurrency, as estimated and as measured."""
    answers = {}
    for row in (row for row in ROWS if row["machine"] == machine):
        requests = int(row["concurrency"])
        step = steps(machine, model, requests)
        found = share_steps(step.decode, step.prefill, 1, requests, PROMPT, OUTPUT, host_step_s)
        answers[requests] = found.token_per_s / 8, float(row["token_per_s_per_chip"])
    return answers


@pytest.mark.parametrize(("machine", "model"), CASES)
def test_throughput(machine, model):
    errors = []
    for requests, (found, measured) in serve(machine, model).items():
        errors.append(found / measured - 1)
        text = f"{found:.0f} of {measured:.0f} token/s per chip ({errors[-1]:+.1%})"
        print(f"{machine} {model}, {requests} requests: {text}")
    assert errors == pytest.approx(CASES[machine, model], abs=0.02)
    assert max(map(abs, errors)) < LIMIT


def test_throughput_grows_and_so_does_the_time_of_a_token():
    chip = am.machine("mtia_300")
    settings = {"prompt": PROMPT, "output": OUTPUT, "tp": 8, "weight_dtype": "fp8"}
    found = [steady_state_decode(chip, "llm/deepseek-v3", concurrency=c, **settings) for c in (4, 32, 256)]
    assert [each.token_per_s for each in found] == sorted(each.token_per_s for each in found)
    assert [each.token_s for each in found] == sorted(each.token_s for each in found)
    for each in found:
        assert each.latency_s == pytest.approx(each.first_token_s + (OUTPUT - 1) * each.token_s)


def test_what_cannot_run_is_not_served():
    with pytest.raises(am.UnsupportedError, match="does not fit"):
        steady_state_decode(am.machine("h100_sxm"), "llm/deepseek-v3", concurrency=4, prompt=900, output=900, tp=8)
    with pytest.raises(am.InputError, match="output: 1 is not allowed; give at least 2"):
        steady_state_decode(am.machine("h200_sxm"), "llm/deepseek-v3", concurrency=4, prompt=900, output=1)


@pytest.mark.parametrize(("machine", "model"), BY_HOST)
def test_the_host_between_steps_decides_whether_it_is_near(machine, model):
    for host_step_s, printed in BY_HOST[machine, model].items():
        errors = [found / measured - 1 for found, measured in serve(machine, model, host_step_s).values()]
        print(f"{machine} {model}, host {1e3 * host_step_s:.0f} ms: {min(errors):+.1%} to {max(errors):+.1%}")
        assert (min(errors), max(errors)) == pytest.approx(printed, abs=0.015)
    # Without the host both miss 35 %; MTIA 300 does with 3 ms as well.
    assert max(BY_HOST[machine, model][0]) > LIMIT
    assert (max(BY_HOST[machine, model][3e-3]) > LIMIT) == (machine == "mtia_300")
