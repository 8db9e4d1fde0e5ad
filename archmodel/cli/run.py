"""``archmodel run``."""

from __future__ import annotations

from typing import Literal

import archmodel as am
from archmodel.cli.options import AsJson, Sets, parse_assignments
from archmodel.cli.show import print_json, print_result


def run(
    machine: str,
    workload: str,
    /,
    *,
    phase: str | None = None,
    batch: int | None = None,
    sequence: int | None = None,
    context: int | None = None,
    steps: int | None = None,
    guidance: int | None = None,
    resolution: int | None = None,
    dtype: str | None = None,
    weight_dtype: str | None = None,
    kv_dtype: str | None = None,
    table_dtype: str | None = None,
    model: str = "roofline",
    launch: Literal["graph", "eager"] = "graph",
    set_: Sets = (),
    json: AsJson = False,
) -> None:
    """Evaluate one workload on one machine.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    phase
        E.g. prefill or decode.
    batch
        Sequences, samples, images or requests processed together.
    sequence
        New tokens per sequence.
    context
        Tokens already in the KV cache.
    steps
        Denoising steps.
    guidance
        Forward passes per denoising step.
    resolution
        Pixels along one edge of the image.
    dtype
        Number format of the arithmetic.
    weight_dtype
        Storage of weights, if not dtype.
    kv_dtype
        Storage of the KV cache, if not dtype.
    table_dtype
        Storage of embedding tables, if not dtype.
    model
        Model to use.
    launch
        graph: the step is one compiled job; eager: the host launches every operator.
    set_
        Override of a machine value, e.g. --set sram.capacity="512 MiB"; may be repeated.
    json
        Print JSON.
    """
    trace = am.workload(
        workload, phase=phase, batch=batch, sequence=sequence, context=context, steps=steps, guidance=guidance,
        resolution=resolution, dtype=dtype, weight_dtype=weight_dtype, kv_dtype=kv_dtype, table_dtype=table_dtype,
    )  # fmt: skip
    result = am.evaluate(am.machine(machine, parse_assignments("--set", set_)), trace, model=model, launch=launch)
    if json:
        print_json(result.to_dict())
    else:
        print_result(result)
