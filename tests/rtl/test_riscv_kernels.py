"""The core runs real machine code: every kernel, on every build that can, exactly as the law says."""

from __future__ import annotations

import pytest

from archmodel.verify.bench import Point, load_law, simulate
from archmodel.verify.contract import find_unit
from archmodel.verify.images import read_image
from archmodel.verify.issue_rate import CORES, contexts_of, core_parameters, issue_rates

UNIT = find_unit("riscv_core")
GAPS = ([0], [0, 9, 2, 0, 30])


def points_of(build, parameters, names, gaps=GAPS):
    law = load_law(UNIT.folder)
    for index, name in enumerate(names):
        for gap in gaps:
            stimulus = law.stimulus_of(read_image(law.KERNELS, name), parameters, gap)
            yield Point(UNIT.name, build, index, [index], parameters, stimulus, law.expect(parameters, stimulus))


@pytest.mark.parametrize("build", UNIT.contract.builds)
def test_kernels_take_as_long_as_the_law_says(build, need, tmp_path):
    parameters = UNIT.contract.builds[build]
    points = list(points_of(build, parameters, load_law(UNIT.folder).kernels_of(parameters)))
    simulation = simulate(UNIT, build, need("verilator"), points, tmp_path)
    assert simulation.faults == []
    assert simulation.rtl_cycles == [point.expected["cycles"] for point in points]
    assert len(points) >= 2 * 8


@pytest.fixture(scope="module")
def rates():
    return list(issue_rates().rows())


@pytest.mark.parametrize("n_contexts", [1, 2])
@pytest.mark.parametrize("core", CORES)
def test_issue_rates_are_those_of_hardware(core, n_contexts, rates, need, tmp_path):
    rows = [row for row in rates if contexts_of(row["kernel"]) == n_contexts]
    parameters = core_parameters(core, n_contexts)
    points = list(points_of(core, parameters, [row["kernel"] for row in rows], gaps=[[0]]))
    simulation = simulate(UNIT, core, need("icarus"), points, tmp_path)
    assert simulation.faults == []
    last_pushes = [max(point["events"]["push0"] + point["events"]["push1"]) for point in simulation.points]
    assert [row[core] for row in rows] == [
        (last + 1) / row["commands"] for last, row in zip(last_pushes, rows, strict=True)
    ]


def test_at_least_twenty_loops_are_played(rates):
    assert sum(row["commands"] > 1 for row in rates) >= 20  # but for a program that only computes
