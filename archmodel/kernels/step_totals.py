"""Totals of a step on many machines, from the cycles of its operators."""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel


@kernel
def add_operators(
    classes: Any, executions: Any, place: Any, cycles: Any, work: Any, binder: Any, clock_hz: Any, launch_s: Any,
    out_bound_s: Any, out_upper_s: Any, out_launch_s: Any,
) -> None:  # fmt: skip
    """Add operators up, in their order, on every machine.

    Model
    -----
    An operator takes ``cycles / clock · executions + launch``. All but the launch counts for the station that works
    for longest; of stations that are so for equally long, for the first.

    Parameters
    ----------
    classes : ndarray (N,) int64
        Of each operator, its row in ``place``.
    executions : ndarray (N,) float64
        Of each, in the step.
    place : ndarray (K, M) int64
        Of each class of equal operators on each machine, its row in ``cycles``; −1 where it cannot run.
    cycles : ndarray (U, 2) int64
        Cycles of one execution, and those if nothing overlapped.
    work : ndarray (U, 15) int64
        Cycles at work of each station.
    binder : ndarray (15,) int64
        Of each station, its column in ``out_bound_s``.
    clock_hz, launch_s : ndarray (M,)
        Of each machine [Hz, s].
    out_bound_s : ndarray (M, B)
        Time during which each resource is busiest [s]; NaN where an operator cannot run.
    out_upper_s, out_launch_s : ndarray (M,)
        Sum of the operators with nothing overlapped, launches included, and of the launches [s].

    Sources
    -------
    Follows from the definitions; ``docs/methods/timing.md``.
    """
    n_stations = work.shape[1]
    for m in range(clock_hz.size):
        out_bound_s[m] = 0.0
        upper_s, sum_launch_s = 0.0, 0.0
        for o in range(classes.size):
            count, u = executions[o], place[classes[o], m]
            if u < 0:
                out_bound_s[m] = float("nan")
                break
            once_s = launch_s[m] * count
            longest_s, busiest = -1.0, 0
            for station in range(n_stations):
                work_s = work[u, station] / clock_hz[m] * count
                if work_s > longest_s:
                    longest_s, busiest = work_s, station
            latency_s = cycles[u, 0] / clock_hz[m] * count + once_s
            out_bound_s[m, binder[busiest]] += latency_s - once_s
            upper_s += cycles[u, 1] / clock_hz[m] * count + once_s
            sum_launch_s += once_s
        out_upper_s[m], out_launch_s[m] = upper_s, sum_launch_s
