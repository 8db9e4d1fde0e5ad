"""The law of the command processor: by hand, against the event engine, never faster with more to do."""

from __future__ import annotations

import numpy as np
import pytest

from archmodel.kernels.program import (
    DATA,
    EVENT_COMMAND,
    EVENT_STARTED_AT,
    IN_A,
    ISSUE,
    ISSUED,
    LATENCY,
    N_CAUSES,
    N_COMMAND_FIELDS,
    NONE,
    OCCUPANCY,
    OUT,
    SPACE,
    UNIT,
)
from archmodel.lowering.program import CommandTable, Grid
from archmodel.lowering.record import new_record
from archmodel.lowering.run import run_table
from archmodel.verify.bench import draw_points, load_law
from archmodel.verify.contract import find_unit

BLOCK = find_unit("command_processor")
PARAMETERS = {"UNITS": 2, "BUFFERS": 1, "DEPTH": 1, "UNDER_WAY": 2}


def command(unit, issue, occupancy, latency=0, taken=NONE, given=NONE):
    row = np.zeros(N_COMMAND_FIELDS, np.int64)
    row[[UNIT, ISSUE, OCCUPANCY, LATENCY]] = unit, issue, occupancy, latency
    row[IN_A : IN_A + 3], row[OUT : OUT + 3] = (taken, 1, 1), (given, 1, 1)
    row[[IN_A + 3, 4]] = NONE
    return row if taken != NONE else np.where(np.isin(np.arange(row.size), [IN_A + 1, IN_A + 2]), 0, row)


def follow(*programs, **changed):
    capacity = np.array([1])
    _, order, times = load_law(BLOCK.folder).follow(
        PARAMETERS | changed, capacity, [np.array(rows) for rows in programs]
    )
    return order.tolist(), *times.tolist()


def test_a_load_and_a_multiply_by_hand():
    # Two tokens through a buffer of one: the second load starts when the first multiply ends at 11.
    turn = [command(0, 1, 4, 2, given=0), command(1, 2, 3, taken=0)]
    _, issued, started, ended, visible = follow(turn * 2)
    assert issued == [1, 3, 4, 8]
    assert started == [1, 7, 10, 16]
    assert ended == [5, 10, 14, 19]
    assert visible == [7, 10, 16, 19]


def test_a_core_prepares_a_command_while_its_queue_is_full():
    # Each occupies the unit for 10: the third one finds a place when the second starts at 13, long prepared by then.
    issued, started = follow([command(0, 3, 10)] * 3)[1:3]
    assert (issued, started) == ([3, 6, 14], [3, 13, 23])


def test_cores_take_turns():
    order, issued = follow([command(0, 1, 1)] * 2, [command(1, 1, 1)] * 2, DEPTH=4)[:2]
    assert (order, issued) == ([0, 2, 1, 3], [1, 3, 2, 4])


@pytest.mark.parametrize("build", ["small", "odd", "medium", "pe"])
def test_equals_the_event_engine_once_it_is_known_when_commands_are_issued(build):
    law, parameters = load_law(BLOCK.folder), BLOCK.contract.builds[build]
    for point in draw_points(BLOCK, build, 20):
        programs = [np.array(rows) for rows in point.stimulus["programs"]]
        capacity = np.array(point.stimulus["capacity"])
        n_held, order, times = law.follow(parameters, capacity, programs)
        if n_held:  # the engine has no limit to what is under way
            continue
        rows = np.concatenate(programs)[order]
        rows[:, ISSUE] = np.diff(times[0, order], prepend=0)
        record = new_record(1, capacity.size, len(rows))
        table = CommandTable(rows, np.array([0, len(rows), 0, 1, 1]), capacity)
        run_table(table, Grid(), "grid", 64, record=record)
        started = np.zeros(len(rows), np.int64)
        started[record.events[:, EVENT_COMMAND]] = record.events[:, EVENT_STARTED_AT]
        assert started.tolist() == times[1, order].tolist()


@pytest.mark.parametrize("build", ["small", "medium"])
def test_times_and_stalls_are_those_of_the_event_engine_with_one_core(build):
    law, parameters = load_law(BLOCK.folder), BLOCK.contract.builds[build]
    seen = np.zeros(N_CAUSES, np.int64)
    for point in draw_points(BLOCK, build, 60):
        rows, capacity = np.array(point.stimulus["programs"][0]), np.array(point.stimulus["capacity"])
        _, order, times = law.follow(parameters, capacity, [rows])
        cycles, of_engine, stalls = law.run_engine(parameters, capacity, rows)
        assert order.tolist() == [*range(len(rows))]
        assert times.tolist() == of_engine.tolist()
        assert cycles == times[3].max() + 1
        counted = law.count_stalls(capacity, rows, times)
        assert counted.tolist() == stalls[: law.MOST_UNITS].tolist()
        seen += counted.sum(axis=0)
    assert (seen[[DATA, SPACE, ISSUED] if build == "small" else slice(None)] > 0).all()


@pytest.mark.parametrize("column", [ISSUE, OCCUPANCY, LATENCY])
def test_more_takes_no_less_on_one_core(column):
    law, parameters = load_law(BLOCK.folder), BLOCK.contract.builds["medium"]
    rng = np.random.default_rng(1)
    for point in draw_points(BLOCK, "medium", 20):
        rows, capacity = np.array(point.stimulus["programs"][0]), np.array(point.stimulus["capacity"])
        longer = rows.copy()
        longer[rng.integers(len(rows)), column] += 5
        before, after = (law.follow(parameters, capacity, [program])[2] for program in (rows, longer))
        assert (after >= before).all()
