"""Every workload on every machine with timing, by the cycle model: it runs, or says why not; nothing changes unnoticed.

A run looks at one pair in three, spread over machines and workloads. ``--update`` evaluates all of them, accepts
changes and writes ``cycles.csv`` anew, from which the documentation has its table.
"""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path

import pytest

import archmodel as am
from archmodel.workload.builders import find_builder
from archmodel.workload.load import read_workload

GOLDEN = Path(__file__).parent / "cycles.csv"
MACHINES = [name for name in am.machines() if am.machine(name).timing is not None]
QUESTIONS = [(name, phase) for name in am.workloads() for phase in find_builder(read_workload(name)[1].builder).phases]
TOLERANCE = 1e-9
ONE_IN = 3  # pairs of a workload and a machine, when nothing is updated
RUN_TIME = "run_s"  # of the model, kernels compiled and mappings chosen, when the file was written; not compared


def evaluate(machine: str, workload: str, phase: str, *, is_timed: bool) -> dict[str, str]:
    line = {"workload": workload, "phase": phase, "machine": machine, "latency_s": "", "bound": "", "message": ""}
    chip, trace = am.machine(machine), am.workload(workload, phase=phase)
    try:
        result = am.evaluate(chip, trace, model="cycle")
    except am.UnsupportedError as error:
        return line | {"message": "; ".join(error.reasons), RUN_TIME: ""}
    assert result.lower_s <= result.latency_s * (1 + 1e-9)
    assert result.latency_s <= result.upper_s * (1 + 1e-9)
    line |= {"latency_s": f"{result.latency_s:.10g}", "bound": result.bound}
    started = time.perf_counter()
    if is_timed:
        am.evaluate(chip, trace, model="cycle")
    return line | {RUN_TIME: f"{time.perf_counter() - started:.2g}"}


def read() -> list[dict[str, str]]:
    return list(csv.DictReader(GOLDEN.read_text().splitlines())) if GOLDEN.exists() else []


def write(machine: str, lines: list[dict[str, str]]) -> None:
    kept = [line for line in read() if line["machine"] != machine and line["machine"] in MACHINES]
    text = io.StringIO()
    writer = csv.DictWriter(text, lines[0], lineterminator="\n")
    writer.writeheader()
    order = {question: idx for idx, question in enumerate(QUESTIONS)}
    writer.writerows(
        sorted([*kept, *lines], key=lambda line: (order.get((line["workload"], line["phase"]), -1), line["machine"]))
    )
    GOLDEN.write_text(text.getvalue())


@pytest.mark.parametrize("machine", MACHINES)
def test_cycles_are_as_recorded(machine, request):
    is_update = request.config.getoption("--update")
    place = MACHINES.index(machine)
    asked = [question for idx, question in enumerate(QUESTIONS) if is_update or (idx + place) % ONE_IN == 0]
    lines = [evaluate(machine, *question, is_timed=is_update) for question in asked]
    if is_update:
        write(machine, lines)
    recorded = {(line["workload"], line["phase"]): line for line in read() if line["machine"] == machine}
    changed = []
    for line in lines:
        old = recorded.get((line["workload"], line["phase"]), {})
        same = all(line[name] == old.get(name) for name in ("bound", "message"))
        if line["latency_s"] and old.get("latency_s"):
            same &= float(line["latency_s"]) == pytest.approx(float(old["latency_s"]), rel=TOLERANCE)
        else:
            same &= line["latency_s"] == old.get("latency_s")
        if not same:
            changed.append(f"{line['workload']} {line['phase']}: {old or 'absent'} -> {line}")
    assert {(line["workload"], line["phase"]) for line in read() if line["machine"] == machine} == set(QUESTIONS)
    assert not changed, "\n".join([f"{len(changed)} lines changed; if meant, run with --update", *changed[:5]])


def test_a_reason_is_a_sentence_about_the_machine_or_the_operator():
    assert read()
    for line in read():
        assert bool(line["latency_s"]) != bool(line["message"])
        assert not line["message"] or "does not know operator kind" not in line["message"]
