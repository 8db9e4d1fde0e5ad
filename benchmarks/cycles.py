"""The models that count cycles: commands and points per second, seconds per matmul, growth with size."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

import numpy as np
from timing import Figure

import archmodel as am
from archmodel.kernels.closed_form import N_STATIONS
from archmodel.kernels.matmul_batch import time_matmuls
from archmodel.lowering.operators.matmul import lower_shape, pack_points
from archmodel.lowering.phases import find_site, lower_phases
from archmodel.mapping import place
from archmodel.mapping.matmul import find_mapping, list_mappings
from archmodel.workload.single import operators_trace

IN_SRAM = {"a": "sram", "b": "sram", "c": "sram"}
N_POINTS = 100_000


def cube(edge: int) -> dict[str, int]:
    return {"m": edge, "n": edge, "k": edge}


def best_s(call: Callable[[], object], n_rounds: int = 9) -> float:
    """Least CPU time of some calls, the first left out [s]."""
    call()
    times = []
    for _ in range(n_rounds):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def measure_grid() -> float:
    """Commands per second of the event engine on 64 PEs that share requests."""
    machine = am.machine("mtia_2i")
    trace = operators_trace("matmul", [cube(8192)], "fp16", {"a": "sram"})
    (phase,) = lower_phases(trace, 0, machine, place(trace, machine))
    return phase.run("grid").n_commands / best_s(lambda: phase.run("grid"), 5)


def measure_operator(size: int, edge: int) -> float:
    """Seconds to count one matmul on a systolic array, from the question to the row; its memory of answers is warm."""
    machine = am.machine("systolic_ws", {"array.size": str(size)})
    return best_s(lambda: am.evaluate_operator(machine, "matmul", dtype="fp16", model="cycle", **cube(edge)))


def measure_points() -> tuple[float, float]:
    """Points per second of the closed form with mappings given, and seconds to search for one mapping."""
    machine, sizes = am.machine("mtia_2i"), (256, 512, 1024, 2048, 4096)
    trace = operators_trace("matmul", [cube(size) for size in sizes], "fp16", {})
    placement = place(trace, machine)
    points = []
    for idx in range(len(trace.operators)):
        site = find_site(trace, idx, machine, placement)
        shape, timing = lower_shape(site), site.timing
        points.append((shape, timing, find_mapping(shape, timing, machine.pe.n_pes).mapping))
    packed = pack_points(points * (N_POINTS // len(points)))
    cycles, work = np.empty((N_POINTS, 2), np.int64), np.empty((N_POINTS, N_STATIONS), np.int64)
    shape, timing, _ = points[-1]
    search_s = best_s(lambda: list_mappings(shape, timing, machine.pe.n_pes))
    return N_POINTS / best_s(lambda: time_matmuls(*packed, cycles, work)), search_s


def measure_growth(edges: tuple[int, int] = (2048, 16384)) -> tuple[float, float, float]:
    """Eight times the edge: how much more time `representative` and `grid` take per command, and memory in MB."""
    machine, taken, per_command = am.machine("mtia_2i"), [], []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for edge in edges:
        trace = operators_trace("matmul", [cube(edge)], "fp16", {})
        (phase,) = lower_phases(trace, 0, machine, place(trace, machine))
        taken.append(best_s(lambda phase=phase: phase.run("representative"), 5))
        per_command.append(best_s(lambda phase=phase: phase.run("grid"), 1) / phase.run("grid").n_commands)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return taken[1] / taken[0], per_command[1] / per_command[0], (after - before) / 1024


def measure_steps() -> list[Figure]:
    """Seconds to count whole steps on MTIA 2i, kernels compiled and mappings chosen."""
    machine = am.machine("mtia_2i")
    steps = {
        "llama_8b": ([("llm/llama3.1-8b", "prefill"), ("llm/llama3.1-8b", "decode")], 1.0),
        "dlrm_dcnv2": ([("recommendation/dlrm_dcnv2", "inference")], 1.0),
        "sdxl": ([("diffusion/sdxl", "denoise")], 2.0),
        "resnet_50": ([("baseline/resnet-50", "inference")], 0.2),
    }
    figures = []
    for name, (questions, at_most) in steps.items():
        traces = [am.workload(workload, phase=phase) for workload, phase in questions]
        took_s = best_s(lambda traces=traces: [am.evaluate(machine, trace, model="cycle") for trace in traces], 5)
        figures.append(Figure(f"cycle_{name}_s", took_s, "s/step", at_most=at_most))
    return figures


def measure() -> list[Figure]:
    points_per_s, search_s = measure_points()
    growth, grid_growth, grown_mb = measure_growth()
    return [
        Figure("cycle_grid_commands_per_s", measure_grid(), "commands/s", at_least=2e7),
        Figure("cycle_2048_128x128_s", measure_operator(128, 2048), "s", at_most=0.020),
        Figure("cycle_512_32x32_s", measure_operator(32, 512), "s", at_most=0.004),
        Figure("analytic_points_per_s", points_per_s, "mapped points/s", at_least=1e6),
        Figure("mapping_search_s", search_s, "s/matmul"),
        Figure("cycle_growth", growth, "x time for 512 x work", at_most=512),
        Figure("cycle_grid_growth", grid_growth, "x time per command", at_most=1.1),
        Figure("cycle_grown_memory", grown_mb, "MB for 512 x work", at_most=16),
        *measure_steps(),
    ]
