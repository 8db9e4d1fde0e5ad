"""``archmodel run``."""

from __future__ import annotations

import archmodel as am
from archmodel.cli.options import DEFAULTS, AsJson, RunOptions
from archmodel.cli.show import print_json, print_result


def run(machine: str, workload: str, /, *, options: RunOptions = DEFAULTS, json: AsJson = False) -> None:
    """Evaluate one workload on one machine.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    options
        Run settings and overrides.
    json
        Print JSON.
    """
    trace = options.workload(workload)
    result = am.evaluate(options.machine(machine), trace, model=options.model, launch=options.launch, mode=options.mode)
    if json:
        print_json(result.to_dict())
    else:
        print_result(result)
