"""In which order workers take tests: together what shares something costly, first what takes longest."""

from __future__ import annotations

import re

from xdist.scheduler import LoadScopeScheduling

from archmodel.verify.contract import unit_names

_BLOCKS = tuple(unit_names())
# Groups of tests that take longest, before those that take seconds: whoever began one last would be busy alone.
LONGEST = (
    "tests/docs/test_docs.py",
    "grid",
    "tests/rtl/test_command.py",
    "tests/rtl/test_pe_cores.py",
    "pe",
    *_BLOCKS,
    "tests/rtl/test_estimates.py",
    "tests/rtl/test_kernels_on_hardware.py",
    "tests/unit/test_matmul_programs.py",
    "tests/browser/test_browser_report.py",
    "tests/unit/test_sweep_runs.py",
    "tests/property/test_cycle_property.py",
    "tests/unit/test_sweep_cluster.py",
    "tests/cli/test_sweep_command.py",
    "tests/cli/test_wheel.py",
)
_NAME_OF_BLOCK = re.compile(r"tests/rtl/.*\[(?:verilator-|icarus-)?(\w+)[-\]]")


class LongestFirst(LoadScopeScheduling):
    """Hands out module after module; tests of a hardware block are a group of their own, whose simulations run once."""

    def _split_scope(self, nodeid: str) -> str:
        named = _NAME_OF_BLOCK.match(nodeid)
        return named[1] if named and named[1] in _BLOCKS else super()._split_scope(nodeid)

    def _assign_work_unit(self, node) -> None:
        first = next((group for group in LONGEST if group in self.workqueue), None)
        if first:
            self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)
