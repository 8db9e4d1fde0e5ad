"""Run every benchmark, print a table and write ``results/bench.json``. Started by ``make bench``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from timing import Figure

OUTPUT = Path(__file__).parent.parent / "results" / "bench.json"
FIELDS = ("name", "value", "unit", "ratio", "against")


def main() -> None:
    # One thread per implementation. The libraries under NumPy read this when they are first imported: not before here.
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    import batches
    import cycles
    import executors
    import memory
    import pages
    import plots
    import roofline
    import search
    import startup

    benchmarks = (roofline, batches, cycles, memory, search, executors, plots, pages, startup)
    figures = [figure for benchmark in benchmarks for figure in benchmark.measure()]
    print("medians; ratios are of times taken side by side")
    for figure in figures:
        ratio = f"{figure.ratio:.2f} x {figure.against}" if figure.ratio is not None else ""
        print(f"{figure.name:30}{figure.value:>10.3g} {figure.unit:24}{ratio:20}{figure.target}")
    write(figures, OUTPUT)
    print(f"wrote {OUTPUT}")


def write(figures: list[Figure], path: Path) -> None:
    """Write JSON in one step: a reader sees the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps([{name: getattr(figure, name) for name in FIELDS} for figure in figures], indent=2))
    part.replace(path)


if __name__ == "__main__":
    main()
