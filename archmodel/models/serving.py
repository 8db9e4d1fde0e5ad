"""Steady state of serving a language model: requests come as fast as others leave, and share every decode step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archmodel.errors import Fault, InputError
from archmodel.machine.types import Machine
from archmodel.mapping import LaunchMode
from archmodel.models import find_model
from archmodel.models.chips import spread_result
from archmodel.results import Result
from archmodel.workload.load import load_workload

HOST_STEP_S = 5e-3
"""Host time between two steps of a serving engine, for which the chips wait [s]."""


@dataclass(frozen=True, slots=True)
class SteadyState:
    """What a constant number of requests get.

    Parameters
    ----------
    first_token_s
        From the start of a request until its first token: its prefill [s].
    token_s
        From one token of a request to the next, prefills of others between them included, on average [s].
    latency_s
        Of a whole request [s].
    token_per_s
        Tokens of all requests, prompts included [token/s].
    output_token_per_s
        Tokens that are generated [token/s].
    decode, prefill
        Results of the two steps.
    """

    first_token_s: float
    token_s: float
    latency_s: float
    token_per_s: float
    output_token_per_s: float
    decode: Result
    prefill: Result


def steady_state_decode(
    machine: Machine,
    workload: str,
    *,
    concurrency: int,
    prompt: int,
    output: int,
    model: str = "roofline",
    launch: LaunchMode = "graph",
    host_step_s: float = HOST_STEP_S,
    **settings: Any,
) -> SteadyState:
    """Estimate the steady state of serving with a constant number of requests.

    Parameters
    ----------
    machine
        One chip.
    workload
        Name or file of a workload with the phases ``prefill`` and ``decode``.
    concurrency
        Requests at a time, of all chips.
    prompt, output
        Tokens of each request, at least two of output.
    model, launch
        As in `archmodel.evaluate`.
    host_step_s
        Host time between two steps, for which the chips wait [s].
    **settings
        Further run settings: ``chips``, ``tp``, ``weight_dtype``, …

    Model
    -----
    A decode step serves all c requests at their mean context, ``prompt + output/2``; it takes t_d, and a prefill of one
    prompt per replica t_p, both with the host's time. Prefills run between decode steps, so a request sees its own and
    those of the c/dp − 1 others of its replica: ``latency = c/dp · t_p + (output − 1) · t_d``.

    All requests are alike, none waits for a place, and prefills are not cut into chunks that decode steps hide.

    Sources
    -------
    Closed form of continuous batching (G.-I. Yu et al., Orca, OSDI 2022). Host time: gaps between decode steps of vLLM,
    5–6 ms at batch 256 (vllm-project/vllm, issue 10634) and 5–13 ms (issue 6854); 5 ms was picked from these with the
    points of ``tests/validation/test_deepseek_serving.py`` known.

    Raises
    ------
    InputError
        When a count or a setting is wrong.
    UnsupportedError
        When a step cannot run, with every reason.
    """
    given = {"concurrency": (concurrency, 1), "prompt": (prompt, 1), "output": (output, 2)}
    faults = [Fault(name, f"{n} is not allowed; give at least {low}") for name, (n, low) in given.items() if n < low]
    if faults:
        raise InputError("serving", faults)

    def run(**phase: Any) -> tuple[Result, int]:
        trace = load_workload(workload, **settings, **phase)
        return spread_result(find_model(model).evaluate(trace, machine, launch), trace), trace.plan.dp

    decode, dp = run(phase="decode", batch=concurrency, context=prompt + output // 2)
    prefill, _ = run(phase="prefill", batch=dp, sequence=prompt)
    return share_steps(decode, prefill, dp, concurrency, prompt, output, host_step_s)


def share_steps(
    decode: Result, prefill: Result, dp: int, concurrency: int, prompt: int, output: int, host_step_s: float
) -> SteadyState:
    """Put the two steps together; parameters and equations are those of `steady_state_decode`.

    Parameters
    ----------
    decode, prefill
        Results of the two steps.
    dp
        Replicas.
    concurrency, prompt, output
        Requests at a time, and tokens of each.
    host_step_s
        Host time between two steps [s].
    """
    decode_s = concurrency / decode.throughput + host_step_s
    prefill_s = prefill.latency_s + host_step_s
    latency_s = concurrency / dp * prefill_s + (output - 1) * decode_s
    return SteadyState(
        first_token_s=prefill_s,
        token_s=(latency_s - prefill_s) / (output - 1),
        latency_s=latency_s,
        token_per_s=concurrency * (prompt + output) / latency_s,
        output_token_per_s=concurrency * output / latency_s,
        decode=decode,
        prefill=prefill,
    )
