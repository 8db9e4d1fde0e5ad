"""Records of runs, and the timelines made of them."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

import archmodel as am
from archmodel.api import timeline
from archmodel.errors import InputError, UnsupportedError
from archmodel.kernels.program import (
    DRAM,
    EVENT_BUSY,
    EVENT_CAUSE,
    EVENT_COMMAND,
    EVENT_COMMANDS,
    EVENT_ENDED_AT,
    EVENT_FREE_AT,
    EVENT_GRANTED_AT,
    EVENT_ISSUED_AT,
    EVENT_PE,
    EVENT_STARTED_AT,
    EVENT_UNIT,
    EVENT_VISIBLE_AT,
    N_UNITS,
    NONE,
    SRAM,
)
from archmodel.lowering.phases import find_site
from archmodel.lowering.program import CAUSES, UNITS, Command, Grid, Input, Program, tabulate
from archmodel.lowering.record import new_record
from archmodel.lowering.run import hold_cycles, run_table
from archmodel.lowering.tracks import buffer_names, close_last, command_names, held_tokens, served_cycles
from archmodel.mapping import place
from archmodel.models.timeline import share_out
from archmodel.workload.single import operators_trace

# The worked example of docs/methods/timing.md.
EXAMPLE = Program(
    body=(
        Command("load", 2, 8, 20, (), "tile", resource="sram", service_cycles=12),
        Command("matrix", 4, 10, 5, (Input("tile"),)),
    ),
    buffers={"tile": 2},
    n_inner=3,
    grid=Grid(n_m=2),
)


def follow(program, mode, n_rows=100_000, window=()):
    table = tabulate(program)
    record = new_record(program.grid.n_pes if mode == "grid" else 1, len(program.buffers), n_rows, *window)
    run = run_table(table, program.grid, mode, program.queue_depth, program.is_round_robin, record)
    return table, run, record


def draw_program(seed):
    """A pipeline of five commands with numbers drawn at random."""
    n = random.Random(seed).randint
    shared = random.Random(seed).choice(["sram", "dram"]), random.Random(seed).choice(["own", "same_a"])
    body = (
        Command(
            "load", n(0, 5), n(1, 30), n(0, 200), (), "a", resource=shared[0], service_cycles=n(0, 20), cast=shared[1]
        ),
        Command("load", n(0, 5), n(1, 30), n(0, 200), (), "b", resource="sram", service_cycles=n(0, 20)),
        Command("matrix", n(0, 5), n(1, 50), n(-1, 30), (Input("a"), Input("b")), "c"),
        Command("simd", 1, n(1, 20), 5, (Input("c"),), "d"),
        Command("store", 1, n(1, 10), 5, (Input("d"),), resource="sram", service_cycles=n(0, 20)),
    )
    buffers = {"a": n(1, 4), "b": n(1, 4), "c": n(1, 2), "d": n(1, 3)}
    return Program(body, buffers, n_inner=n(1, 300), n_outer=n(1, 4), grid=Grid(n_m=n(1, 2), n_n=n(1, 3)))


SEEDS = range(12)


# Records.


def test_record_of_the_worked_example():
    _, run, record = follow(EXAMPLE, "grid")
    columns = [EVENT_STARTED_AT, EVENT_FREE_AT, EVENT_GRANTED_AT, EVENT_ENDED_AT, EVENT_VISIBLE_AT]
    of_pe = [record.events[record.events[:, EVENT_PE] == pe] for pe in range(2)]
    loads = [events[events[:, EVENT_COMMAND] == 0] for events in of_pe]
    assert loads[0][:, columns].tolist() == [[2, 10, 2, 14, 34], [10, 18, 26, 38, 58], [44, 52, 50, 62, 82]]
    assert loads[1][:, columns].tolist() == [[2, 10, 14, 26, 46], [10, 18, 38, 50, 70], [56, 64, 62, 74, 94]]
    assert loads[0][:, EVENT_ISSUED_AT].tolist() == [2, 8, 14]
    assert [CAUSES[cause] for cause in loads[1][:, EVENT_CAUSE]] == ["issue", "data", "space"]
    multiplies = of_pe[1][of_pe[1][:, EVENT_COMMAND] == 1]
    assert multiplies[:, [EVENT_STARTED_AT, EVENT_ENDED_AT, EVENT_VISIBLE_AT]].tolist() == [
        [46, 56, 61], [70, 80, 85], [94, 104, 109],
    ]  # fmt: skip
    assert record.events[:, EVENT_VISIBLE_AT].max() == run.cycles


@pytest.mark.parametrize("mode", ["grid", "representative"])
@pytest.mark.parametrize("seed", SEEDS)
def test_record_agrees_with_the_ledger_of_the_run(seed, mode):
    program = draw_program(seed)
    table, run, record = follow(program, mode)
    plain = run_table(table, program.grid, mode, program.queue_depth)
    assert (run.cycles, run.n_commands) == (plain.cycles, plain.n_commands)
    np.testing.assert_array_equal(run.stall_cycles, plain.stall_cycles)
    close_last(record)
    events = record.events[record.events[:, EVENT_UNIT] < N_UNITS]
    n_like = 1 if mode == "grid" else program.grid.n_pes
    assert events[:, EVENT_COMMANDS].sum() * n_like == run.n_commands
    busy = np.zeros_like(run.busy_cycles)
    np.add.at(busy, (events[:, EVENT_PE], events[:, EVENT_UNIT]), events[:, EVENT_BUSY])
    np.testing.assert_array_equal(busy, run.busy_cycles)
    for pe, unit in {(pe, unit) for pe, unit in events[:, [EVENT_PE, EVENT_UNIT]].tolist()}:
        mine = events[(events[:, EVENT_PE] == pe) & (events[:, EVENT_UNIT] == unit)]
        assert (mine[1:, EVENT_STARTED_AT] >= mine[:-1, EVENT_FREE_AT]).all(), (pe, UNITS[unit])
    for resource in (SRAM, DRAM):
        served = served_cycles(record, table, hold_cycles(table, program.grid, mode), resource, np.array([0, 10**9]))
        assert served.sum() == run.served_cycles[resource]


@pytest.mark.parametrize("seed", SEEDS)
def test_each_pe_runs_every_command_once_per_turn(seed):
    program = replace(draw_program(seed), n_inner=3, n_outer=2)
    _, _, record = follow(program, "grid")
    ran = record.events[:, [EVENT_PE, EVENT_COMMAND]].tolist()
    expected = [[pe, command] for pe in range(program.grid.n_pes) for command in range(5)] * 6
    assert sorted(ran) == sorted(expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_recorded_around_a_skip_is_what_happens_without(seed):
    program = replace(draw_program(seed), n_inner=500)
    table, run, record = follow(program, "representative")
    _, _, full = follow(program, "representative", window=(0, 10**12))  # a window is followed command by command
    skips = record.events[record.events[:, EVENT_COMMAND] == NONE]
    assert (run.n_skipped > 0) == (len(skips) > 0)
    assert not (full.events[:, EVENT_COMMAND] == NONE).any()
    everything = {tuple(row) for row in full.events.tolist()}
    assert {tuple(row) for row in record.events[record.events[:, EVENT_COMMAND] != NONE].tolist()} <= everything
    times = np.arange(run.cycles)
    for skip in skips:
        times = times[(times < skip[EVENT_ISSUED_AT]) | (times >= skip[EVENT_ISSUED_AT] + skip[EVENT_ENDED_AT] - skip[EVENT_STARTED_AT])]  # fmt: skip  # noqa: E501
    for b, ((cycles, tokens), (cycles_, tokens_)) in enumerate(
        zip(held_tokens(full, table)[0], held_tokens(record, table)[0], strict=True)
    ):
        assert tokens.min() >= 0
        assert tokens.max() <= table.capacity[b]
        assert tokens[-1] == 0
        np.testing.assert_array_equal(at_times(cycles, tokens, times), at_times(cycles_, tokens_, times))


def at_times(cycles, values, times):
    return np.concatenate(([0], values))[np.searchsorted(cycles, times, side="right")]


@pytest.mark.parametrize("mode", ["grid", "representative"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_window_has_what_is_at_work_in_it(seed, mode):
    program = draw_program(seed)
    table, run, full = follow(program, mode, window=(0, 10**12))
    since, until = run.cycles // 3, run.cycles // 2
    _, _, part = follow(program, mode, window=(since, until))
    events = full.events
    ends = events[:, EVENT_STARTED_AT] + events[:, EVENT_BUSY]
    np.testing.assert_array_equal(part.events, events[(events[:, EVENT_STARTED_AT] < until) & (ends >= since)])
    # Buffers of engines without requests hold what they hold: nothing is under way when the window begins.
    (cycles, tokens), (cycles_, tokens_) = held_tokens(full, table)[0][2], held_tokens(part, table)[0][2]
    times = np.arange(since, until)
    before = np.concatenate(([part.held_before[0, 2]], tokens_))[np.searchsorted(cycles_, times, side="right")]
    np.testing.assert_array_equal(at_times(cycles, tokens, times), before)


def test_a_full_record_says_what_is_missing():
    program = replace(EXAMPLE, n_inner=250_000)
    _, run, record = follow(program, "grid", n_rows=1000)
    assert run.n_commands == 10**6
    assert record.rows.shape == (1000, 13)
    assert record.n_lost == 10**6 - 1000
    _, _, full = follow(program, "grid", n_rows=3000, window=(0, record.lost_from_cycle))
    complete = record.events[record.events[:, EVENT_STARTED_AT] < record.lost_from_cycle]
    assert sorted(complete.tolist()) == sorted(full.events.tolist())


def test_names_of_commands_and_buffers():
    table = tabulate(draw_program(0))
    assert command_names(table)[2:] == ("matrix", "simd", "store (sram)")
    assert buffer_names(table) == ("load → matrix 1", "load → matrix 2", "matrix → simd", "simd → store")


@pytest.mark.parametrize(
    ("needs", "n_total", "shares"),
    [([5, 5, 5], 20, [5, 5, 5]), ([100, 1, 100], 21, [10, 1, 10]), ([7, 7], 5, [3, 2]), ([], 5, []), ([9], 0, [0])],
)
def test_events_are_shared_out(needs, n_total, shares):
    assert share_out(needs, n_total) == shares


# Timelines.

SHAPES = [{"m": 256, "n": 512, "k": 512}, {"m": 512, "n": 1024, "k": 1024}]


@pytest.fixture(scope="module")
def machine():
    return am.machine("mtia_2i")


@pytest.fixture(scope="module")
def trace():
    """Two matmuls, the second one three times."""
    lone = operators_trace("matmul", SHAPES, "fp16", {"a": "sram"})
    return replace(lone, operators=(lone.operators[0], replace(lone.operators[1], count=3)))


@pytest.mark.parametrize("launch", ["graph", "eager"])
@pytest.mark.parametrize("mode", ["grid", "representative"])
def test_timeline_lasts_as_long_as_the_result(machine, trace, launch, mode):
    shown = timeline(machine, trace, launch=launch, mode=mode)
    result = am.evaluate(machine, trace, model="cycle", launch=launch, mode=mode)
    assert shown.latency_s == result.latency_s
    ends = [span.end_s for span in shown.spans if span.track.name == "operators"]
    assert max(ends) == pytest.approx(result.latency_s, rel=1e-12)
    of_operators = [span for span in shown.spans if span.track.name == "operators"]
    assert [span.name for span in of_operators] == ["matmul0", "matmul1", "matmul1: 2 more"]
    lasts_s = [span.end_s - span.start_s for span in of_operators]
    launch_s = result.operators["launch_s"][1] / 3
    assert lasts_s[2] == pytest.approx(2 * (lasts_s[1] + launch_s), rel=1e-9)
    launched_s = sum(span.end_s - span.start_s for span in shown.spans if span.track.name == "launches")
    assert launched_s == pytest.approx(result.launch_s - 2 * launch_s)
    busy = dict(zip(result.operators["operator"], result.operators["work_cycles"], strict=True))
    assert busy_cycles(shown, 0) == busy["matmul0"]["matrix"]
    assert busy_cycles(shown, 1) == busy["matmul1"]["matrix"] / 3


def busy_cycles(shown, operator):
    """Cycles at work of the busiest matrix engine in the first execution of an operator."""
    span = [span for span in shown.spans if span.track.name == "operators"][operator]
    events = shown.events
    is_inside = (events.start_s >= span.start_s - 1e-12) & (events.start_s < span.end_s)
    of_matrix = np.array([track.name == "matrix" for track in shown.tracks])
    chosen = is_inside & of_matrix[events.track]
    return np.bincount(events.track[chosen], weights=events.busy_cycles[chosen]).max()


def test_bandwidth_adds_up_to_what_memories_serve(machine, trace):
    shown = timeline(machine, trace)
    work = am.evaluate(machine, trace, model="cycle").operators["work_cycles"]
    timing = find_site(trace, 0, machine, place(trace, machine)).timing
    for name, width in (("sram", timing.sram_width), ("dram", timing.dram_width)):
        (counter,) = (counter for counter in shown.counters if counter.track.name == name.upper())
        moved_bytes = (counter.value * np.diff(counter.time_s, append=shown.latency_s)).sum() * 1e9
        assert moved_bytes == pytest.approx(sum(row[name] for row in work) * width, rel=1e-6)


def test_a_window_of_a_timeline(machine, trace):
    whole = timeline(machine, trace, mode="grid")
    span = next(span for span in whole.spans if span.name == "matmul1")
    window_s = (span.start_s + 2e-6, span.start_s + 4e-6)
    part = timeline(machine, trace, mode="grid", window_s=window_s)
    assert part.window_s == window_s
    assert part.is_sampled
    assert not whole.is_sampled
    events = whole.events
    is_inside = (events.start_s < window_s[1]) & (events.end_s > window_s[0])
    assert abs(part.n_events - np.count_nonzero(is_inside)) <= 2 * machine.pe.n_pes  # ends in the first cycle
    assert {span.name for span in part.spans} == {"matmul1", "product"}
    for counter in part.counters:
        assert counter.time_s.min() >= window_s[0]
        assert counter.time_s.max() <= window_s[1]


def test_few_events_are_shared_by_phases_and_complete_up_to_a_time(machine, trace):
    whole, few = timeline(machine, trace, mode="grid"), timeline(machine, trace, mode="grid", max_events=1500)
    assert 700 < few.n_events <= 1500
    assert few.is_sampled
    assert few.remarks[0].startswith("2 phases are recorded from their beginning only")
    missing = [span for span in few.spans if span.name == "not recorded"]
    starts = [span.start_s for span in whole.spans if span.track.name == "phases"]
    for span, start_s in zip(missing, starts, strict=True):
        inside = [(t.events.start_s >= start_s) & (t.events.start_s < span.start_s) for t in (whole, few)]
        assert np.count_nonzero(inside[0]) == np.count_nonzero(inside[1]) > 0


def test_operators_by_pattern_and_one_pass(machine, trace):
    some = timeline(machine, trace, operators="*0")
    ends = [span.end_s for span in some.spans if span.name == "matmul0" and span.track.name == "operators"]
    assert 0 < some.events.end_s.max() <= ends[0] + 1e-12
    folded = timeline(machine, trace, is_folded=True)
    assert not [span for span in folded.spans if "more" in span.name]
    assert folded.window_s[1] < folded.latency_s
    assert folded.n_events == timeline(machine, trace).n_events


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"window_s": (2e-6, 1e-6)}, "give a start from 0 and a later end"),
        ({"window_s": (-1e-6, 1e-6)}, "give a start from 0 and a later end"),
        ({"window_s": (1.0, 2.0)}, "window: starts at 1 s; what is shown is over after"),
        ({"max_events": 0}, "max_events: 0 is not allowed; allowed: whole numbers from 1"),
        ({"operators": "matmul9"}, "operators: 'matmul9' matches no operator; did you mean 'matmul"),
        ({"mode": "all"}, "unknown mode of model 'cycle' 'all'"),
    ],
)
def test_refused_with_the_reason(machine, trace, fields, reason):
    with pytest.raises(InputError) as error:
        timeline(machine, trace, **fields)
    assert reason in str(error.value)


def test_machines_without_timing_have_no_timeline(trace):
    with pytest.raises(UnsupportedError, match="no section 'timing' is described"):
        timeline(am.machine("h100_sxm"), trace)
