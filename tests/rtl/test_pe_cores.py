"""What auto-increment and a second context do to small products is the same in hardware and in the cycle model."""

from __future__ import annotations

import pytest

from archmodel.verify.bench import draw_points, simulate
from archmodel.verify.contract import find_unit
from archmodel.verify.core_effect import CORES, core_effects, effect_points, hardware_utilisation

POINTS_OF_UTILISATION = 0.05
SMALL = 0.015  # effects that are smaller may have either sign, or be none in the model, which knows whole cycles only


@pytest.fixture(scope="module")
def rows():
    return list(core_effects().rows())


@pytest.mark.parametrize("core", CORES)
def test_hardware_is_as_busy_as_the_table_says(core, rows, need, tmp_path):
    points = effect_points(core)
    simulation = simulate(find_unit("pe"), core.replace(" ", "-"), need("icarus"), points, tmp_path)
    assert simulation.faults == []
    measured = [hardware_utilisation(row) for row in simulation.points]
    assert measured == [row["hardware_frac"] for row in rows if row["core"] == core]


@pytest.mark.parametrize("core", [core for core in CORES if core != "plain"])
def test_effects_have_the_same_sign_and_size(core, rows):
    plain = [row for row in rows if row["core"] == "plain"]
    other = [row for row in rows if row["core"] == core]
    for before, after in zip(plain, other, strict=True):
        in_hardware, in_model = (after[name] - before[name] for name in ("hardware_frac", "model_frac"))
        assert abs(in_hardware - in_model) <= POINTS_OF_UTILISATION
        assert in_hardware * in_model > 0 or max(abs(in_hardware), abs(in_model)) < SMALL


def test_auto_increment_helps_and_a_second_context_does_not(rows):
    busy = {(row["product"], row["stationary"], row["core"]): row["hardware_frac"] for row in rows}
    for product, stationary, core in busy:
        own = busy[product, stationary, core]
        if core in ("two contexts", "both"):
            alone = busy[product, stationary, "plain" if core == "two contexts" else "auto-increment"]
            assert own < alone
        elif core == "auto-increment":
            assert own > busy[product, stationary, "plain"]


def error_of(point):
    """How far the program is off that gives all commands one time to issue."""
    return point.expected["models"]["grid"] / point.expected["cycles"] - 1


def test_one_time_to_issue_is_within_a_hundredth_for_each_kernel():
    unit = find_unit("pe")
    points = [point for build in unit.contract.builds for point in draw_points(unit, build, 25)]
    for kernel in {point.expected["kernel"] for point in points}:
        own = [point for point in points if point.expected["kernel"] == kernel]
        model, hardware = (sum(totals) for totals in zip(*[_totals(point) for point in own], strict=True))
        assert model == pytest.approx(hardware, rel=0.005)
        assert max(abs(error_of(point)) for point in own) <= 0.02


def _totals(point):
    return point.expected["models"]["grid"], point.expected["cycles"]


def test_one_time_to_issue_is_worse_where_the_core_is_the_limit():
    errors = [abs(error_of(point)) for core in CORES for point in effect_points(core)]
    assert 0.02 < max(errors) <= 0.08
    assert sorted(errors)[-2] <= 0.045
    assert all(
        point.expected["models"]["representative"] == point.expected["models"]["grid"]
        for point in effect_points("plain")
    )
