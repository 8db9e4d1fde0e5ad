"""Whatever the machine and the trace: more of a resource never costs time, and times scale with rates."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archmodel as am
from archmodel.kernels.roofline import time_traces
from archmodel.lowering import pack_machines, pack_operators, pack_placements
from archmodel.machine.types import ScaleUpLink
from archmodel.mapping import place
from archmodel.workload.operators.attention import Attention
from archmodel.workload.operators.collective import Collective
from archmodel.workload.operators.elementwise import Elementwise
from archmodel.workload.operators.embedding_bag import EmbeddingBag
from archmodel.workload.operators.gather import Gather
from archmodel.workload.operators.matmul import Matmul
from archmodel.workload.operators.normalise import RmsNorm

ROUNDING = 1e-12

# More of these never makes latency, lower or upper bound larger.
GROWING = (
    "clock_hz", "pe.rows", "pe.cols", "matrix.n_tiles", "matrix.reuse_rows", "matrix.reuse_cols",
    "local.capacity_bytes", "local.width_bytes_per_cycle", "sram.capacity_bytes", "sram.width_bytes_per_cycle",
    "sram.embedding_hit_frac", "dram.bandwidth_bytes_per_s", "dram.efficiency_frac", "dram.gather_efficiency_frac",
    "dram.capacity_bytes", "host.bandwidth_bytes_per_s", "scale_up.bandwidth_bytes_per_s",
)  # fmt: skip
# Less of these never does.
SHRINKING = (
    "dram.ecc_overhead_frac", "launch.job_s", "launch.operator_s", "launch.eager_s", "scale_up.latency_s",
    "scale_up.launch_s", "scale_up.message_s",
)  # fmt: skip
# Neither: sram.partition_bytes and dram.access_bytes, which are grains.


def get(machine: Any, path: str) -> Any:
    for name in path.split("."):
        machine = getattr(machine, name)
    return machine


def put(machine: Any, path: str, value: Any) -> Any:
    head, _, rest = path.partition(".")
    return dataclasses.replace(machine, **{head: put(getattr(machine, head), rest, value) if rest else value})


def scale(machine: am.Machine, factors: dict[str, float]) -> am.Machine:
    for path, factor in factors.items():
        machine = put(machine, path, get(machine, path) * factor)
    return machine


factors = st.floats(-4, 4).map(lambda exponent: 2.0**exponent)
counts = st.integers(0, 14).map(lambda exponent: 2**exponent)


@st.composite
def machines(draw: st.DrawFn) -> am.Machine:
    """Draw a shipped machine with its proportions changed, and with every link."""
    machine = am.machine(draw(st.sampled_from(am.machines())))
    machine = dataclasses.replace(
        machine, scale_up=machine.scale_up or ScaleUpLink(1e11, 8, "switch", 1e-6, 1e-7, 1e-6, 1.0)
    )
    paths = ("clock_hz", "local.capacity_bytes", "sram.capacity_bytes", "dram.bandwidth_bytes_per_s")
    return scale(machine, {path: draw(factors) for path in paths})


@st.composite
def traces(draw: st.DrawFn) -> am.Trace:
    """Draw a few operators that between them use every resource; tables up to terabytes, beyond any DRAM."""
    rows, cols = 16 * draw(counts), 16 * draw(counts)
    b = am.TraceBuilder(dtype="bf16")
    x = b.input("x", (rows, cols))
    with b.repeat(draw(st.integers(1, 40)), "layers"):
        x = b.add("fc", Matmul(m=rows, n=cols, k=cols), x)
        if draw(st.booleans()):
            x = b.add("silu", Elementwise(n=rows * cols, function="silu"), x)
        if draw(st.booleans()):
            x = b.add("norm", RmsNorm(rows=rows, cols=cols), x)
        if draw(st.booleans()):
            q, k, v = (b.input(name, (1, rows, 8, 64), role="kv_cache") for name in "qkv")
            sizes = {"n_heads": 8, "n_kv_heads": 8, "head_dim": 64, "q_len": rows, "kv_len": rows}
            b.add("attention", Attention(batch=1, **sizes), q, k, v)
        if draw(st.booleans()):
            b.add("all_reduce", Collective(function="all_reduce", n=rows * cols, n_chips=8), x)
        if draw(st.booleans()):
            picked = b.input("picked", (rows,), role="index")
            b.add("tokens", Gather(rows=10_000, dim=cols, n=rows, is_weight=True), picked)
    if draw(st.booleans()):
        indices = b.input("indices", (rows * 20,), role="index")
        dim = draw(st.integers(1, 300))
        b.add(
            "bags",
            EmbeddingBag(n_tables=1, rows=10 ** draw(st.integers(3, 10)), dim=dim, batch=rows, pooling=20),
            indices,
        )
    return b.finish(name="drawn", title="Drawn", phase="forward", run={}, items=1, item="step")


def evaluate(trace: am.Trace, *many: am.Machine, launch: Any = "graph") -> dict[str, Any]:
    n = len(many)
    out = {"latency_s": np.empty(n), "lower_s": np.empty(n), "upper_s": np.empty(n), "bound_s": np.empty((n, 9))}
    placements = pack_placements([place(trace, machine, launch) for machine in many])
    time_traces(pack_operators(trace), pack_machines(many), placements, *out.values())
    return out


def is_never_slower(times: dict[str, Any]) -> bool:
    """Compare the first machine with all others."""
    return all(
        (times[name][1:] <= times[name][0] * (1 + ROUNDING)).all() for name in ("latency_s", "lower_s", "upper_s")
    )


@pytest.mark.parametrize("path", GROWING)
@settings(max_examples=40, deadline=None)
@given(trace=traces(), machine=machines(), growth=st.floats(0.01, 15))
def test_more_never_costs_time(path, trace, machine, growth):
    value = get(machine, path)
    more = value + int(1 + growth) if isinstance(value, int) else value * (1 + growth)
    better = put(machine, path, min(1.0, more) if path.endswith("_frac") else more)
    assert is_never_slower(evaluate(trace, machine, better))


@pytest.mark.parametrize("path", SHRINKING)
@settings(max_examples=20, deadline=None)
@given(trace=traces(), machine=machines(), share=st.floats(0, 0.99))
def test_less_overhead_never_costs_time(path, trace, machine, share):
    better = put(machine, path, get(machine, path) * share)
    for launch in ("graph", "eager"):
        assert is_never_slower(evaluate(trace, machine, better, launch=launch))


RATES = ("clock_hz", "dram.bandwidth_bytes_per_s", "host.bandwidth_bytes_per_s", "scale_up.bandwidth_bytes_per_s")

WAITS = ("launch.job_s", "launch.operator_s", "launch.eager_s", "scale_up.latency_s", "scale_up.launch_s",
         "scale_up.message_s")  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(trace=traces(), machine=machines(), factor=factors)
def test_all_rates_times_s_is_all_times_over_s(trace, machine, factor):
    faster = scale(machine, dict.fromkeys(RATES, factor) | dict.fromkeys(WAITS, 1 / factor))
    for name, times_s in evaluate(trace, machine, faster).items():
        np.testing.assert_allclose(times_s[1] * factor, times_s[0], rtol=ROUNDING, err_msg=name)


@settings(max_examples=40, deadline=None)
@given(trace=traces(), machine=machines(), clocks=st.lists(factors, min_size=2, max_size=70))
def test_batch_is_machine_by_machine_to_the_last_bit_and_again(trace, machine, clocks):
    many = [scale(machine, {"clock_hz": factor}) for factor in clocks]
    batch, again = evaluate(trace, *many), evaluate(trace, *many)
    one_by_one = [evaluate(trace, each) for each in many]
    for name, values in batch.items():
        assert values.tobytes() == again[name].tobytes()
        assert values.tobytes() == b"".join(one[name].tobytes() for one in one_by_one)


@settings(max_examples=40, deadline=None)
@given(trace=traces(), machine=machines(), n=st.integers(2, 100))
def test_n_times_the_executions_cost_n_times(trace, machine, n):
    operators = [dataclasses.replace(operator, count=operator.count * n) for operator in trace.operators]
    repeated = dataclasses.replace(trace, operators=tuple(operators))
    for launch, job_s in (("eager", 0.0), ("graph", machine.launch.job_s)):
        once, times = evaluate(trace, machine, launch=launch), evaluate(repeated, machine, launch=launch)
        np.testing.assert_allclose(times["latency_s"] - job_s, n * (once["latency_s"] - job_s), rtol=1e-9)
        np.testing.assert_allclose(times["upper_s"] - job_s, n * (once["upper_s"] - job_s), rtol=1e-9)
        np.testing.assert_allclose(times["lower_s"], n * once["lower_s"], rtol=ROUNDING)


@pytest.mark.parametrize("path", ["dram.capacity_bytes", "sram.capacity_bytes"])
@pytest.mark.parametrize("table_gb", [100, 150, 400])
def test_capacity_never_costs_time_where_tables_exceed_dram(path, table_gb):
    """Rows from behind the host link land in DRAM, so moving them there for good can only save."""
    b = am.TraceBuilder(dtype="bf16")
    x = b.input("x", (2**20, 4096))
    b.add("fc", Matmul(m=2**20, n=4096, k=4096), x)  # 17 GB of activations: most of them spill
    bags = EmbeddingBag(n_tables=1, rows=table_gb * 10**9 // 256, dim=128, batch=10_000, pooling=10_000)
    b.add("bags", bags, b.input("indices", (10**8,), role="index"))
    trace = b.finish(name="tables", title="Tables", phase="forward", run={}, items=1, item="step")
    machine = am.machine("mtia_2i", {"dram.capacity": "128 GB"})
    factors = [1.0, 1.2, 2.0, 4.0, 64.0]
    latency_s = evaluate(trace, *(scale(machine, {path: factor}) for factor in factors))["latency_s"]
    assert (np.diff(latency_s) <= latency_s[:-1] * ROUNDING).all()
