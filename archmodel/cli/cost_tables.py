"""Tables of ``archmodel cost``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from archmodel.cli.show import note, print_table
from archmodel.cli.table import show_value
from archmodel.machine.types import list_assumed

if TYPE_CHECKING:
    from archmodel.economy.assess import Assessment, Run


def print_assessment(found: Assessment) -> None:
    """Print area, power, price, what a gigawatt holds, and what a workload costs."""
    machine, area, cost, fleet = found.machine, found.area, found.cost, found.fleet
    chip = {
        "die_mm2": area.die_mm2, "published_die_mm2": machine.die_mm2, "n_dies": f"{float(area.n_dies):.0f}",
        "typical_w": found.power.typical_w, "published_typical_w": machine.power.typical_w,
        "tdp_w": found.power.tdp_w, "published_tdp_w": machine.power.tdp_w,
        "chip_usd": cost.chip_usd, "yield_frac": cost.yield_frac,
    }  # fmt: skip
    headings = {
        "die_mm2": "die", "published_die_mm2": "given", "n_dies": "dies", "typical_w": "typical power",
        "published_typical_w": "given", "tdp_w": "design limit", "published_tdp_w": "given", "chip_usd": "price",
        "yield_frac": "yield",
    }  # fmt: skip
    print_table(f"{machine.title} ({machine.name}): estimates", [chip], headings, n_keys=0)
    _print_parts("Area", area.parts_mm2, "mm2")
    _print_parts("Typical power", found.power.parts_w, "w")
    _print_parts("Price", cost.parts_usd, "usd")
    limit = show_value("tdp_w", found.design_limit.tdp_w, {})
    if found.run:
        _print_run(found.run)
        if found.run.energy.power_w > found.design_limit.tdp_w:
            note(
                f"note: this is more power than the design limit, {limit}; a chip would run slower, which no model "
                "takes into account"
            )
    print()
    gigawatt = {
        "n_chips": fleet.n_chips, "n_servers": fleet.n_servers, "n_racks": fleet.n_racks,
        "site_w": fleet.site_w_per_chip, "capex_usd": fleet.capex_usd,
    }  # fmt: skip
    names = {"n_chips": "chips", "n_servers": "servers", "n_racks": "racks", "site_w": "of the site per chip"}
    print_table("A site of 1 GW", [gigawatt], {**names, "capex_usd": "to build"}, n_keys=0)
    which = "estimated" if found.design_limit.kind == "estimated" else "stated"
    note(f"note: provisioned for the {which} design limit, {limit}: {found.design_limit.reason}")
    n_assumed, n_all = len(list_assumed(found.economy.provenance)), len(found.economy.provenance)
    note(f"note: {n_assumed} of {n_all} parameters are assumed; --sources lists all")


def _print_parts(title: str, parts: Mapping[str, Any], unit: str) -> None:
    total = sum(float(value) for value in parts.values())
    rows = [
        {"part": name.replace("_", " "), f"value_{unit}": float(value), "share_frac": float(value) / total}
        for name, value in sorted(parts.items(), key=lambda item: -float(item[1]))
        if value
    ]
    print()
    print_table(title, rows, {"part": "part", f"value_{unit}": "is", "share_frac": "share"})


def _print_run(run: Run) -> None:
    serving = run.serving
    row = {
        "latency_s": run.latency_s, "throughput": run.items_per_s, "throughput_unit": f"{run.item}/s",
        "power_w": run.energy.power_w, "site_j": serving.j_per_item, "cost_usd": serving.usd_per_million_items,
        "hour_usd": serving.usd_per_hour, "per_mw": serving.items_per_s_per_mw,
    }  # fmt: skip
    headings = {
        "latency_s": "latency", "throughput": "of a chip", "power_w": "chip power", "site_j": f"site per {run.item}",
        "cost_usd": f"per million {run.item}s", "hour_usd": "per chip and hour", "per_mw": f"{run.item}/s per MW",
    }  # fmt: skip
    print()
    print_table(f"{run.workload} {run.phase}", [row], headings, n_keys=0)


def print_parameters(found: Assessment) -> None:
    """List every parameter with its kind and source; assumed ones first."""
    notes = sorted(found.economy.provenance.items(), key=lambda item: (item[1].kind != "assumed", item[0]))
    rows = [{"value": path, "given": n.text, "kind": n.kind, "source": n.source} for path, n in notes]
    print()
    print_table("Parameters", rows, {key: key for key in rows[0]})
    print("\nSources")
    for key, citation in found.economy.sources.items():
        print(f"  {key}: {citation.strip()}")
