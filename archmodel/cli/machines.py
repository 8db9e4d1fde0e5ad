"""``archmodel machines``."""

from __future__ import annotations

from typing import Any

from cyclopts import App

import archmodel as am
from archmodel.cli.options import AsJson, Sets, parse_assignments
from archmodel.cli.show import print_json, print_table
from archmodel.machine.types import Machine

machines = App(name="machines", help="List the machines, or show one with its sources.", help_format="plaintext")


@machines.default
def list_machines(*, json: AsJson = False) -> None:
    """List the shipped machines: peaks computed from their parts, memories, power.

    Parameters
    ----------
    json
        Print JSON: one row per machine.
    """
    rows = [summarise(am.machine(name)) for name in am.machines()]
    if json:
        print_json(rows)
        return
    headings = {
        "name": "machine", "title": "chip", "status": "status", "n_pes": "PEs", "clock_hz": "clock",
        "matrix_peak": "matrix peak", "sram": "SRAM", "dram": "DRAM", "dram_bandwidth_bytes_per_s": "DRAM bandwidth",
        "tdp_w": "TDP",
    }  # fmt: skip
    print_table("Machines; peaks are computed from the parts", rows, headings)


@machines.command
def show(name: str, /, *, sources: bool = False, set_: Sets = (), json: AsJson = False) -> None:
    """Show every value of a machine, effective after extends and overrides.

    Parameters
    ----------
    name
        Name or path of a .yaml file.
    sources
        Say for each value where it is from.
    set_
        Override, e.g. --set sram.capacity="512 MiB"; may be repeated.
    json
        Print JSON.
    """
    machine = am.machine(name, parse_assignments("--set", set_))
    rows = [
        {"value": path, "given": note.text, "kind": note.kind} | ({"source": note.source} if sources else {})
        for path, note in sorted(machine.provenance.items())
    ]
    if json:
        print_json({**summarise(machine), "values": rows, "sources": dict(machine.sources), "notes": machine.notes})
        return
    changed = "".join(f"; {text}" for text in set_)
    print_table(f"{machine.title} ({machine.name}{changed})", rows, {key: key for key in rows[0]})
    if sources:
        print("\nSources")
        for key, citation in machine.sources.items():
            print(f"  {key}: {citation.strip()}")
    if machine.notes:
        print(f"\nNotes: {machine.notes.strip()}")


def summarise(machine: Machine) -> dict[str, Any]:
    """Give the figures that people compare first, as one row."""
    peaks = {dtype: machine.peak_flop_per_s("matrix", dtype) for dtype in machine.matrix.macs_per_cycle}
    best = next((dtype for dtype in ("bf16", "fp16") if dtype in peaks), next(iter(peaks)))
    return {
        "name": machine.name,
        "title": machine.title,
        "vendor": machine.vendor,
        "status": machine.status,
        "process": machine.process,
        "n_pes": machine.pe.n_pes,
        "clock_hz": machine.clock_hz,
        "matrix_peak": f"{peaks[best] / 1e12:.4g} TFLOP/s {best}",
        "matrix_flop_per_s": peaks,
        "published_matrix_flop_per_s": dict(machine.published.matrix_flop_per_s),
        "local_capacity_bytes": machine.local_capacity_bytes,
        "local_bandwidth_bytes_per_s": machine.local_bandwidth_bytes_per_s,
        "sram": machine.provenance["sram.capacity"].text,
        "sram_capacity_bytes": machine.sram.capacity_bytes,
        "sram_bandwidth_bytes_per_s": machine.sram_bandwidth_bytes_per_s,
        "dram": f"{machine.provenance['dram.capacity'].text} {machine.dram.technology}",
        "dram_capacity_bytes": machine.dram.capacity_bytes,
        "dram_bandwidth_bytes_per_s": machine.dram.bandwidth_bytes_per_s,
        "tdp_w": machine.power.tdp_w,
        "typical_w": machine.power.typical_w,
    }
