"""What may be imported where: kernels stand alone, and what costs seconds waits until it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import archmodel
from archmodel.verify.contract import stub_folder

KERNELS = sorted((Path(archmodel.__file__).parent / "kernels").glob("*.py"))
SLOW = ("numba", "matplotlib", "pydantic", "duckdb", "scipy", "optuna", "pymoo", "joblib", "distributed", "dask")


def imported(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add("." * node.level + (node.module or ""))
    return modules


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.name)
def test_kernels_import_numba_and_numpy_and_each_other(path):
    ours = {module for module in imported(path) if module.startswith("archmodel.kernels.")}
    others = {module.partition(".")[0] for module in imported(path) - ours}
    assert others <= {"numba", "numpy", *sys.stdlib_module_names}


@pytest.mark.parametrize(
    "code",
    [
        "import archmodel",
        "from archmodel.cli import main; main(['--help'])",
        "import archmodel as am; am.machines(), am.workloads()",
    ],
)
def test_slow_packages_are_not_imported(code):
    script = f"import sys\n{code}\nprint('imported:', *(name for name in {SLOW!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported:"


STUBS = sorted(stub_folder().glob("*/*.py"))


@pytest.mark.parametrize("path", STUBS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_simulators_and_laws_stay_apart(path):
    packages = {module.partition(".")[0] for module in imported(path)}
    if path.name == "law.py":
        assert not packages & {"cocotb", "tb_common"}
    else:
        assert path.name.startswith("tb_")
        assert not packages & {"numba", "archmodel"}


def test_nothing_else_imports_cocotb():
    package = Path(archmodel.__file__).parent
    assert [path for path in package.rglob("*.py") if "cocotb" in imported(path)] == []


def test_the_process_of_a_simulator_does_not_import_numba():
    script = "import sys, archmodel.verify.simulate; print('numba' in sys.modules, 'matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
