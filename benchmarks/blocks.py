"""How long hardware blocks take to build and to simulate, against the laws that predict them.

``python benchmarks/blocks.py`` writes ``docs/methods/rtl-speed.md``. Builds start from an empty cache,
except for Verilator's runtime, which is compiled first.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from archmodel.verify.bench import Point, Simulation, count_points, draw_points, load_law, simulate
from archmodel.verify.contract import Unit, describe_point, find_unit, unit_names
from archmodel.verify.run import choose_simulators

PAGE = Path(__file__).parent.parent / "docs" / "methods" / "rtl-speed.md"
HEADINGS = ("unit", "parameters", "simulator", "build [s]", "simulated [cycles/s]", "law [points/s]", "law against RTL")


def measure_law(unit: Unit, points: list[Point]) -> float:
    """Seconds in which the law answers all points, compiled already."""
    law = load_law(unit.folder)
    started = time.perf_counter()
    for point in points:
        law.expect(point.parameters, point.stimulus)
    return time.perf_counter() - started


def row(unit: Unit, points: list[Point], simulation: Simulation, law_seconds: float) -> list[str]:
    rate = simulation.simulated_cycles / simulation.seconds
    return [
        unit.name, describe_point(points[0].parameters), simulation.simulator, f"{simulation.build_seconds:.1f}",
        f"{rate:,.0f}", f"{len(points) / law_seconds:,.0f}", f"{simulation.seconds / law_seconds:,.3g} x",
    ]  # fmt: skip


def main(names: list[str]) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as folder:
        os.environ["ARCHMODEL_RTL_CACHE"] = cache
        for simulator in choose_simulators([]):
            warm = find_unit("layout_unit")
            simulate(warm, "small", simulator, draw_points(warm, "small", 1), Path(folder))
            for unit in map(find_unit, names or unit_names()):
                build = unit.builds_of(simulator.name)[-1]
                points = draw_points(unit, build, count_points(unit, simulator.name)[build])
                simulation = simulate(unit, build, simulator, points, Path(folder))
                rows.append(row(unit, points, simulation, measure_law(unit, points)))
                print(*rows[-1], sep="  ", flush=True)
    if names:
        return  # the page is of all blocks
    lines = [HEADINGS, ["---"] * len(HEADINGS), *sorted(rows)]
    PAGE.write_text("".join(f"| {' | '.join(cells)} |\n" for cells in lines), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
