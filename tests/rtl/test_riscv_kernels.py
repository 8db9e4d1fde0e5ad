"""The core runs real machine code: every kernel, on every build that can, exactly as the law says."""

from __future__ import annotations

import pytest

from archmodel.verify.bench import Point, load_law, simulate
from archmodel.verify.contract import find_unit
from archmodel.verify.images import read_image

UNIT = find_unit("riscv_core")
GAPS = ([0], [0, 9, 2, 0, 30])


def points_of(build):
    law, parameters = load_law(UNIT.folder), UNIT.contract.builds[build]
    for index, name in enumerate(law.kernels_of(parameters)):
        for gap in GAPS:
            stimulus = law.stimulus_of(read_image(law.KERNELS, name), parameters, gap)
            yield Point(UNIT.name, build, index, [index], parameters, stimulus, law.expect(parameters, stimulus))


@pytest.mark.parametrize("build", UNIT.contract.builds)
def test_kernels_take_as_long_as_the_law_says(build, need, tmp_path):
    points = list(points_of(build))
    simulation = simulate(UNIT, build, need("verilator"), points, tmp_path)
    assert simulation.faults == []
    assert simulation.rtl_cycles == [point.expected["cycles"] for point in points]
    assert len(points) >= 2 * 8


def test_at_least_twenty_loops_are_played():
    law = load_law(UNIT.folder)
    assert len({name for build in UNIT.contract.builds.values() for name in law.kernels_of(build)}) >= 20
