"""Shared test set-up."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# All workers, and the commands that they start, find what one of them has compiled; bounds checks are compiled in.
_KIND = "checked" if os.environ.get("NUMBA_BOUNDSCHECK") else "plain"
os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"archmodel-numba-{os.getuid()}" / _KIND)

import pytest  # noqa: E402  (numba reads its cache folder on import)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the golden tables instead of comparing with them")
    rtl = parser.getgroup("hardware blocks (tests/rtl)")
    rtl.addoption("--sim", choices=["verilator", "icarus", "all"], default="all", help="simulator to use")
    rtl.addoption("--seed", type=int, default=1, help="from which stimuli and stalls are drawn")
    rtl.addoption("--waves", action="store_true", help="trace all signals; waves of failures are kept anyway")
    required = os.environ.get("ARCHMODEL_REQUIRE_SIM", "")
    rtl.addoption("--require-sim", default=required, help="fail, not skip, without these simulators: verilator,icarus")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    if config.getoption("dist") != "load":  # which -n alone stands for; --dist asks for another one
        return None
    from work_order import LongestFirst  # which needs xdist

    return LongestFirst(config, log)
