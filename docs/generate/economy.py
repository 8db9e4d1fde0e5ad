"""Tables of energy, area and cost: every parameter, and the comparisons that ``tests/validation`` asserts."""

from __future__ import annotations

from pathlib import Path

from archmodel.economy import load_economy
from generate.checks import load_test
from generate.pages import BADGES
from generate.tables import Row, percent, table

PRODUCED = ("mtia_v1", "mtia_2i", "mtia_300")


def parameters() -> str:
    """List every parameter with its kind and source."""
    rows: list[Row] = [
        {
            "parameter": f"`{path}`",
            "given": note.text,
            "kind": f"{{bdg-{BADGES[note.kind]}}}`{note.kind}`",
            "source": note.source,
        }
        for path, note in load_economy().provenance.items()
    ]
    return table(rows)


def citations() -> str:
    """List what sources of parameters stand for."""
    return "\n".join(f"- **{key}**: {citation.strip()}" for key, citation in load_economy().sources.items())


def dies() -> str:
    """Compare die areas, each with this die left out of the calibration."""
    test = load_test("test_economy")
    rows: list[Row] = []
    for machine, (published, _) in test.DIES.items():
        found = test.die_mm2(machine, test.without(machine))
        by_gpus = test.die_mm2(machine, ("h100_sxm", test.A100)) if machine in test.BY_GPUS else None
        rows.append(
            {
                "die": f"`{Path(machine).stem}`",
                "published": f"{published} mm²",
                "estimate": f"{found:.0f} mm²",
                "difference": percent(found / published - 1),
                "calibrated on both GPUs alone": percent(by_gpus / published - 1) if by_gpus else None,
                "its own logic factor": f"{test.logic_factor(machine):.1f}",
            }
        )
    return table(rows)


def typical_power() -> str:
    """Compare typical power, by the chip that the operating point is calibrated on."""
    test = load_test("test_economy")
    rows: list[Row] = []
    for machine, (published, _) in test.TYPICAL.items():
        found = {each: test.typical_w(machine, test.calibrate(each)) for each in test.TYPICAL}
        shown = {
            f"calibrated on `{each}`": "–" if each == machine else f"{power:.1f} W ({percent(power / published - 1)})"
            for each, power in found.items()
        }
        rows.append({"chip": f"`{machine}`", "published": f"{published} W"} | shown)
    return table(rows)


def production_power() -> str:
    """Show the mean power in nine recommendation models."""
    test = load_test("test_economy")
    return table(
        {
            "chip": f"`{machine}`",
            "mean of nine models": f"{(found := test.production_w(machine)):.1f} W",
            "published typical": f"{(published := test.TYPICAL[machine][0])} W",
            "difference": percent(found / published - 1),
        }
        for machine in PRODUCED
    )


def others() -> str:
    """Compare design limits, bills of materials, hours and power of the site."""
    test = load_test("test_economy")
    rows: list[Row] = []

    def compare(what: str, of: str, printed: float, error: float, unit: str, digits: int = 0) -> None:
        rows.append(
            {
                "figure": what,
                "of": of,
                "printed": f"{printed:,.{digits}f} {unit}",
                "estimate": f"{printed * (1 + error):,.{digits}f} {unit}",
                "difference": percent(error),
            }
        )

    for machine, (printed, _) in test.TDP.items():
        compare("design limit", f"`{machine}`", printed, test.tdp_w(machine) / printed - 1, "W")
    for machine, (printed, _) in test.BILLS.items():
        compare("bill of materials", f"`{machine}`", printed, test.bill_usd(machine) / printed - 1, "USD")
    for machine, (printed, _) in test.HOURS.items():
        compare("an hour of a chip", f"`{machine}`", printed, test.usd_per_hour(machine) / printed - 1, "USD", 2)
    for chip, (tdp_w, printed, _) in test.SITE_KW.items():
        compare("power of the site per chip", f"{chip}, {tdp_w} W", printed, test.site_kw(tdp_w) / printed - 1, "kW", 2)
    chip_w, token_j = test.h200_token()
    measured_w = 6153 * test.H200_SHARE / 8
    compare("power, Llama-2 70B (MLPerf)", "`h200_sxm`", measured_w, chip_w / measured_w - 1, "W")
    compare("energy of a token at the wall (MLPerf)", "`h200_sxm`", 0.244, token_j / 0.244 - 1, "J", 3)
    return table(rows)


def sensitivity() -> str:
    """Show what predictions of power rest on."""
    test = load_test("test_economy")
    rows: list[Row] = []
    for path, values in test.ASSUMED.items():
        for value in values:
            errors = test.errors_with(path, value)
            given = load_economy().provenance[path].text
            rows.append(
                {
                    "parameter": f"`{path}`",
                    "instead of": given,
                    "value": value,
                    "MTIA 2i": percent(errors[0]),
                    "MTIA 300": percent(errors[1]),
                }
            )
    return table(rows)
