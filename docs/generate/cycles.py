"""The table of every workload on every machine with timing, from what the golden test has recorded."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

from archmodel.units import format_si
from generate.tables import Row, table

_TITLES = {"baseline": "Baseline", "diffusion": "Diffusion", "llm": "LLM", "recommendation": "Recommendation"}


def cycles(recorded: Path) -> str:
    """Render, per family of workloads, the time of a step and what binds it, and how long the model took at most."""
    lines = list(csv.DictReader(recorded.read_text(encoding="utf-8").splitlines()))
    families: dict[str, dict[tuple[str, str], dict[str, dict[str, str]]]] = defaultdict(lambda: defaultdict(dict))
    for line in lines:
        family, _, name = line["workload"].partition("/")
        families[family][name, line["phase"]][line["machine"]] = line
    parts = []
    for family, steps in families.items():
        rows: list[Row] = []
        for (name, phase), by_machine in steps.items():
            took = [float(line["run_s"]) for line in by_machine.values() if line["run_s"]]
            shown = {machine: _cell(line) for machine, line in sorted(by_machine.items())}
            took_s = format_si(max(took), "s") if took else None
            rows.append({"workload": f"{name} {phase}", **shown, "counted within": took_s})
        parts.append(f"## {_TITLES[family]}\n\n{table(rows)}")
    return "\n\n".join(parts)


def _cell(line: dict[str, str]) -> str | None:
    return f"{format_si(float(line['latency_s']), 's')} {line['bound']}" if line["latency_s"] else None
