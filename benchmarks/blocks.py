"""How long hardware blocks take to build and to simulate, against the laws that predict them.

``python benchmarks/blocks.py`` writes ``docs/methods/rtl-speed.md``; with names of blocks, their rows of it. Builds
start from an empty cache, except for Verilator's runtime, which is compiled first.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

from archmodel.verify.bench import Point, Simulation, count_points, draw_points, load_law, simulate
from archmodel.verify.contract import Unit, describe_point, find_unit, unit_names
from archmodel.verify.run import choose_simulators

PAGE = Path(__file__).parent.parent / "docs" / "methods" / "rtl-speed.md"
LEAST_S = 0.2  # for which a law is timed
HEADINGS = ("unit", "parameters", "simulator", "build [s]", "simulated [cycles/s]", "law [points/s]", "law against RTL")


def measure_law(unit: Unit, points: list[Point]) -> float:
    """Processor seconds in which the law answers all points, compiled already: the mean of several times."""
    law = load_law(unit.folder)
    n, started = 0, time.process_time()
    while time.process_time() - started < LEAST_S:
        for point in points:
            law.expect(point.parameters, point.stimulus)
        n += 1
    return (time.process_time() - started) / n


def row(unit: Unit, points: list[Point], simulation: Simulation, law_seconds: float) -> list[str]:
    rate = simulation.simulated_cycles / simulation.seconds
    return [
        unit.name, describe_point(points[0].parameters), simulation.simulator, f"{simulation.build_seconds:.1f}",
        f"{rate:,.0f}", f"{len(points) / law_seconds:,.0f}", f"{simulation.seconds / law_seconds:,.3g} x",
    ]  # fmt: skip


def main(names: list[str]) -> None:
    rows, drawn = [], dict[tuple[str, str], list[Point]]()
    simulators, units = choose_simulators([]), [find_unit(name) for name in names or unit_names()]
    for simulator, unit in product(simulators, units):  # what is wrong with a law is told before anything is built
        build = unit.builds_of(simulator.name)[-1]
        drawn[simulator.name, unit.name] = draw_points(unit, build, count_points(unit, simulator.name)[build])
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as folder:
        os.environ["ARCHMODEL_RTL_CACHE"] = cache
        for simulator in simulators:
            warm = find_unit("layout_unit")
            simulate(warm, "small", simulator, draw_points(warm, "small", 1), Path(folder))
            for unit in units:
                points = drawn[simulator.name, unit.name]
                simulation = simulate(unit, points[0].build, simulator, points, Path(folder))
                rows.append(row(unit, points, simulation, measure_law(unit, points)))
                print(*rows[-1], sep="  ", flush=True)
    others = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines()[2:]]
    rows += [cells for cells in others if names and cells[0] not in names]
    lines = [HEADINGS, ["---"] * len(HEADINGS), *sorted(rows)]
    PAGE.write_text("".join(f"| {' | '.join(cells)} |\n" for cells in lines), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
