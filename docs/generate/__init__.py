"""Write what of the documentation follows from the library; rebuilt with every build of the documentation.

Pages go to ``machines/generated``, ``workloads/generated`` and ``blocks/generated``. Tables and figures that
hand-written pages include go to ``_build/generated``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import archmodel as am
from archmodel.api import timeline
from archmodel.report.errors import plot_errors
from archmodel.report.gantt import plot_gantt
from archmodel.verify.contract import unit_names
from generate import blocks, checks, economy, errors, pages
from generate.cycles import cycles


def write_all(docs: Path) -> None:
    """Write every generated page and fragment below the folder of the documentation."""
    machines = [am.machine(name) for name in am.machines()]
    _fill(docs / "machines" / "generated", {f"{m.name}.md": pages.machine_page(m) for m in machines})
    _fill(docs / "workloads" / "generated", {f"{name}.md": pages.workload_page(name) for name in am.workloads()})
    _fill(docs / "blocks" / "generated", {f"{name}.md": blocks.block_page(name) for name in unit_names()})
    included = docs / "_build" / "generated"
    tables = {
        "machines": pages.machine_table(machines),
        "workloads": pages.workload_tables(),
        "builders": pages.builder_table(),
        "blocks": blocks.block_table(),
        "issue_rates": blocks.issue_rate_table(),
        "core_effects": blocks.core_effect_table(),
        "commands": pages.command_help(),
        "peaks": checks.peaks(machines),
        "published_workloads": checks.published_workloads(),
        "bf16_add": checks.bf16_add(),
        "efficiency": checks.efficiency(),
        "language_models": checks.language_models(),
        "clock": checks.clock(),
        "mtia_2i_gemm": checks.mtia_2i_gemm(),
        "systolic_arrays": checks.systolic_arrays(),
        "mtia_300_gemm": checks.mtia_300_gemm(),
        "tenstorrent_gemm": checks.tenstorrent_gemm(),
        "serving": checks.serving(),
        "serving_by_host": checks.serving_by_host(),
        "economy_parameters": economy.parameters(),
        "economy_citations": economy.citations(),
        "dies": economy.dies(),
        "typical_power": economy.typical_power(),
        "production_power": economy.production_power(),
        "power_sensitivity": economy.sensitivity(),
        "economy_others": economy.others(),
        "cycles": cycles(docs.parent / "tests" / "golden" / "cycles.csv"),
    }
    _fill(included, {f"{name}.md": text + "\n" for name, text in tables.items()})
    machine = am.machine("mtia_2i")
    am.plot_roofline(machine, am.evaluate(machine, am.workload("recommendation/dlrm_dcnv2")), included / "roofline.svg")
    plot_gantt(timeline(machine, am.workload("diffusion/dit-xl-2"), is_folded=True), included / "timeline.svg")
    plot_errors(errors.validation_points(), included / "validation.svg")


def _fill(folder: Path, texts: Mapping[str, str]) -> None:
    """Make a folder hold these Markdown files; an unchanged one keeps its date, so that Sphinx need not read it."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.rglob("*.md"):
        if path.relative_to(folder).as_posix() not in texts:
            path.unlink()
