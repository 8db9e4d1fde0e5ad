"""``archmodel cost``."""

from __future__ import annotations

from archmodel.api import cost as assess
from archmodel.cli.cost_tables import print_assessment, print_parameters
from archmodel.cli.options import DEFAULTS, AsJson, Assumptions, RunOptions, parse_assignments
from archmodel.cli.show import print_json


def cost(
    machine: str,
    workload: str = "",
    /,
    *,
    options: RunOptions = DEFAULTS,
    assume: Assumptions = (),
    sources: bool = False,
    json: AsJson = False,
) -> None:
    """Say what a machine takes and costs: area, power, price; with a workload, energy and cost of what it produces.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    options
        Run settings and overrides.
    assume
        Another value of a parameter, e.g. --assume fleet.electricity="0.08 USD/kWh"; may be repeated.
    sources
        List every parameter and where it is from.
    json
        Print JSON: parameters with their sources included.
    """
    trace = options.workload(workload) if workload else None
    chip, changes = options.machine(machine), parse_assignments("--assume", assume)
    found = assess(chip, trace, model=options.model, launch=options.launch, mode=options.mode, parameters=changes)
    if json:
        print_json(found.to_dict())
        return
    print_assessment(found)
    if sources:
        print_parameters(found)
