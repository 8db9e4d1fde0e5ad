"""How close the three counts of cycles are on random matmuls: prints the table in ``docs/methods/timing.md``.

Forty shapes per machine, the same in every run: edges log-uniform from 16 to 4096, each operand on chip or in DRAM with
equal chance, at the mapper's choice.
"""

from __future__ import annotations

import math
import random
from statistics import mean

import archmodel as am

MACHINES = {
    "mtia_2i": "fp16", "mtia_300": "bf16", "mtia_v1": "fp16", "rivos_like": "bf16", "tt_blackhole_p150": "bf16",
}  # fmt: skip
N_SHAPES, LOW, HIGH = 40, math.log(16), math.log(4096)


def count(machine: am.Machine, dtype: str, source: random.Random, /) -> tuple[float, float]:
    """Relative differences of `representative` and of the closed form from `grid`, on one random shape."""
    dims = {dim: round(math.exp(source.uniform(LOW, HIGH))) for dim in "mnk"}
    place = {operand: "sram" for operand in "ab" if source.random() < 0.5}
    follow, closed, every = (
        am.evaluate_operator(machine, "matmul", model=model, mode=mode, dtype=dtype, place=place, **dims)["cycles"]
        for model, mode in (("cycle", "representative"), ("analytic", None), ("cycle", "grid"))
    )
    return abs(follow / every - 1), abs(closed / every - 1)


def main() -> None:
    for name, dtype in MACHINES.items():
        source, machine = random.Random(7), am.machine(name)
        pairs = [count(machine, dtype, source) for _ in range(N_SHAPES)]
        follow, closed = zip(*pairs, strict=True)
        n_close = sum(error <= 0.02 for error in follow)
        print(
            f"| `{name}` | {100 * mean(follow):.1f} %, {100 * max(follow):.0f} %, {n_close} of {N_SHAPES} "
            f"| {100 * mean(closed):.1f} %, {100 * max(closed):.0f} % |"
        )


if __name__ == "__main__":
    main()
