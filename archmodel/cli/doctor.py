"""``archmodel doctor``."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import archmodel as am
from archmodel.cli.options import AsJson
from archmodel.cli.show import print_json, print_table
from archmodel.verify.toolchain import SIMULATORS, find_simulator


def doctor(*, json: AsJson = False) -> int:
    """Say what is installed and whether it works; each failure comes with the command that mends it.

    Parameters
    ----------
    json
        Print JSON: one row per check.
    """
    rows = [_package(name, True) for name in ("numpy", "numba", "pydantic", "PyYAML", "cyclopts", "rich", "matplotlib")]
    rows += [_package("pandas", False)]
    rows += [
        _row("python", True, platform.python_version()),
        _row("cores", True, str(os.cpu_count())),
        _check("machines", lambda: f"{len([am.machine(name) for name in am.machines()])} load"),
        _check("workloads", lambda: f"{len([am.workload(name) for name in am.workloads()])} build"),
        _check("kernels", _run_kernel),
        _cache(),
        _compiler(),
        *(_simulator(name) for name in SIMULATORS),
    ]
    if json:
        print_json(rows)
    else:
        print_table(f"archmodel {version('archmodel')}", rows, {"check": "check", "state": "state", "detail": "detail"})
    return 1 if any(row["state"] == "FAILED" for row in rows) else 0


def _row(check: str, is_good: bool, detail: str, bad: str = "FAILED") -> dict[str, str]:
    return {"check": check, "state": "ok" if is_good else bad, "detail": detail}


def _package(name: str, is_needed: bool) -> dict[str, str]:
    try:
        return _row(name, True, version(name))
    except PackageNotFoundError:
        extra = "archmodel" if is_needed else f"archmodel[{name}]"
        return _row(name, False, f"not installed; run: pip install '{extra}'", "FAILED" if is_needed else "optional")


def _check(check: str, action: Callable[[], str]) -> dict[str, str]:
    try:
        return _row(check, True, action())
    except Exception as error:  # whatever is broken, the other checks still tell
        mend = "; run: make demo in a fresh clone, or pip install --force-reinstall archmodel"
        return _row(check, False, f"{type(error).__name__}: {error}{mend}")


def _run_kernel() -> str:
    row = am.evaluate_operator(am.machine("mtia_2i"), "matmul", m=64, n=64, k=64, dtype="fp16")
    return f"compiled and ran; a 64x64x64 matmul on mtia_2i takes {row['latency_s'] * 1e6:.3g} µs"


def _cache() -> dict[str, str]:
    given = os.environ.get("NUMBA_CACHE_DIR")
    home = importlib.import_module("archmodel.kernels").__file__
    folder = Path(given) if given else Path(str(home)).parent / "__pycache__"
    is_writable = os.access(folder if folder.exists() else folder.parent, os.W_OK)
    hint = str(folder) if is_writable else f"{folder} is read-only; run: export NUMBA_CACHE_DIR=$HOME/.cache/numba"
    return _row("kernel cache", is_writable, hint, "slow start")


def _compiler() -> dict[str, str]:
    found = shutil.which("cc")
    return _row("C compiler", found is not None, found or "only benchmarks need it; run: apt install gcc", "optional")


def _simulator(name: str) -> dict[str, str]:
    found = find_simulator(name)
    return _row(name, found.is_usable, f"{found.detail}{' in ' * bool(found.folder)}{found.folder}", "optional")
