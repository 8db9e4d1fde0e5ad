"""Every hardware block against its timing law: cycles, events, words, on each simulator; and is that enough?"""

from __future__ import annotations

import pytest

from archmodel.verify.contract import find_unit, unit_names
from archmodel.verify.coverage import covered_frac, name_missed, read_hits
from archmodel.verify.lint import lint
from archmodel.verify.mutation import read_faults
from archmodel.verify.run import coverage_faults, point_rows

pytestmark = pytest.mark.timeout(900)  # whoever comes first builds a grid, and plays on it


@pytest.mark.judges("simulation")
def test_rtl_equals_model(results):
    ((plan, points, simulation),) = results
    assert simulation.faults == [], f"log and waves: {simulation.folder}"
    assert len(simulation.points) == plan.n_points == len(points)
    for row in point_rows(plan, points, simulation):
        assert abs(row["error_frac"]) <= plan.unit.contract.tolerances_of(row.get("kernel")).cycles_tolerance_frac


@pytest.mark.judges("unit")
def test_simulators_agree(results):
    found: dict[tuple[str, int], dict[str, tuple[int, int, dict, dict]]] = {}
    for plan, _, simulation in results:
        for row in simulation.points:
            said = (row["cycles"], row["checksum"], row["events"], row["counters"])
            found.setdefault((plan.build, row["index"]), {})[plan.simulator.name] = said
    both = {point: said for point, said in found.items() if len(said) == 2}
    if len({plan.simulator.name for plan, *_ in results}) < 2:
        pytest.skip("needs both simulators")
    assert len(both) >= min(50, sum(plan.n_points for plan, *_ in results if plan.simulator.name == "icarus"))
    assert {point: said for point, said in both.items() if said["verilator"] != said["icarus"]} == {}


@pytest.mark.judges("simulator")
def test_functional_coverage(results):
    assert coverage_faults(results[0][0].unit, [simulation for _, _, simulation in results]) == []


@pytest.mark.judges("verilator")
def test_code_coverage(results):
    unit = results[0][0].unit
    reports = [simulation.folder / "coverage.dat" for _, _, simulation in results]
    hits = read_hits(reports, unit.rtl_sources)
    assert len(hits) > 5 or unit.name == "mesh"  # it only connects routers, which are covered on their own
    assert {place.partition(":")[0] for place, *_ in hits} <= {path.name for path in unit.own_sources}
    assert covered_frac(hits) >= 0.95, name_missed(hits)


@pytest.mark.parametrize("name", unit_names())
def test_lint(name, need):
    assert lint(find_unit(name), need("verilator")) == ""


@pytest.mark.parametrize("name", unit_names())
def test_contract_asks_for_enough(name):
    unit = find_unit(name)
    is_whole = bool(unit.contract.cycles_tolerance_frac)  # many blocks, in long runs
    assert unit.contract.points["verilator"] >= (40 if is_whole else 200)
    assert unit.contract.points["icarus"] >= (8 if is_whole else 50)
    assert len(unit.contract.coverage) >= 5
    faults = read_faults(unit)
    assert len(faults.rtl) >= 3
    assert len(faults.law) >= 3
