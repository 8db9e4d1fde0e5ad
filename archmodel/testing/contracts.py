"""The suites. Each test says in its name what is promised."""

from __future__ import annotations

import math

import pytest

from archmodel.api import evaluate
from archmodel.errors import UnsupportedError
from archmodel.machine.types import Machine
from archmodel.models import Model
from archmodel.workload.build import TraceBuilder
from archmodel.workload.operators.elementwise import Elementwise
from archmodel.workload.operators.matmul import Matmul
from archmodel.workload.operators.normalise import Softmax
from archmodel.workload.types import OperatorKind, Trace

PEAK_TOLERANCE = 0.03
"""Published peaks are rounded (MTIA v1 takes K for 1000: 2.4 %)."""


def smoke_trace(dtype: str) -> Trace:
    """Build a small trace that uses the matrix engine, the lanes and every on-chip memory."""
    b = TraceBuilder(dtype=dtype)
    x = b.input("x", (256, 512))
    with b.repeat(2, "layers"):
        x = b.add("fc", Matmul(m=256, n=512, k=512), x)
        x = b.add("relu", Elementwise(n=256 * 512, function="relu"), x)
    b.add("softmax", Softmax(rows=256, cols=512), x)
    return b.finish(name="smoke", title="Smoke test", phase="inference", run={}, items=256, item="row")


class MachineContract:
    """What every machine must hold. Fixture: ``machine``."""

    def test_every_value_has_a_source(self, machine: Machine) -> None:
        """No leaf is "not stated", and each is published, derived, measured or assumed."""
        unsaid = [path for path, note in machine.provenance.items() if note.source.startswith("not stated")]
        assert not unsaid

    @pytest.mark.parametrize("engine", ["matrix", "simd", "vector"])
    def test_published_peaks_are_the_sum_of_the_parts(self, machine: Machine, engine: str) -> None:
        """PEs × lanes or MACs × clock gives what the vendor prints."""
        for dtype, published in getattr(machine.published, f"{engine}_flop_per_s").items():
            computed = machine.peak_flop_per_s(engine, dtype)  # type: ignore[arg-type]
            assert computed == pytest.approx(published, rel=PEAK_TOLERANCE), f"{engine} {dtype}"

    def test_it_runs_the_smoke_trace_in_every_matrix_dtype(self, machine: Machine) -> None:
        """Each dtype of the matrix engine gives a finite, bracketed time."""
        for dtype in machine.matrix.macs_per_cycle:
            result = evaluate(machine, smoke_trace(dtype))
            assert 0 < result.lower_s <= result.latency_s <= result.upper_s < math.inf


class OperatorContract:
    """What every operator kind must hold. Fixture: ``op``, an instance."""

    def test_inputs_come_before_outputs(self, op: OperatorKind) -> None:
        """Operands are listed inputs first, with one output at least."""
        flags = [operand.is_output for operand in op.operands()]
        assert flags == sorted(flags)
        assert flags[-1]

    def test_counts_are_finite_and_not_negative(self, op: OperatorKind) -> None:
        """FLOP, moved elements and reuse terms are numbers."""
        work, reuse = op.work(), op.reuse()
        counts = [work.matrix_flop, work.simd_flop, work.vector_flop, reuse.sqrt, reuse.linear, op.link_bytes("fp16")]
        counts += [operand.n_touched for operand in op.operands()]
        assert all(math.isfinite(count) and count >= 0 for count in counts)

    def test_no_operand_moves_more_than_it_has_unless_gathered(self, op: OperatorKind) -> None:
        """Only rows picked by index may repeat."""
        for operand in op.operands():
            assert operand.row or operand.n_touched <= operand.n_elements


class ModelContract:
    """What every model must hold. Fixtures: ``model``, ``machine``, ``trace`` (supported on the machine)."""

    def test_the_estimate_is_bracketed(self, model: Model, machine: Machine, trace: Trace) -> None:
        """Lower bound ≤ estimate ≤ serial upper bound, for the step and for each operator."""
        result = model.evaluate(trace, machine)
        assert 0 < result.lower_s <= result.latency_s <= result.upper_s < math.inf
        for row in result.operators.rows():
            assert row["lower_s"] <= row["latency_s"] <= row["upper_s"], row["operator"]

    def test_it_never_exceeds_the_peak(self, model: Model, machine: Machine, trace: Trace) -> None:
        """Utilisation is at most 1."""
        utilisation = model.evaluate(trace, machine).utilisation
        assert utilisation is None or utilisation <= 1.0

    def test_it_is_deterministic(self, model: Model, machine: Machine, trace: Trace) -> None:
        """The same question has the same answer."""
        assert model.evaluate(trace, machine).to_dict() == model.evaluate(trace, machine).to_dict()

    def test_a_batch_equals_its_parts(self, model: Model, machine: Machine, trace: Trace) -> None:
        """Evaluating many machines at once changes no number."""
        rows = list(model.evaluate_batch(trace, [machine, machine]).rows())
        total = model.evaluate(trace, machine).total()
        assert all({name: row[name] for name in total} == total for row in rows)

    def test_what_is_not_supported_is_refused_with_reasons(self, model: Model, machine: Machine, trace: Trace) -> None:
        """A dtype without an engine gives reasons, not a number; in a batch, a row with a status."""
        foreign = smoke_trace("int64")
        assert model.supports(trace, machine) == ()
        reasons = model.supports(foreign, machine)
        assert reasons
        with pytest.raises(UnsupportedError, match="int64"):
            model.evaluate(foreign, machine)
        row = next(model.evaluate_batch(foreign, [machine]).rows())
        assert (row["status"], row["message"]) == ("unsupported", "; ".join(reasons))
