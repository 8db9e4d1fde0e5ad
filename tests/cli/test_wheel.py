"""The built wheel works from an empty folder: presets, workloads, blocks and style are in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import archmodel as am
assert am.__file__.startswith({target!r}), am.__file__
result = am.evaluate(am.machine("mtia_2i"), am.workload("llm/llama3.1-8b", phase="decode"))
am.plot_roofline(am.machine("mtia_2i"), result, "roofline.svg")
print(result.bound, len(am.machines()), len(am.workloads()))
from archmodel.verify.contract import find_unit, stub_folder, unit_names
from archmodel.verify.new_unit import make_unit
assert str(stub_folder()).startswith({target!r}), stub_folder()
assert len([find_unit(name) for name in unit_names()]) > 1
assert len(make_unit("own")) > 5
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index"]
    subprocess.run([*pip, "wheel", "--no-build-isolation", *offline, "-w", str(folder), str(ROOT)], check=True)
    wheel = next(folder.glob("archmodel-*.whl"))
    subprocess.run([*pip, "install", *offline, "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


def test_it_answers_from_an_empty_folder(installed, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(target=str(installed))],
        cwd=tmp_path,
        env={
            "PATH": "",
            "PYTHONPATH": str(installed),
            "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    presets = len(list((ROOT / "archmodel" / "machine" / "presets").glob("*.yaml")))
    assert done.stdout.split() == ["dram", str(presets), str(len(list((ROOT / "workloads").glob("*/*.yaml"))))]
    assert (tmp_path / "roofline.svg").exists()
