"""Groups of tests that workers take first are there, and tests of a hardware block stay together."""

from __future__ import annotations

from pathlib import Path

import pytest

from archmodel.verify.contract import unit_names

ROOT = Path(__file__).parents[2]


@pytest.fixture
def work_order():
    return pytest.importorskip("work_order", reason="no xdist", exc_type=ImportError)


class Asked:
    def __init__(self, dist):
        self.getoption = {"dist": dist}.__getitem__
        self.getvalue = {"tx": ["popen"]}.__getitem__


@pytest.mark.parametrize(("dist", "name"), [("load", "LongestFirst"), ("worksteal", "NoneType")])
def test_a_scheduler_that_was_asked_for_is_used(work_order, pytestconfig, dist, name):
    chosen = pytestconfig.hook.pytest_xdist_make_scheduler(config=Asked(dist), log=None)
    assert type(chosen).__name__ == name


def test_groups_that_are_taken_first_are_there(work_order):
    groups = [name for name in work_order.LONGEST if name not in unit_names()]
    assert [name for name in groups if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize(("test", "group"), [
    ("tests/rtl/test_blocks.py::test_rtl_equals_model[verilator-dpe-small]", "dpe"),
    ("tests/rtl/test_blocks.py::test_functional_coverage[icarus-pe]", "pe"),
    ("tests/rtl/test_seeded_faults.py::test_a_fault_is_found[grid-lost-word]", "grid"),
    ("tests/rtl/test_pe_cores.py::test_hardware[in-order-core]", "tests/rtl/test_pe_cores.py"),
    ("tests/unit/test_results.py::test_pe[pe]", "tests/unit/test_results.py"),
])  # fmt: skip
def test_tests_of_a_block_are_one_group(work_order, test, group):
    order = object.__new__(work_order.LongestFirst)
    assert order._split_scope(test) == group
