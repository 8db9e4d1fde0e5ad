"""Programs of embedding bags, of their backward pass and of radix sorts: commands, bytes, who works."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import archmodel as am
from archmodel.kernels.data_movement import transfer_cycles
from archmodel.kernels.program import DRAM, HOST, ISSUE, LOAD, OCCUPANCY, RESOURCE, SERVICE, SIMD, UNIT, VECTOR
from archmodel.lowering.indexed import gather_rows, scatter_rows, unit_bytes
from archmodel.lowering.operators.embedding import lower_bags
from archmodel.lowering.operators.embedding_backward import lower_embedding_bag_backward
from archmodel.lowering.operators.sort import lower_radix_sort
from archmodel.lowering.phases import Phase, Site, find_site
from archmodel.lowering.pooling import choose_engine
from archmodel.mapping import place
from archmodel.workload.operators.embedding_backward import EmbeddingBagBackward
from archmodel.workload.operators.embedding_bag import EmbeddingBag
from archmodel.workload.operators.sort import RadixSort
from archmodel.workload.single import operators_trace
from archmodel.workload.types import OperatorKind

VARIANTS = {"mtia_2i_1.1ghz", "mtia_450", "mtia_500", "systolic_os"}  # of others that are asked
TIMED = [name for name in am.machines() if am.machine(name).timing is not None and name not in VARIANTS]
BAGS = EmbeddingBag(n_tables=8, rows=8_000_000, dim=64, batch=1024, pooling=128)


def site_of(op: OperatorKind, name: str = "mtia_2i", dtype: str = "fp16", hit: float | None = 0.0) -> Site:
    machine = am.machine(name, {} if hit is None else {"sram.embedding_hit": str(hit)})
    near = {operand.name: "sram" for operand in op.operands() if operand.role != "table"}
    trace = operators_trace(op.kind, [op.dims()], dtype, near)
    return find_site(trace, 0, machine, place(trace, machine))


def times(phase: Phase) -> np.ndarray:
    """How often a PE runs each command."""
    loops = phase.table.loops
    return np.repeat([1, loops[3], 1], loops[:3]) * loops[4]


def served_bytes(phases: tuple[Phase, ...], resource: int, width: float) -> float:
    """Bytes that a shared memory serves, all PEs together."""
    total = 0.0
    for phase in phases:
        commands = phase.table.commands
        asks = commands[:, RESOURCE] == resource
        total += (commands[asks, SERVICE] * times(phase)[asks]).sum() * phase.grid.n_pes * width
    return total


def test_rows_are_gathered_by_as_many_commands_as_it_takes():
    # MTIA 2i: 128 rows a command, issued by two contexts in 10 cycles each; rows that miss are prefetched.
    site = site_of(BAGS)
    prefetch, load = gather_rows(site, 300, 128.0, "rows", is_far=True, beside_bytes=0.0)
    assert (prefetch.issue_cycles, load.issue_cycles) == (30, 30)
    assert prefetch.occupancy_cycles == 3 * 16 + 300
    t = site.timing
    parts = [
        transfer_cycles(n, 128.0, t.dma_width, t.request_cycles, t.fragment_bytes, t.outstanding, t.sram_latency,
                        t.bucket_bytes, t.bucket_rate)
        for n in (128, 128, 44)
    ]  # fmt: skip
    assert load.occupancy_cycles == sum(parts)


def test_without_indexed_commands_each_row_is_one_that_the_core_prepares():
    # MTIA v1: an index and an instruction of 20 cycles for each row; nothing is prefetched.
    site = site_of(BAGS, "mtia_v1")
    (load,) = gather_rows(site, 32, 128.0, "rows", is_far=True, beside_bytes=0.0)
    assert load.issue_cycles == 32 * (20 + 20)
    spread = math.ceil((site.timing.sram_latency + site.timing.dram_latency + 1) / site.timing.outstanding)
    assert load.occupancy_cycles == 32 * (site.timing.request_cycles + spread)


@pytest.mark.parametrize(("row_bytes", "moved"), [(24.0, 64), (64.0, 64), (72.0, 128), (256.0, 256)])
def test_dram_moves_whole_access_units_of_rows_that_miss(row_bytes, moved):
    site = site_of(BAGS, hit=0.25)
    assert unit_bytes(site.rows, row_bytes) == moved
    prefetch, _ = gather_rows(site, 128, row_bytes, "rows", is_far=True, is_table=True)
    assert prefetch.service_cycles == math.ceil(96 * moved / site.dram.gather_width(row_bytes))
    store, write_back = scatter_rows(site, 128, row_bytes, "rows", is_far=True)
    assert (store.resource, write_back.resource) == ("sram", "dram")
    assert write_back.service_cycles == math.ceil(128 * moved / site.dram.gather_width(row_bytes))


def test_rows_that_all_hit_need_no_dram():
    (load,) = gather_rows(site_of(BAGS, hit=1.0), 128, 128.0, "rows", is_far=True, is_table=True)
    assert load.resource == "sram"


@pytest.mark.parametrize("name", ["mtia_v1", "mtia_2i", "mtia_300"])
@pytest.mark.parametrize("dims", [{}, {"pooling": 7}, {"pooling": 4000, "batch": 64}, {"batch": 1000, "dim": 96}])
def test_all_rows_come_out_of_dram_once(name, dims):
    op = replace(BAGS, **dims)
    site = site_of(op, name)
    row = op.dim * 2.0
    found = served_bytes(lower_bags(site, "tuned"), DRAM, site.dram.gather_width(row))
    wanted = op.batch * op.pooling * unit_bytes(site.rows, row)
    assert wanted <= found * 1.001
    assert found <= wanted * 1.2  # PEs and tiles have whole bags, services are whole cycles


@pytest.mark.parametrize(("kernel", "n_tokens"), [("tuned", 8), ("straightforward", 1)])
def test_kernels_differ_in_what_is_under_way(kernel, n_tokens):
    (phase,) = lower_bags(site_of(BAGS, "mtia_v1"), kernel)
    assert phase.table.capacity[0] == n_tokens


@pytest.mark.parametrize("name", ["mtia_v1", "mtia_2i"])
def test_the_straightforward_kernel_is_slower(name):
    site = site_of(BAGS, name, hit=1.0)
    tuned, plain = (sum(phase.run("representative").cycles for phase in lower_bags(site, k))
                    for k in ("tuned", "straightforward"))  # fmt: skip
    assert tuned < plain


def test_few_bags_are_shared_by_all_pes():
    whole, parts = (site_of(replace(BAGS, n_tables=1, batch=batch, pooling=2048)) for batch in (64, 1))
    (pool,) = lower_bags(whole, "tuned")
    first, second = lower_bags(parts, "tuned")
    assert (pool.grid.n_pes, first.grid.n_pes, second.grid.n_pes) == (64, 64, 1)
    cycles = sum(phase.run("representative").cycles for phase in (first, second))
    assert cycles < pool.run("representative").cycles / 8


def test_the_faster_engine_pools():
    # A pass of 32 lanes over 64 elements takes 2 cycles; a bag is one command of the SIMD engine on MTIA 2i.
    site = site_of(BAGS)
    unit, issue, occupancy = choose_engine(site, 8, 128, 64, "fp16", is_weighted=False)
    assert (unit, issue, occupancy) == ("simd", 80, 256)
    assert choose_engine(site, 8, 128, 64, "fp16", is_weighted=True)[2] == 512
    assert choose_engine(site, 8, 128, 64, "int8", is_weighted=False)[2] == 512
    without_simd = replace(site, has_simd=False)
    assert choose_engine(without_simd, 8, 128, 64, "fp16", is_weighted=False)[0] == "vector"
    without_cores = replace(site, cores=None)
    assert choose_engine(without_cores, 8, 128, 64, "fp16", is_weighted=False)[0] == "simd"


@pytest.mark.parametrize("name", ["mtia_v1", "mtia_2i"])
def test_a_pooling_command_adds_up_so_many_rows(name):
    # 32 rows on MTIA v1, 128 on MTIA 2i: a bag of 128 is four commands, or one.
    site = replace(site_of(replace(BAGS, n_tables=1), name), cores=None)
    _, issue, _ = choose_engine(site, 1, 128, 64, "fp16", is_weighted=False)
    assert issue == {"mtia_v1": 4 * 20, "mtia_2i": 10}[name]


def test_weights_of_lookups_are_read_beside_their_indices():
    plain, weighted = (site_of(replace(BAGS, weighted=flag), hit=1.0) for flag in (False, True))
    loads = []
    for site in (plain, weighted):
        commands = lower_bags(site, "tuned")[0].table.commands
        loads.append(commands[commands[:, UNIT] == LOAD][0])
    more_bytes = 2.0 * 128
    assert loads[1][SERVICE] - loads[0][SERVICE] in (0, math.ceil(more_bytes / plain.timing.own_width))
    assert loads[1][OCCUPANCY] - loads[0][OCCUPANCY] == more_bytes / plain.timing.dma_width


def test_rows_beyond_dram_come_through_the_host_link():
    op = replace(BAGS, rows=2_000_000_000)  # 256 GB, half of it in DRAM
    site = site_of(op)
    assert site.rows is not None
    assert site.rows.remote_frac == pytest.approx(0.5, abs=0.01)
    found = served_bytes(lower_bags(site, "tuned"), HOST, site.rows.host_width)
    assert found == pytest.approx(op.batch * op.pooling * 128.0 * site.rows.remote_frac, rel=0.02)


def test_a_table_in_sram_is_always_hit():
    assert site_of(replace(BAGS, rows=80_000), hit=None).rows.hit_frac == 1.0


def test_a_row_that_does_not_fit_is_refused():
    with pytest.raises(am.UnsupportedError, match=r"two rows of .* do not fit"):
        lower_bags(site_of(replace(BAGS, dim=200_000, rows=8)), "tuned")


QUESTIONS = [
    {"kind": "embedding_bag", "n_tables": 6, "rows": 600_000, "dim": 64, "batch": 100, "pooling": 90},
    {"kind": "embedding_bag", "n_tables": 1, "rows": 60_000, "dim": 96, "batch": 1, "pooling": 1},
    {"kind": "embedding_bag", "n_tables": 3, "rows": 600_000, "dim": 128, "batch": 40, "pooling": 2, "weighted": True},
    {"kind": "embedding_bag_backward", "n_tables": 6, "rows": 600_000, "dim": 64, "batch": 100, "pooling": 90,
     "unique": 4000},
    {"kind": "embedding_bag_backward", "n_tables": 1, "rows": 600, "dim": 32, "batch": 5, "pooling": 1, "unique": 2},
    {"kind": "radix_sort", "n": 100_000, "bits": 20},
    {"kind": "radix_sort", "n": 300},
]  # fmt: skip


@pytest.mark.parametrize("dims", QUESTIONS, ids=lambda dims: f"{dims['kind']}-{dims.get('batch', dims.get('n'))}")
@pytest.mark.parametrize("name", TIMED)
def test_answers_are_bracketed_and_models_agree(name, dims):
    machine = am.machine(name)
    if dims["kind"] == "radix_sort" and machine.timing.vector is None:
        with pytest.raises(am.UnsupportedError, match="indexed accesses of vector cores"):
            am.evaluate_operator(machine, dtype="fp16", model="cycle", **dims)
        return
    found = {model: am.evaluate_operator(machine, dtype="fp16", model=model, **dims) for model in ("cycle", "analytic")}
    for result in found.values():
        assert 0 < result["lower_s"] <= result["latency_s"] <= result["upper_s"]
    launch_s = found["cycle"]["launch_s"]
    cycle_s, analytic_s = (result["latency_s"] - launch_s for result in found.values())
    assert analytic_s == pytest.approx(cycle_s, rel=0.25)


@pytest.mark.parametrize("dims", QUESTIONS[::3], ids=lambda dims: dims["kind"])
def test_one_pe_stands_for_all(dims):
    machine = am.machine("mtia_2i")
    larger = {name: value * 4 if name in ("batch", "unique") else value for name, value in dims.items()}
    grid, one = (
        am.evaluate_operator(machine, dtype="fp16", model="cycle", mode=mode, **larger)["cycles"]
        for mode in ("grid", "representative")
    )
    assert one == pytest.approx(grid, rel=0.1)


def test_a_sort_takes_a_count_sums_and_a_move_for_each_digit():
    phases = lower_radix_sort(site_of(RadixSort(n=1_000_000, bits=25), "mtia_300"))
    assert [phase.name for phase in phases] == ["count", "running sums", "move"] * 4
    # Four indexed accesses a key: one to count, three to place keys and values and to move counters on.
    core = sum((phase.table.commands[:, OCCUPANCY] * times(phase))[phase.table.commands[:, UNIT] == VECTOR].sum()
               for phase in phases[:3])  # fmt: skip
    per_key = core / (1_000_000 / 72) * 2  # two cores
    assert 6 <= per_key <= 8.5


def test_the_backward_pass_moves_gradients_rows_and_momentum():
    op = EmbeddingBagBackward(n_tables=8, rows=8_000_000, dim=64, batch=1024, pooling=128, unique=40_000)
    site = site_of(op, "mtia_300", "fp32")
    (phase,) = lower_embedding_bag_backward(site)
    # Rows of 256 B and momentum, an access unit each, read and written; gradients are in SRAM.
    far = sum((phase.table.commands[:, SERVICE] * times(phase))[phase.table.commands[:, RESOURCE] == DRAM])
    width = [site.dram.gather_width(row_bytes) for row_bytes in (256.0, 4.0)]
    wanted = 2 * op.unique * (256 / width[0] + 64 / width[1])
    assert wanted <= far * phase.grid.n_pes <= 1.2 * wanted  # services are whole cycles
    summed = (phase.table.commands[:, OCCUPANCY] * times(phase))[phase.table.commands[:, UNIT] == SIMD].sum()
    assert summed >= (op.batch * op.pooling + 4 * op.unique) * 64 / site.timing.lanes / phase.grid.n_pes
    assert (phase.table.commands[:, ISSUE] >= 0).all()
