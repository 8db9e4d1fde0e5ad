"""Build one bench and play points on it, in a process of its own: ``python -m archmodel.verify.simulate JOB.json``.

The parent (`archmodel.verify.bench`) has computed what to expect; nothing here, and nothing in the simulator, imports
numba.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

# Loops stay loops, no signal is public but those in bench.vlt: 32 x 32 cells build in seconds, not minutes.
VERILATOR_ARGS = ("--no-public-flat-rw", "--unroll-count", "4", "--coverage-line", "-Wno-fatal")
ICARUS_ARGS = ("-g2012",)
# What every bench includes; compiled once, as it takes longer than what is in a small bench.
_HEADER = "runtime.h"
_HEADER_LINES = """\
#include "verilated.h"
#include "verilated_cov.h"
#include "verilated_vpi.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif
"""


def main() -> int:
    """Build and play the job whose path is the only argument."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.path[:0] = job["python_path"]
    build_dir = Path(job["build_dir"])
    build_dir.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with _alone(build_dir):
        is_cached = (build_dir / "built").exists()
        if not is_cached:
            _build(job, build_dir)
    build_seconds = 0.0 if is_cached else time.perf_counter() - started
    (Path(job["folder"]) / "build.json").write_text(json.dumps({"seconds": build_seconds}), encoding="utf-8")
    _runner(job["simulator"]).test(
        test_module=job["test_module"],
        hdl_toplevel=job["top"],
        hdl_toplevel_lang="verilog",
        build_dir=build_dir,
        test_dir=job["folder"],
        results_xml=str(Path(job["folder"]) / "results.xml"),
        seed=job["seed"],
        waves=job["is_waves"],
        plusargs=[f"+dumpfile_path={job['folder']}/dump.fst"] if job["simulator"] == "icarus" else [],
        extra_env={"ARCHMODEL_RTL_JOB": sys.argv[1]},
    )
    return 0


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process is busy with a folder."""
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _runner(simulator: str) -> Any:
    from cocotb_tools.runner import get_runner

    return get_runner(simulator)


def _build(job: dict[str, Any], build_dir: Path) -> None:
    runtime = Path(job["runtime_dir"])
    is_first = job["simulator"] == "verilator" and not runtime.exists()
    with _alone(runtime) if is_first else nullcontext():  # one compiles the runtime, others wait for it
        _compile(job, build_dir, runtime)
    (build_dir / "built").touch()


def _compile(job: dict[str, Any], build_dir: Path, runtime: Path) -> None:
    is_verilator = job["simulator"] == "verilator"
    shutil.rmtree(build_dir)
    build_dir.mkdir()
    for path in runtime.glob("*.o"):  # compiled by an earlier build; newer than the makefile that is to be written
        copy = shutil.copy(path, build_dir)
        os.utime(copy, (time.time() + 3600,) * 2)
    if is_verilator:
        sources = [_leave_uncovered(job["uncovered"], build_dir), *job["sources"]]
        header = runtime / _HEADER
        build_args = [*VERILATOR_ARGS, *(["-CFLAGS", f"-include {header}"] if header.exists() else [])]
    else:
        sources, build_args = [path for path in job["sources"] if not path.endswith(".vlt")], [*ICARUS_ARGS]
    _runner(job["simulator"]).build(
        sources=sources,
        hdl_toplevel=job["top"],
        parameters=job["parameters"],
        build_args=build_args,
        build_dir=build_dir,
        timescale=("1ns", "1ps"),
        waves=job["is_waves"],
        always=True,
    )
    if is_verilator:
        _keep_runtime(build_dir, runtime, job["is_waves"])
        # What is left of compiling takes a hundred times the room of the program
        for path in build_dir.iterdir():
            if path.name != job["top"]:
                path.unlink()


def _leave_uncovered(sources: list[str], build_dir: Path) -> Path:
    """Tell Verilator which sources not to count lines of: counters in every copy of a block slow all of them down."""
    lines = ["`verilator_config", *(f'coverage_off -file "{source}"' for source in sources)]
    path = build_dir / "uncovered.vlt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _keep_runtime(build_dir: Path, runtime: Path, is_waves: bool) -> None:
    """Keep Verilator's runtime, objects and header, which is the same for every bench and takes longest to compile."""
    if runtime.exists():
        return
    (build_dir / _HEADER).write_text(_HEADER_LINES, encoding="utf-8")
    make = ["make", "-C", str(build_dir), "-f", "Vtop.mk", f"VM_TRACE={int(is_waves)}"]
    subprocess.run([*make, f"{_HEADER}.fast.gch"], check=True)  # with the options of a bench; others would not do
    with tempfile.TemporaryDirectory(dir=runtime.parent) as folder:
        for path in (*build_dir.glob("verilated*.o"), build_dir / _HEADER):
            shutil.copy(path, folder)
        shutil.copy(build_dir / f"{_HEADER}.fast.gch", Path(folder) / f"{_HEADER}.gch")
        with suppress(OSError):  # another build was first
            Path(folder).rename(runtime)
        Path(folder).mkdir(exist_ok=True)  # for the clean-up


if __name__ == "__main__":
    sys.exit(main())
