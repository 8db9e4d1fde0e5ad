"""No operator beats its bound, and one that has no answer takes none from the others."""

from __future__ import annotations

import pytest

import archmodel as am
from archmodel.workload.single import operators_trace

LEAST_FRAC = {"mtia_2i": 0.992, "mtia_300": 1.0, "tt_blackhole_p150": 0.869}
"""Least time of an operator by its bound: closed forms of moves on MTIA 2i and of small products on Blackhole are below
it, by as much as said in ``docs/methods/timing.md``."""


@pytest.mark.parametrize("name", LEAST_FRAC)
def test_no_operator_is_faster_than_its_bound(name):
    machine, least = am.machine(name), []
    for workload in am.workloads():
        try:
            result = am.evaluate(machine, am.workload(workload), model="analytic")
        except am.UnsupportedError:
            continue
        rows = [row for row in result.operators.rows() if row["lower_s"] > 0]
        least.append(min((row["latency_s"] - row["launch_s"]) / row["lower_s"] for row in rows))
    assert min(1.0, *least) == pytest.approx(LEAST_FRAC[name], abs=1e-3)


def test_no_rung_is_below_the_bound_where_rows_hit():
    rows = list(am.ladder(am.machine("mtia_2i"), am.workload("recommendation/dlrm_dcnv2")).rows())
    (bags,) = [row for row in rows if row["kind"] == "embedding_bag"]
    assert bags["bound_s"] <= min(bags["analytic_s"], bags["cycle_s"])


@pytest.mark.parametrize("model", ["analytic", "cycle"])
def test_a_machine_without_an_answer_is_a_row(model):
    machines = [am.machine(name) for name in ("mtia_2i", "tt_wormhole_n150")]
    sort = am.evaluate_operators(machines[1], "radix_sort", [{"n": 4096}], model=model)
    assert list(sort["status"]) == ["unsupported"]
    assert sort["message"][0].startswith("tt_wormhole_n150: operator 'radix_sort0': radix_sort counts by")
    table = am.evaluate_batch(machines, operators_trace("radix_sort", [{"n": 4096}], "int32", {}), model=model)
    assert list(table["status"]) == ["ok", "unsupported"]
    assert table["message"][1] == sort["message"][0]


def test_one_bad_row_of_a_table_leaves_the_good_one():
    shapes = [{"rows": 64, "cols": 128, "k": 8}, {"rows": 1, "cols": 200_000_000, "k": 100_000_000}]
    table = am.evaluate_operators(am.machine("mtia_2i"), "top_k", shapes, model="cycle")
    assert list(table["status"]) == ["ok", "unsupported"]
    assert table["message"][1].startswith("mtia_2i: operator 'top_k1': ")
