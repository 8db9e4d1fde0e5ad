"""``archmodel timeline``."""

from __future__ import annotations

from pathlib import Path

from archmodel.api import timeline as follow
from archmodel.cli.options import BY_CYCLE, CycleOptions, Fold, Output, WholeNumber, check_cycle, read_window
from archmodel.cli.show import note
from archmodel.report.figure import data_path
from archmodel.report.gantt import plot_gantt
from archmodel.report.timeline import save_timeline
from archmodel.units import format_si

_FEW_FRAC = 0.01


def timeline(
    machine: str,
    workload: str,
    /,
    *,
    output: Output,
    svg: Path | None = None,
    window: str | None = None,
    max_events: WholeNumber = None,
    operators: str = "*",
    fold: Fold = False,
    options: CycleOptions = BY_CYCLE,
) -> None:
    """Write what every unit does and when, for ui.perfetto.dev or as a chart.

    Parameters
    ----------
    machine
        Name ('archmodel machines') or path of a .yaml file.
    workload
        Name ('archmodel workloads') or path of a .yaml file.
    output
        File to write: .json.gz or .json for ui.perfetto.dev; .svg, .png or .pdf is a chart.
    svg
        Chart to write besides; its data goes beside it, as NAME.data.csv.
    window
        Part of the step, e.g. 0us..50us; repetitions in it are followed one by one.
    max_events
        Commands of units to record at most, by default 200000.
    operators
        Commands of operators whose name matches, e.g. 'blocks.attention*'.
    fold
        Show one pass: of each operator the first execution, and no time for the others.
    options
        Run settings and overrides.
    """
    check_cycle(options)
    followed = follow(
        options.machine(machine),
        options.workload(workload),
        launch=options.launch,
        mode=options.mode,
        window_s=None if window is None else read_window(window),
        max_events=max_events,
        operators=operators,
        is_folded=fold,
    )
    for path in [output, *([] if svg is None else [svg])]:
        is_chart = path.suffix in (".svg", ".png", ".pdf")
        if is_chart:
            plot_gantt(followed, path)
        else:
            save_timeline(followed, path)
        print(f"wrote {path}" + (f" and {data_path(path)}" if is_chart else "; open it in https://ui.perfetto.dev"))
    start, end = (format_si(time_s, "s") for time_s in followed.window_s)
    print(f"{followed.n_events} events of {followed.n_commands} commands, from {start} to {end}")
    for remark in followed.remarks:
        note(f"note: {remark}")
    if not followed.is_folded and followed.followed_frac < _FEW_FRAC:
        share = f"{100 * followed.followed_frac:.2g} %"
        note(f"note: units are followed for {share} of the time; --fold shows one pass, --window a part")
