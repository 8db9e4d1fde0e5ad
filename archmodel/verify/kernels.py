"""What hardware that runs whole kernels is held against: cycles of each mode of the model, stalls by cause, speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from archmodel.lowering.program import CommandTable, Grid
from archmodel.lowering.run import Mode, run_table
from archmodel.results import ResultTable
from archmodel.verify.bench import Point, load_law
from archmodel.verify.plan import Played

LAW = "law"
"""Name of the model that the events of a point come from."""
_MEASURED_S = 0.2  # for which a model is run again and again, to say how fast it is


def _runs(played: Sequence[Played]) -> Iterator[tuple[Played, Point, Mapping[str, Any]]]:
    """Give every point of a kernel with what was measured; those that hang tell no cycles."""
    for one in played:
        for point, measured in zip(one.points, one.simulation.points, strict=False):
            if "kernel" in point.expected and not measured.get("hang"):
                yield one, point, measured


def kernel_table(played: Sequence[Played]) -> ResultTable:
    """Compare the cycles of kernels: a row per unit, simulator, kernel and model.

    ``model`` is ``law`` (that of the events), or one of those that ``law.py`` names: ``grid`` and ``representative``
    are modes of model `cycle`, on the program as the model writes it. ``points``, ``model_cycles`` and ``rtl_cycles``
    of all of them, ``error_frac`` of these sums, and the largest error of a point, ``worst_error_frac``.

    Parameters
    ----------
    played
        What was played; points without ``kernel`` are left out.
    """
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for one, point, measured in _runs(played):
        for model, cycles in {LAW: point.expected["cycles"], **point.expected.get("models", {})}.items():
            keys = {**_keys(one, point), "model": model}
            row = rows.setdefault(tuple(keys.values()), {**keys, "points": 0, "model_cycles": 0, "rtl_cycles": 0})
            row["points"] += 1
            row["model_cycles"] += cycles
            row["rtl_cycles"] += measured["cycles"]
            row["error_frac"] = row["model_cycles"] / row["rtl_cycles"] - 1
            error = cycles / measured["cycles"] - 1
            row["worst_error_frac"] = max(row.get("worst_error_frac", 0.0), error, key=abs)
    return ResultTable.from_rows(_in_order(rows.values()))


def ledger_table(played: Sequence[Played]) -> ResultTable:
    """Compare why units of hardware waited: a row per unit, simulator, kernel, engine and cause.

    ``model_cycles`` and ``rtl_cycles`` of all points, ``error_frac``, their difference in parts of the cycles of the
    hardware, and the largest such difference of a point, ``worst_error_frac``.

    Parameters
    ----------
    played
        What was played; points without ``counters`` are left out.
    """
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    totals: dict[tuple[str, ...], int] = {}
    for one, point, measured in _runs(played):
        model, rtl = point.expected.get("counters", {}), measured.get("counters", {})
        kernel, cycles = _keys(one, point), measured["cycles"]
        totals[tuple(kernel.values())] = totals.get(tuple(kernel.values()), 0) + cycles
        for name in dict.fromkeys((*model, *rtl)):
            engine, _, cause = name.rpartition("_")
            keys = {**kernel, "engine": engine, "cause": cause}
            new = {**keys, "model_cycles": 0, "rtl_cycles": 0, "error_frac": 0.0, "worst_error_frac": 0.0}
            row = rows.setdefault(tuple(keys.values()), new)
            row["model_cycles"] += model.get(name, 0)
            row["rtl_cycles"] += rtl.get(name, 0)
            error = (model.get(name, 0) - rtl.get(name, 0)) / cycles
            row["worst_error_frac"] = max(row["worst_error_frac"], error, key=abs)
    for key, row in rows.items():
        row["error_frac"] = (row["model_cycles"] - row["rtl_cycles"]) / totals[key[:3]]
    return ResultTable.from_rows(_in_order(row for row in rows.values() if row["model_cycles"] or row["rtl_cycles"]))


def by_cause(ledger: ResultTable) -> ResultTable:
    """Add up the engines of a ledger; the largest difference is that of one engine at one point."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in ledger.rows():
        keys = {name: row[name] for name in ("unit", "simulator", "kernel", "cause")}
        total = rows.setdefault(
            tuple(keys.values()), {**keys, "model_cycles": 0, "rtl_cycles": 0, "worst_error_frac": 0.0}
        )
        total["model_cycles"] += row["model_cycles"]
        total["rtl_cycles"] += row["rtl_cycles"]
        total["worst_error_frac"] = max(total["worst_error_frac"], row["worst_error_frac"], key=abs)
    return ResultTable.from_rows(list(rows.values()))


def _in_order(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort rows by unit, simulator and kernel; those of a kernel stay in the order in which they were found."""
    return sorted(rows, key=lambda row: (row["unit"], row["simulator"], row["kernel"]))


def _keys(one: Played, point: Point) -> dict[str, str]:
    return {"unit": one.plan.unit.name, "simulator": one.plan.simulator.name, "kernel": point.expected["kernel"]}


def speed_table(played: Sequence[Played]) -> ResultTable:
    """Compare how fast simulator and model are: a row per unit, simulator, kernel and mode, on its largest point.

    Of units whose ``law.py`` has ``runs(parameters, stimulus)``: mode → a function without arguments that runs the
    model on a point. It is compiled by a first run and then timed in this process; the simulator is timed from the
    start of the point to its end. Both in processor time, which other programs do not lengthen.

    The largest point of a kernel is that with most cycles. ``build``, ``point``, ``rtl_cycles``,
    ``simulator_cycles_per_s``, ``model_cycles_per_s``, and ``ratio``: how many times as fast the model is.

    Parameters
    ----------
    played
        What was played.
    """
    largest: dict[tuple[str, ...], tuple[Played, Point, Mapping[str, Any]]] = {}
    for one, point, measured in _runs(played):
        key = tuple(_keys(one, point).values())
        if key not in largest or measured["cycles"] > largest[key][2]["cycles"]:
            largest[key] = (one, point, measured)
    rows = []
    for one, point, measured in largest.values():
        law = load_law(one.plan.unit.folder)
        for mode, run in law.runs(point.parameters, point.stimulus).items() if hasattr(law, "runs") else ():
            keys = {**_keys(one, point), "mode": mode, "build": point.build}
            seconds = _warm_seconds(run)
            rows.append({
                **keys, "point": point.index, "rtl_cycles": measured["cycles"],
                "simulator_cycles_per_s": measured["cycles"] / measured["seconds"],
                "model_cycles_per_s": measured["cycles"] / seconds,
                "ratio": measured["seconds"] / seconds,
            })  # fmt: skip
    return ResultTable.from_rows(_in_order(rows))


def mode_runs(table: CommandTable, grid: Grid, queue_depth: int, cycles_before: int) -> dict[str, Callable[[], int]]:
    """Give what runs a program in each mode of model `cycle`, as ``runs`` in ``law.py`` does: mode → its cycles.

    Parameters
    ----------
    table, grid, queue_depth
        As for `archmodel.lowering.run.run_table`.
    cycles_before
        Of the hardware before the first of the program.
    """

    def run(mode: Mode) -> int:
        return cycles_before + run_table(table, grid, mode, queue_depth).cycles

    return {"grid": partial(run, "grid"), "representative": partial(run, "representative")}


def _warm_seconds(run: Callable[[], object]) -> float:
    """Processor seconds of one run, when all is compiled and in caches: the mean over as many as fit a short time."""
    run()
    n, began = 0, time.process_time()
    while n == 0 or time.process_time() - began < _MEASURED_S:
        run()
        n += 1
    return (time.process_time() - began) / n
