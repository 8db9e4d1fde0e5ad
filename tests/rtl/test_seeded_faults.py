"""Seeded faults: they can be applied, the page has them all, and a sample of them is found (all: make mutation)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import pytest

from archmodel.verify.contract import find_unit, unit_names
from archmodel.verify.mutation import law_file, read_faults, try_faults

pytestmark = pytest.mark.timeout(900)  # whoever comes first builds a grid, and plays on it

PAGE = Path(__file__).parents[2] / "docs" / "methods" / "seeded-faults.md"
KERNELS = Path(str(files("archmodel"))) / "kernels"


@pytest.mark.parametrize("name", unit_names())
def test_every_fault_can_be_applied(name):
    unit = find_unit(name)
    faults = read_faults(unit)
    for fault in faults.rtl:
        assert fault.apply(unit.folder / fault.file) != (unit.folder / fault.file).read_text(encoding="utf-8")
    for fault in faults.law:
        path = law_file(unit, fault, KERNELS)
        assert fault.apply(path) != path.read_text(encoding="utf-8")


def test_the_page_has_all_faults_and_each_was_found():
    page = PAGE.read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| ") and "---" not in line][1:]
    listed = [(row[0].removeprefix("| "), row[1], row[2]) for row in rows]
    every = []
    for name in unit_names():
        faults = read_faults(find_unit(name))
        every += [(name, "rtl", fault.name) for fault in faults.rtl] + [
            (name, "law", fault.name) for fault in faults.law
        ]
    assert listed == every
    assert sum(kind == "rtl" for _, kind, _ in every) >= 25
    assert sum(kind == "law" for _, kind, _ in every) >= 25
    assert "not found" not in page


@pytest.mark.judges("icarus")
def test_the_first_fault_of_each_kind_is_found(results, tmp_path):
    if results[0][0].unit.name == "grid":
        pytest.skip("one takes minutes; blocks of the grid have samples of their own, 'make mutation' tries all")
    sound = {plan.build: (points, simulation) for plan, points, simulation in results}
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(try_faults(results[0][0].unit, sound, pool, tmp_path, n_of_each=1))
    assert [outcome.kind for outcome in outcomes] == ["rtl", "law"]
    assert [outcome.name for outcome in outcomes if not outcome.evidence] == []
