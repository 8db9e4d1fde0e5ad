"""Shared test set-up."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# Processes that compile into one cache can read half-written files (numba issues 4807, 10128): a cache per worker. A
# run without workers uses that of the first one, which compiles nothing at the same time.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0") + os.environ.get("NUMBA_BOUNDSCHECK", "")
os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"archmodel-numba-{os.getuid()}" / _WORKER)

import pytest  # noqa: E402  (numba reads its cache folder on import)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the golden tables instead of comparing with them")
    rtl = parser.getgroup("hardware blocks (tests/rtl)")
    rtl.addoption("--sim", choices=["verilator", "icarus", "all"], default="all", help="simulator to use")
    rtl.addoption("--seed", type=int, default=1, help="from which stimuli and stalls are drawn")
    rtl.addoption("--waves", action="store_true", help="trace all signals; waves of failures are kept anyway")
    required = os.environ.get("ARCHMODEL_REQUIRE_SIM", "")
    rtl.addoption("--require-sim", default=required, help="fail, not skip, without these simulators: verilator,icarus")
