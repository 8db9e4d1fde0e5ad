"""Everything registered obeys its suite."""

from __future__ import annotations

import pytest

import archmodel as am
from archmodel.models import find_model
from archmodel.testing import MachineContract, ModelContract, OperatorContract
from archmodel.testing.contracts import smoke_trace


@pytest.mark.parametrize("name", am.machines(), scope="class")
class TestMachines(MachineContract):
    @pytest.fixture
    def machine(self, name):
        return am.machine(name)


OPERATORS = {  # the first operator of each kind in the shipped workloads
    operator.op.kind: operator.op for name in am.workloads() for operator in reversed(am.workload(name).operators)
}


@pytest.mark.parametrize("kind", OPERATORS, scope="class")
class TestOperators(OperatorContract):
    @pytest.fixture
    def op(self, kind):
        return OPERATORS[kind]


QUESTIONS = [
    ("mtia_2i", "llm/llama3.1-8b", "decode"),
    ("h100_sxm", "recommendation/dlrm_dcnv2", "inference"),
    ("mtia_v1", "recommendation/dlrm_v3_hstu", "inference"),
    ("mi300x", "diffusion/sdxl", "denoise"),
]


@pytest.mark.parametrize("name", am.models(), scope="class")
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: f"{question[0]}-{question[1]}", scope="class")
class TestModels(ModelContract):
    @pytest.fixture
    def model(self, name):
        return find_model(name)

    @pytest.fixture
    def machine(self, question):
        return am.machine(question[0])

    @pytest.fixture
    def trace(self, question):
        return am.workload(question[1], phase=question[2])


def test_every_workload_runs_or_says_why_on_every_machine():
    machines = [am.machine(name) for name in am.machines()]
    for name in am.workloads():
        for row in am.evaluate_batch(machines, am.workload(name)).rows():
            if row["status"] == "ok":
                assert 0 < row["lower_s"] <= row["latency_s"] <= row["upper_s"], (name, row["machine"])
            else:
                assert row["message"].startswith(f"{row['machine']}: "), (name, row)


def test_smoke_trace_touches_every_on_chip_resource():
    rows = am.evaluate(am.machine("mtia_2i"), smoke_trace("fp16")).operators.rows()
    busy = {key for row in rows for key, value in row.items() if key.endswith("_busy_s") and value > 0}
    assert busy == {f"{name}_busy_s" for name in ("matrix", "simd", "vector", "local", "sram")}
