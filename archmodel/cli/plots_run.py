"""Figures of machines, and of workloads on them."""

from __future__ import annotations

import archmodel as am
from archmodel.api import timeline
from archmodel.cli.options import (
    ANY_STEP,
    BY_CYCLE,
    DEFAULTS,
    CycleOptions,
    Fold,
    Output,
    RunOptions,
    Sets,
    StepOptions,
    check_cycle,
    parse_assignments,
    read_window,
)
from archmodel.cli.show import say_written
from archmodel.report import plot_diagram, plot_gantt, plot_ladder, plot_stalls, plot_utilisation
from archmodel.results.timeline import Timeline


def roofline(machine: str, workload: str, /, *, output: Output, options: RunOptions = DEFAULTS) -> None:
    """Draw the hierarchical roofline of a machine with the operators of a workload.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    output
        File to write: .png, .svg or .pdf; the data goes beside it, as NAME.data.csv.
    options
        Run settings and overrides.
    """
    chosen = options.machine(machine)
    am.plot_roofline(chosen, _evaluate(chosen, options.workload(workload), options), output)
    say_written(output)


def breakdown(machine: str, workload: str, /, *machines: str, output: Output, options: RunOptions = DEFAULTS) -> None:
    """Draw where the time of a workload goes by operator group, one bar per machine.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    machines
        Further machines to put beside the first.
    output
        File to write: .png, .svg or .pdf; the data goes beside it, as NAME.data.csv.
    options
        Run settings and overrides.
    """
    trace = options.workload(workload)
    chosen = [options.machine(name) for name in (machine, *machines)]
    am.plot_breakdown([_evaluate(each, trace, options) for each in chosen], output)
    say_written(output)


def stalls(machine: str, workload: str, /, *machines: str, output: Output, options: CycleOptions = BY_CYCLE) -> None:
    """Draw what matrix engines wait for: by operator group of one machine, or one bar per machine.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    machines
        Further machines to put beside the first.
    output
        File to write: .png, .svg or .pdf; the data goes beside it, as NAME.data.csv.
    options
        Run settings and overrides.
    """
    check_cycle(options)
    trace = options.workload(workload)
    chosen = [options.machine(name) for name in (machine, *machines)]
    plot_stalls([_evaluate(each, trace, options) for each in chosen], output)
    say_written(output)


def diagram(machine: str, /, *, output: Output, set_: Sets = ()) -> None:
    """Draw the blocks of a machine: PEs and what is in one, memories, network and links.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    output
        File to write: .png, .svg or .pdf; the data goes beside it, as NAME.data.csv.
    set_
        Override of a machine value, e.g. --set pe.rows=16; may be repeated.
    """
    plot_diagram(am.machine(machine, parse_assignments("--set", set_)), output)
    say_written(output)


def ladder(machine: str, workload: str, /, *, output: Output, options: StepOptions = ANY_STEP) -> None:
    """Draw the time of operators by every model, between the physical bound and no overlap at all.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    output
        File to write: .png, .svg or .pdf; the data goes beside it, as NAME.data.csv.
    options
        Run settings and overrides.
    """
    chosen, trace = options.machine(machine), options.workload(workload)
    plot_ladder(chosen, trace, am.ladder(chosen, trace), output)
    say_written(output)


def utilisation(
    machine: str,
    workload: str,
    /,
    *,
    output: Output,
    window: str | None = None,
    fold: Fold = False,
    options: CycleOptions = BY_CYCLE,
) -> None:
    """Draw over time how busy units and memories are.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    output
        File to write: .png, .svg or .pdf; the data goes beside it, as NAME.data.csv.
    window
        Part of the step, e.g. 0us..50us.
    fold
        Show one pass: of each operator the first execution, and no time for the others.
    options
        Run settings and overrides.
    """
    plot_utilisation(_follow(machine, workload, window, fold, options), output)
    say_written(output)


def gantt(
    machine: str,
    workload: str,
    /,
    *,
    output: Output,
    window: str | None = None,
    fold: Fold = False,
    options: CycleOptions = BY_CYCLE,
) -> None:
    """Draw over time what every unit does; 'archmodel timeline' writes it for a viewer.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    output
        File to write: .png, .svg or .pdf; the data goes beside it, as NAME.data.csv.
    window
        Part of the step, e.g. 0us..50us; repetitions in it are followed one by one.
    fold
        Show one pass: of each operator the first execution, and no time for the others.
    options
        Run settings and overrides.
    """
    plot_gantt(_follow(machine, workload, window, fold, options), output)
    say_written(output)


def _evaluate(machine: am.Machine, trace: am.Trace, options: RunOptions) -> am.Result:
    return am.evaluate(machine, trace, model=options.model, launch=options.launch, mode=options.mode)


def _follow(machine: str, workload: str, window: str | None, fold: bool, options: CycleOptions) -> Timeline:
    check_cycle(options)
    return timeline(
        options.machine(machine),
        options.workload(workload),
        launch=options.launch,
        mode=options.mode,
        window_s=None if window is None else read_window(window),
        is_folded=fold,
    )
