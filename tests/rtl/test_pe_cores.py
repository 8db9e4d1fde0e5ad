"""What a core does to a PE is the same in hardware and in the cycle model, and how far one time to issue is off."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from archmodel.verify.bench import simulate
from archmodel.verify.contract import find_unit
from archmodel.verify.core_effect import CORES, core_effects, effect_points, hardware_utilisation
from archmodel.verify.issue_error import MODELS, issue_errors, issue_points, quick_points

POINTS_OF_UTILISATION = 0.05
NO_EFFECT_IN_MODEL = {  # and the points of utilisation in hardware
    ("16 × 16 × 8", "input", "plain", "auto-increment"): 1.4,
    ("16 × 16 × 8", "input", "plain", "both"): -1.9,
    ("32 × 32 × 8", "weight", "auto-increment", "both"): -2.8,
    ("16 × 16 × 8", "input", "auto-increment", "both"): -3.3,
}


@pytest.fixture(scope="module")
def rows():
    return list(core_effects().rows())


@pytest.fixture(scope="module")
def drawn():
    return issue_points()


@pytest.fixture(scope="module")
def errors(drawn):
    return {(row["kernel"], row["group"]): row for row in issue_errors(drawn).rows()}


@pytest.mark.parametrize("core", CORES)
def test_hardware_keeps_the_law_where_its_core_is_the_limit(core, rows, need, tmp_path):
    # How far compact programs are off is asserted below, where points differ more than those that the contract draws.
    points = [
        replace(point, expected={name: value for name, value in point.expected.items() if name != "models"})
        for point in (*effect_points(core), *quick_points(core))
    ]
    simulation = simulate(find_unit("pe"), core.replace(" ", "-"), need("verilator"), points, tmp_path)
    assert simulation.faults == []
    busy = [row["hardware_frac"] for row in rows if row["core"] == core]
    assert [hardware_utilisation(row) for row in simulation.points[: len(busy)]] == busy


@pytest.mark.parametrize(("before", "after"), list(combinations(CORES, 2)))
def test_effects_differ_by_less_than_five_points_and_have_the_same_sign_but_for_four(before, after, rows):
    for one, other in zip(*([row for row in rows if row["core"] == core] for core in (before, after)), strict=True):
        in_hardware, in_model = (other[name] - one[name] for name in ("hardware_frac", "model_frac"))
        assert abs(in_hardware - in_model) <= POINTS_OF_UTILISATION
        key = one["product"], one["stationary"], before, after
        if key in NO_EFFECT_IN_MODEL:
            assert in_model == pytest.approx(0, abs=1e-9)
            assert 100 * in_hardware == pytest.approx(NO_EFFECT_IN_MODEL[key], abs=0.05)
        else:
            assert in_hardware * in_model > 0


def test_auto_increment_helps_and_a_second_context_does_not(rows):
    busy = {(row["product"], row["stationary"], row["core"]): row["hardware_frac"] for row in rows}
    for product, stationary, core in busy:
        own = busy[product, stationary, core]
        if core in ("two contexts", "both"):
            alone = busy[product, stationary, "plain" if core == "two contexts" else "auto-increment"]
            assert own < alone
        elif core == "auto-increment":
            assert own > busy[product, stationary, "plain"]


def limits_passed(row):
    """Name what of the README's bounds a row does not keep: of the sum, and of each point."""
    bounds = {
        "core": {"grid": (0.055, 0.08), "by_command": (0.006, 0.009)},
        "engines": {"grid": (0.0015, 0.02), "by_command": (0.0005, 0.0075)},
        "contexts": {"grid": (0.02, 0.09), "by_command": (0.013, 0.08)},
    }[row["group"]]
    passed = []
    for model in MODELS:
        names = (f"{model}_frac", f"{model}_worst_frac")
        passed += [name for name, most in zip(names, bounds[model], strict=True) if abs(row[name]) > most]
    return passed


def test_compact_programs_keep_the_bounds_of_the_readme(errors):
    assert {key: passed for key, row in errors.items() if (passed := limits_passed(row))} == {}


def test_one_mean_misses_a_hundredth_where_the_core_limits_products_and_a_mean_per_command_does_not(errors):
    products = {kernel: row for (kernel, group), row in errors.items() if group == "core" and "gemm" in kernel}
    assert set(products) == {"gemm_output", "gemm_weight", "gemm_input"}
    assert all(row["grid_frac"] < -0.02 and row["points"] > 5 for row in products.values())
    assert all(abs(row["by_command_worst_frac"]) < 0.01 for row in products.values())


@pytest.mark.parametrize("scale", [0.5, 2])
def test_half_and_double_times_to_issue_do_not_keep_the_bounds(scale, drawn):
    wrong = {(row["kernel"], row["group"]): limits_passed(row) for row in issue_errors(drawn, scale).rows()}
    everything = [f"{model}{part}" for model in MODELS for part in ("_frac", "_worst_frac")]
    assert all(passed == everything for (_, group), passed in wrong.items() if group != "engines")
    assert {kernel for (kernel, _), passed in wrong.items() if passed} == {kernel for kernel, _ in wrong}


def test_the_readme_says_these_errors(errors):
    page = (find_unit("pe").folder / "README.md").read_text(encoding="utf-8")
    columns = [f"{model}{part}" for model in MODELS for part in ("_frac", "_worst_frac")]
    for row in errors.values():
        cells = [row["group"], str(row["points"]), *(f"{100 * row[name]:+.1f}" for name in columns)]
        line = f"| `{row['kernel']}` | {' | '.join(cells)} |".replace("-0.0", "0.0").replace("+0.0", "0.0")
        assert line.replace("-", "−") in page


def test_one_pe_has_the_same_cycles_in_both_modes(drawn):
    models = [point.expected["models"] for point in drawn]
    assert all(model["representative"] == model["grid"] for model in models)
