"""Results and tables."""

from __future__ import annotations

import socket

import pytest

import archmodel as am


@pytest.fixture(scope="module")
def result():
    return am.evaluate(am.machine("mtia_2i"), am.workload("llm/llama3.1-8b", phase="prefill", batch=1, sequence=2048))


def test_rows_and_columns_agree():
    table = am.ResultTable.from_rows([{"a": 1, "b": "x"}, {"a": 2, "c": 3.5}])
    assert len(table) == 2
    assert table["b"] == ["x", None]
    assert list(table.rows()) == [{"a": 1, "b": "x", "c": None}, {"a": 2, "b": None, "c": 3.5}]


def test_csv_has_a_header_and_a_line_per_row():
    assert am.ResultTable.from_rows([{"a": 1, "b": 'x,"y"'}]).to_csv() == 'a,b\n1,"x,""y"""\n'


def test_to_pandas_has_a_row_per_operator(result):
    frame = result.to_pandas()
    assert list(frame["operator"]) == list(result.operators["operator"])
    assert frame["latency_s"].sum() + am.machine("mtia_2i").launch.job_s == pytest.approx(result.latency_s)


def test_throughput_is_items_over_latency(result):
    assert result.throughput == pytest.approx(2048 / result.latency_s)
    assert result.throughput_unit == "token/s"


def test_energy_is_typical_power_times_latency_or_unknown(result):
    assert result.energy_j == pytest.approx(65.0 * result.latency_s)
    no_typical = am.machine("h100_sxm")
    assert no_typical.power.typical_w is None
    assert am.evaluate(no_typical, am.workload("llm/llama3.1-8b")).energy_j is None


def test_eager_launch_costs_every_operator(result):
    machine, trace = am.machine("mtia_2i"), am.workload("llm/llama3.1-8b", phase="prefill", batch=1, sequence=2048)
    eager = am.evaluate(machine, trace, launch="eager")
    n_executions = sum(operator.count for operator in trace.operators)
    assert eager.launch_s == pytest.approx(n_executions * machine.launch.eager_s)
    assert result.launch_s == pytest.approx(n_executions * machine.launch.operator_s + machine.launch.job_s)
    assert eager.latency_s - eager.launch_s == pytest.approx(result.latency_s - result.launch_s)


def test_assumed_values_are_listed_with_the_result(result):
    assert "dram.gather_efficiency" in result.provenance["assumed"]


def test_nothing_is_fetched(monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert am.evaluate(am.machine("mtia_300"), am.workload("llm/llama2-7b")).latency_s > 0
