"""No latency has changed unnoticed, of any workload on any machine; ``--update`` accepts a change."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

import archmodel as am
from archmodel.workload.builders import find_builder
from archmodel.workload.load import read_workload

GOLDEN = Path(__file__).parent / "totals.csv"
TOLERANCE = 1e-9  # of text with ten digits: what changes is the model, not rounding


def compute() -> list[dict[str, str]]:
    machines = [am.machine(name) for name in am.machines()]
    lines = []
    for name in am.workloads():
        for phase in find_builder(read_workload(name)[1].builder).phases:
            for row in am.evaluate_batch(machines, am.workload(name, phase=phase)).rows():
                latency = f"{row['latency_s']:.10g}" if row["status"] == "ok" else "unsupported"
                lines.append({"workload": name, "phase": phase, "machine": row["machine"], "latency_s": latency})
    return lines


def is_same(old: str, new: str) -> bool:
    if "unsupported" in (old, new):
        return old == new
    return float(new) == pytest.approx(float(old), rel=TOLERANCE)


def test_totals_are_as_recorded(request):
    lines = compute()
    if request.config.getoption("--update"):
        text = io.StringIO()
        writer = csv.DictWriter(text, lines[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
        GOLDEN.write_text(text.getvalue())
    recorded = {tuple(line.values())[:3]: line["latency_s"] for line in csv.DictReader(GOLDEN.read_text().splitlines())}
    computed = {tuple(line.values())[:3]: line["latency_s"] for line in lines}
    changed = [
        f"{' '.join(key)}: {recorded.get(key, 'absent')} -> {computed.get(key, 'absent')}"
        for key in sorted(recorded.keys() | computed.keys())
        if key not in recorded or key not in computed or not is_same(recorded[key], computed[key])
    ]
    assert not changed, "\n".join([f"{len(changed)} totals changed; if meant, run with --update", *changed[:20]])
