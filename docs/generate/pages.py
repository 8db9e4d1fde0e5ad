"""Pages and tables of machines, workloads and commands."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import MISSING, fields
from unittest.mock import patch

import archmodel as am
from archmodel.cli import main
from archmodel.cli.plot import KINDS
from archmodel.machine.types import Machine
from archmodel.units import format_si, yaml_key
from archmodel.workload import read_workload
from archmodel.workload.builders import all_builders, find_builder
from archmodel.workload.load import PublishedFigure, workload_paths
from generate.tables import Row, percent, table

ENGINES = ("matrix", "simd", "vector")
BADGES = {"published": "success", "derived": "info", "measured": "primary", "assumed": "warning"}


def machine_table(machines: Sequence[Machine]) -> str:
    """Put the shipped machines side by side."""
    rows = [
        {
            "machine": f"[{machine.name}](generated/{machine.name}.md)",
            "chip": machine.title,
            "status": machine.status,
            "matrix peak": _matrix_peak(machine),
            "SRAM": machine.provenance["sram.capacity"].text,
            "DRAM": f"{machine.provenance['dram.capacity'].text} {machine.dram.technology}",
            "DRAM bandwidth": format_si(machine.dram.bandwidth_bytes_per_s, "B/s"),
            "TDP": format_si(machine.power.tdp_w, "W"),
            "assumed": _n_of_kind(machine, "assumed"),
        }
        for machine in machines
    ]
    return table(rows)


def _matrix_peak(machine: Machine) -> str:
    dtype = next(dtype for dtype in ("bf16", "fp16", *machine.matrix.macs_per_cycle) if _peak(machine, "matrix", dtype))
    return f"{format_si(_peak(machine, 'matrix', dtype), 'FLOP/s')} {dtype}"


def _peak(machine: Machine, engine: str, dtype: str) -> float:
    return machine.peak_flop_per_s(engine, dtype)  # type: ignore[arg-type]


def _n_of_kind(machine: Machine, kind: str) -> int:
    return sum(note.kind == kind for note in machine.provenance.values())


def machine_page(machine: Machine) -> str:
    """Write the page of one machine: peaks, memories, every value with its source."""
    counts = ", ".join(f"{n} {kind}" for kind in BADGES if (n := _n_of_kind(machine, kind)))
    values = [
        {
            "value": f"`{path}`",
            "given": note.text,
            "kind": f"{{bdg-{BADGES[note.kind]}}}`{note.kind}`",
            "source": note.source,
        }
        for path, note in sorted(machine.provenance.items())
    ]
    facts = [machine.vendor, machine.status, f"process: {machine.process}", f"{machine.pe.n_pes} PEs"]
    sources = [f"- **{key}**: {citation.strip()}" for key, citation in machine.sources.items()]
    parts = [
        f"# {machine.title}",
        f"`{machine.name}` · {' · '.join(facts)}",
        machine.notes.strip(),
        "## Peaks",
        table(peak_rows(machine)),
        "## Memories and links",
        table(_memory_rows(machine)),
        "## Every value",
        f'{counts}. Overrides use the paths of the first column, e.g. `--set clock="{_clock(machine)}"`.',
        table(values),
        *(["## Sources", "\n".join(sources)] if sources else []),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _clock(machine: Machine) -> str:
    return machine.provenance["clock"].text


def peak_rows(machine: Machine) -> list[Row]:
    """Compare the peaks computed from the parts with the published ones."""
    rows: list[Row] = []
    for engine in ENGINES:
        published: Mapping[str, float] = getattr(machine.published, f"{engine}_flop_per_s")
        parts = machine.matrix.macs_per_cycle if engine == "matrix" else getattr(getattr(machine, engine), "lanes", {})
        rows += [
            _compare(machine, f"{engine}.{dtype}", _peak(machine, engine, dtype), published.get(dtype), "FLOP/s")
            for dtype in dict.fromkeys([*parts, *published])
        ]
    printed = machine.published.sram_bandwidth_bytes_per_s
    return [*rows, _compare(machine, "sram_bandwidth", machine.sram_bandwidth_bytes_per_s, printed, "B/s")]


def _compare(machine: Machine, path: str, computed: float, published: float | None, unit: str) -> Row:
    note = machine.provenance.get(f"published.{path}")
    shown = format_si(published, unit, 4) if published else None
    return {
        "peak": path.replace(".", " ").replace("_", " "),
        "computed from the parts": format_si(computed, unit, 4),
        "published": f"{shown} ({note.kind})" if note and note.kind != "published" else shown,
        "difference": percent(computed / published - 1) if published else None,
    }


def _memory_rows(machine: Machine) -> list[Row]:
    dram = machine.dram
    streaming = dram.bandwidth_bytes_per_s * dram.efficiency_frac * (1 - dram.ecc_overhead_frac)
    gathering = dram.bandwidth_bytes_per_s * dram.gather_efficiency_frac * (1 - dram.ecc_overhead_frac)
    rows: list[tuple[str, float | None, float, str]] = [
        ("local memories, all PEs", machine.local_capacity_bytes, machine.local_bandwidth_bytes_per_s, "read + write"),
        ("SRAM", machine.sram.capacity_bytes, machine.sram_bandwidth_bytes_per_s, "read + write"),
        (f"DRAM ({dram.technology})", dram.capacity_bytes, dram.bandwidth_bytes_per_s, "read or write, at the pins"),
        ("DRAM, long streams", None, streaming, "after efficiency and ECC"),
        ("DRAM, random rows", None, gathering, "after gather efficiency and ECC"),
        ("host link", None, machine.host.bandwidth_bytes_per_s, "one direction"),
    ]
    if machine.scale_up:
        chips = f"one direction, {machine.scale_up.n_chips} chips"
        rows.append(("scale-up link", None, machine.scale_up.bandwidth_bytes_per_s, chips))
    return [
        {
            "memory": name,
            "capacity": format_si(capacity, "B") if capacity else None,
            "bandwidth": format_si(bandwidth, "B/s"),
            "counts": counts,
        }
        for name, capacity, bandwidth, counts in rows
    ]


def workload_tables() -> str:
    """List the shipped workloads by family."""
    families: dict[str, list[Row]] = {}
    for name in am.workloads():
        trace = am.workload(name)
        families.setdefault(name.partition("/")[0], []).append(
            {
                "workload": f"[{name}](generated/{name}.md)",
                "title": trace.title,
                "parameters": f"{trace.n_parameters:,}",
                "tables": format_si(trace.role_bytes("table"), "B") if trace.n_table_elements else None,
                "per step": format_si(trace.flop, "FLOP"),
                "of phase": trace.phase,
                "gives": f"{trace.items:,.4g} {trace.item}",
            }
        )
    return "\n\n".join(f"## {family}\n\n{table(rows)}" for family, rows in families.items()) + "\n"


def workload_page(name: str) -> str:
    """Write the page of one workload: phases, published figures, its file."""
    _, file, _ = read_workload(name)
    phases = find_builder(file.builder).phases
    parts = [
        f"# {file.title}",
        f"`{name}` · builder `{file.builder}`",
        f"Hyper-parameters: {file.source.strip()}",
        "\n".join(f"- {note.strip()}" for note in file.notes),
        "## One step at the default settings",
        table(_phase_row(name, phase) for phase in phases),
        "## Against published figures",
        table(published_rows(name, file.published)),
        "## File",
        f"```yaml\n{workload_paths()[name].read_text(encoding='utf-8').strip()}\n```",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _phase_row(name: str, phase: str) -> Row:
    trace = am.workload(name, phase=phase)
    return {
        "phase": phase,
        "settings": " ".join(f"{key}={value}" for key, value in trace.run.items() if value is not None),
        "operators": len(trace.operators),
        "parameters": f"{trace.n_parameters:,}",
        "tables": format_si(trace.role_bytes("table"), "B") if trace.n_table_elements else None,
        "arithmetic": format_si(trace.flop, "FLOP"),
        "on the matrix engine": format_si(trace.matrix_flop, "FLOP"),
        "gives": f"{trace.items:,.4g} {trace.item}",
    }


def published_rows(name: str, figures: Iterable[PublishedFigure]) -> list[Row]:
    """Compare a workload with the figures its authors published."""
    rows: list[Row] = []
    for figure in figures:
        computed = figure.measure(am.workload(name, **figure.settings))
        rows.append(
            {
                "figure": figure.what.replace("_", " "),
                "at": " ".join(f"{key}={value}" for key, value in figure.settings.items()) or None,
                "computed": f"{computed:.5g}",
                "published": f"{figure.value:.5g}" + (f" to {figure.high:.5g}" if figure.high else ""),
                "difference": percent(figure.deviation(computed)),
                "allowed": f"{100 * figure.tolerance:g} %",
                "source": figure.source + (f" ({figure.note})" if figure.note else ""),
            }
        )
    return rows


def builder_table() -> str:
    """List the builders with the keys of their ``model:``; those in brackets have a default."""
    rows = []
    for builder in all_builders().values():
        keys = [
            yaml_key(field.name) if field.default is field.default_factory is MISSING else f"[{yaml_key(field.name)}]"
            for field in fields(builder.model)
        ]
        rows.append(
            {
                "builder": f"`{builder.name}`",
                "phases": ", ".join(builder.phases),
                "keys of `model:`": f"`{' '.join(keys)}`",
                "dataclass": f"`{builder.model.__module__}.{builder.model.__name__}`",
            }
        )
    return table(rows)


def command_help() -> str:
    """Collect the help of every command."""
    shows = ["compare", "machines", "machines show", "workloads", "workloads show"]
    shows += [f"plot {kind}" for kinds in KINDS.values() for kind in kinds]
    parts = ["```text", _help([]), "```"]
    for command in ["run", "op", "ladder", "explain", "map", "timeline", *shows, "cost", "verify", "demo", "doctor"]:
        parts += [f"\n## archmodel {command}\n", "```text", _help(command.split()), "```"]
    return "\n".join(parts) + "\n"


def _help(command: list[str]) -> str:
    text = io.StringIO()
    with redirect_stdout(text), patch.dict(os.environ, COLUMNS="100"):
        main([*command, "--help"])
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())
