"""Everything registered obeys its suite."""

from __future__ import annotations

import pytest

import archmodel as am
from archmodel.models import find_model
from archmodel.testing import MachineContract, ModelContract, OperatorContract
from archmodel.testing.contracts import smoke_trace
from archmodel.workload.operators import operator_kind


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
WAVES = [
    ("h100_sxm", "recommendation/dlrm_dcnv2", "inference"),
    ("h200_sxm", "llm/llama3.1-8b", "decode"),
    ("mi300x", "diffusion/sdxl", "denoise"),
    ("tpu_v5e", "diffusion/sd3-medium", "denoise"),
]
COUNTED = [  # models that count cycles, on machines that describe their timing
    (find_model(name, mode), machine)
    for name, mode in (("analytic", None), ("cycle", "representative"), ("cycle", "grid"))
    for machine in ("mtia_2i", "mtia_v1", "tt_wormhole_n150", "systolic_ws")
] + [(find_model("detailed"), machine) for machine in ("mtia_300", "h100_sxm")]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: f"{question[0]}-{question[1]}", scope="class")
class TestRoofline(ModelContract):
    @pytest.fixture
    def model(self):
        return find_model("roofline")

    @pytest.fixture
    def machine(self, question):
        return am.machine(question[0])

    @pytest.fixture
    def trace(self, question):
        return am.workload(question[1], phase=question[2])


@pytest.mark.parametrize("question", WAVES, ids=lambda question: f"{question[0]}-{question[1]}", scope="class")
class TestWave(ModelContract):
    @pytest.fixture
    def model(self):
        return find_model("wave")

    @pytest.fixture
    def machine(self, question):
        return am.machine(question[0])

    @pytest.fixture
    def trace(self, question):
        return am.workload(question[1], phase=question[2])


@pytest.mark.parametrize("question", COUNTED, ids=lambda question: f"{question[0].name}-{question[1]}", scope="class")
class TestCountedModels(ModelContract):
    @pytest.fixture
    def model(self, question):
        return question[0]

    @pytest.fixture
    def machine(self, question):
        return am.machine(question[1])

    @pytest.fixture
    def trace(self):
        b = am.TraceBuilder(dtype="fp16")
        x = b.input("x", (256, 512))
        with b.repeat(2, "layers"):
            x = b.add("fc", operator_kind("matmul")(m=256, n=512, k=512), x)
            x = b.add("norm", operator_kind("layer_norm")(rows=256, cols=512), x)
        b.add("head", operator_kind("linear")(m=256, n=1000, k=512, activation="gelu"), x)
        return b.finish(name="mlp", title="MLP", phase="inference", run={}, items=256, item="row")


def test_every_model_is_held_to_the_contract():
    assert set(am.models()) == {"roofline", "wave", *(model.name for model, _ in COUNTED)}


def test_the_detailed_model_answers_in_the_order_of_the_machines():
    machines = [am.machine(name) for name in ("h100_sxm", "mtia_2i", "mi300x", "mtia_300")]
    trace = am.workload("recommendation/dlrm_v1_terabyte")
    rows = list(am.evaluate_batch(machines, trace, model="detailed").rows())
    alone = [am.evaluate(machine, trace, model="detailed") for machine in machines]
    assert [row["model"] for row in rows] == ["wave", "cycle", "wave", "cycle"] == [one.model for one in alone]
    assert [row["latency_s"] for row in rows] == pytest.approx([one.latency_s for one in alone])


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
