"""What the page about the issue rate says of the kernels."""

from __future__ import annotations

import pytest

from archmodel.verify.core_effect import core_effects
from archmodel.verify.issue_rate import core_times, count_issue_cycles, issue_rates, run_kernel

GEMMS = ("gemm_output", "gemm_weight", "gemm_input")
SHORT, LONG = core_times("short"), core_times("long")


@pytest.fixture(scope="module")
def rates():
    return {row["kernel"]: row for row in issue_rates().rows()}


def test_copying_by_hand(rates):
    # A row is ten instructions, the last of which jumps; the seventh pushes the store.
    (trace,) = run_kernel("copy")
    per_row = 3 + 1 + 3 + 1 + 1 + 1
    n_before = len(trace) - 48 * per_row - 1
    last_push = SHORT.refill + n_before + 47 * (per_row + SHORT.refill) + 6
    assert count_issue_cycles([trace], SHORT) == last_push + 1
    assert rates["copy"]["short"] == (last_push + 1) / 96


@pytest.mark.parametrize("name", GEMMS)
def test_matrix_products(rates, name):
    plain, auto = rates[name]["short"], rates[f"{name}_auto"]["short"]
    assert 5 <= plain <= 6
    assert 2.6 <= auto <= 2.85
    for form in ("", "_auto"):
        both = rates[f"{name}{form}_contexts"]
        for core, least, most in (("short", 0.06, 0.10), ("long", 0.13, 0.22)):
            assert least <= round(1 - both[core] / rates[f"{name}{form}"][core], 2) <= most
        assert both["two_cores"] / rates[f"{name}{form}"]["short"] == pytest.approx(0.5, abs=0.04)


def test_unrolling_saves_less_than_a_cycle(rates):
    for name in (name for name in rates if "unroll" in name):
        plain = rates[name.partition("_unroll")[0]]["short"]
        assert 0 < plain - rates[name]["short"] < 1.2


def test_repeats_come_close_to_a_command_per_cycle(rates):
    for name in ("copy_auto", "nested_auto", "softmax_auto"):
        assert 1.5 <= rates[name]["short"] < 2


def test_addresses_that_are_computed_cost_most(rates):
    assert 9 < rates["embedding"]["short"] < 10
    assert rates["flat"]["short"] > 30
    assert count_issue_cycles(run_kernel("flat"), LONG) > 2 * count_issue_cycles(run_kernel("flat"), SHORT)


@pytest.mark.parametrize(("core", "least", "most"), [("plain", 7, 11), ("two contexts", 8, 13)])
def test_code_for_any_sizes_on_a_whole_pe(core, least, most):
    taken = [row["issue_cycles"] for row in core_effects().rows() if row["core"] == core]
    assert (min(taken), max(taken)) == (least, most)
