"""``archmodel run``."""

from __future__ import annotations

import archmodel as am
from archmodel import api
from archmodel.cli.options import DEFAULTS, AsJson, OptionalOutput, RunOptions
from archmodel.cli.show import print_json, print_result


def run(
    machine: str,
    workload: str,
    /,
    *,
    output: OptionalOutput = None,
    options: RunOptions = DEFAULTS,
    json: AsJson = False,
) -> None:
    """Evaluate one workload on one machine.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    output
        Folder in which results are kept, for 'archmodel report' and 'archmodel query'.
    options
        Run settings and overrides.
    json
        Print JSON.
    """
    trace = options.workload(workload)
    chosen = options.machine(machine)
    result = am.evaluate(chosen, trace, model=options.model, launch=options.launch, mode=options.mode)
    if output is not None:
        command = ["archmodel", "run", machine, workload, *options.flags()]
        api.keep_results(output, "run", command, [chosen], [result], files=[machine, workload])
    if json:
        print_json(result.to_dict())
    else:
        print_result(result)
