"""What figures refuse."""

from __future__ import annotations

import pytest

import archmodel as am


@pytest.fixture(scope="module")
def result():
    return am.evaluate(am.machine("h100_sxm"), am.workload("llm/llama3.1-8b"))


def test_results_of_another_machine_are_refused(result):
    with pytest.raises(am.InputError) as raised:
        am.plot_roofline(am.machine("mtia_2i"), result)
    assert str(raised.value) == "1 error in figure\n  results of h100_sxm do not belong on the roofline of mtia_2i"


@pytest.mark.parametrize("plot", [am.plot_breakdown, lambda none: am.plot_roofline(am.machine("mtia_2i"), none)])
def test_nothing_to_draw_is_refused(plot):
    with pytest.raises(am.InputError) as raised:
        plot([])
    assert str(raised.value) == "1 error in figure\n  no results given; give at least one"


def test_every_axis_names_its_unit(result):
    _, axes = am.plot_roofline(am.machine("h100_sxm"), result)
    assert axes.get_xlabel().startswith("Arithmetic intensity [FLOP/B]")
    assert axes.get_ylabel() == "Arithmetic [FLOP/s]"
    _, axes = am.plot_breakdown(result)
    assert axes.get_xlabel().startswith("Share of latency [%]")
