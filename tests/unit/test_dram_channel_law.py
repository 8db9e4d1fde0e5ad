"""Laws of a DRAM channel: closed forms and the recurrence agree, and no command comes earlier than a DRAM allows."""

from __future__ import annotations

import numpy as np
import pytest

from archmodel.kernels.dram_channel import (
    BURST,
    CCD,
    CHECKED,
    CL,
    CLOSED,
    CONFLICT,
    CWL,
    HIT,
    ISSUED,
    N_STEPS,
    N_TIMES,
    OPENED,
    RAS,
    RCD,
    REFI,
    RFC,
    RP,
    RRD,
    RTP,
    RTW,
    WR,
    WTR,
    alternating_cycles,
    channel_events,
    conflict_cycles,
    refresh_cycles,
    stream_cycles,
)
from archmodel.verify.contract import find_unit

NO_GAPS = np.zeros(1, dtype=np.int64)


def times_of(rng, interval=1 << 40):
    times = rng.integers(1, 12, N_TIMES)
    times[RRD] = rng.integers(1, times[RAS] + 1)
    times[CCD] += times[BURST] - 1
    times[RTW] += max(0, times[CL] + times[BURST] - times[CWL] - 1)
    times[REFI] = interval
    return times


def follow(times, requests, queue=8, responses=64, in_gap=NO_GAPS, out_gap=NO_GAPS):
    requests = np.array(requests, dtype=np.int64)
    n = len(requests)
    steps, found = np.zeros((n, N_STEPS), np.int64), np.zeros(n, np.int64)
    given, closed = np.zeros((requests[:, 0] == 0).sum(), np.int64), np.zeros(4096, np.int64)
    banks = np.zeros((8, 2), np.int64)
    n_closed = channel_events(times, queue, responses, requests, in_gap, out_gap, banks, steps, found, given, closed)
    return steps, found, given, closed[:n_closed]


def cycles(times, requests, **fields):
    steps, _, given, _ = follow(times, requests, **fields)
    return max(steps[-1, ISSUED], given.max(initial=0)) + 1


@pytest.mark.parametrize("seed", range(50))
def test_closed_forms_are_the_recurrence_without_stalls(seed):
    rng = np.random.default_rng(seed)
    times, n, is_write, queue = times_of(rng), int(rng.integers(1, 60)), seed % 2, int(rng.integers(4, 10))
    responses = int(rng.integers(1, 9))
    stream = cycles(times, [(is_write, 0, 0)] * n, queue=queue, responses=responses)
    assert stream == stream_cycles(times, responses, n, is_write, 0)
    conflicts = cycles(times, [(is_write, 0, i) for i in range(n)], queue=queue)
    assert conflicts == conflict_cycles(times, n, is_write)
    n_batches, batch = int(rng.integers(1, 9)), int(rng.integers(1, 6))
    batches = [((is_write + i) % 2, 0, 0) for i in range(n_batches) for _ in range(batch)]
    assert cycles(times, batches, queue=queue) == alternating_cycles(times, n_batches, batch, is_write)


def test_column_commands_of_one_bank_keep_their_distance():
    times = np.ones(N_TIMES, np.int64)
    times[CCD], times[REFI] = 11, 1 << 40
    expected = 2 + 1 + 4 * 11 + 3  # first ACT, RCD, four times CCD, data of the last
    assert cycles(times, [(0, 0, i) for i in range(5)]) == conflict_cycles(times, 5, False) == expected


@pytest.mark.parametrize("build", find_unit("dram_channel").contract.builds.values())
def test_builds_use_the_data_bus_once(build):
    assert build["T_CCD"] >= build["T_BURST"]
    assert build["T_RTW"] >= build["T_CL"] + build["T_BURST"] - build["T_CWL"]


@pytest.mark.parametrize("is_write", [0, 1])
def test_refresh_takes_its_share(is_write):
    times = times_of(np.random.default_rng(3), interval=400)
    n = 20_000
    requests = [(is_write, 0, 0)] * n
    steps, _, _, closed = follow(times, requests)
    n_refreshes = int((closed < steps[-1, ISSUED]).sum())
    assert cycles(times, requests) == stream_cycles(times, 64, n, is_write, n_refreshes)
    usable = 1 - refresh_cycles(times, is_write) / times[REFI]
    assert n * times[CCD] / steps[-1, ISSUED] == pytest.approx(usable, rel=0.01)


def test_more_requests_take_longer():
    times = times_of(np.random.default_rng(5))
    for law in (
        lambda n: stream_cycles(times, 4, n, False, 0),
        lambda n: conflict_cycles(times, n, True),
        lambda n: alternating_cycles(times, n, 3, True),
    ):
        counted = [law(n) for n in range(1, 40)]
        assert counted == sorted(counted)


@pytest.mark.parametrize("seed", range(20))
def test_no_command_comes_too_early(seed):
    rng = np.random.default_rng(seed)
    times = times_of(rng, interval=int(rng.integers(80, 300)))
    requests = rng.integers(0, [2, 4, 3], (200, 3))
    gaps = rng.integers(0, 5, 37)
    steps, found, _, closed = follow(times, requests, queue=6, responses=3, in_gap=gaps, out_gap=gaps[::-1].copy())
    end_of_data = times[CWL] + times[BURST]
    data = np.sort(steps[:, ISSUED] + np.where(requests[:, 0] == 1, times[CWL], times[CL]))
    assert np.diff(data).min() >= times[BURST]
    row_bus = [*steps[found == CONFLICT, CHECKED], *steps[found != HIT, OPENED], *closed]
    assert len(set(row_bus)) == len(row_bus)
    for k, now in enumerate(requests):
        checked, opened, issued = steps[k, CHECKED], steps[k, OPENED], steps[k, ISSUED]
        assert not any(at <= checked < at + times[RP] + times[RFC] for at in closed)
        if found[k] == CONFLICT:
            assert opened >= checked + times[RP]
        if found[k] != HIT:
            assert issued >= opened + times[RCD]
        for i, before in enumerate(requests[:k]):
            gap = times[CCD]
            if before[0] != now[0]:
                gap = times[RTW] if now[0] else end_of_data + times[WTR]
            if i == k - 1:
                assert issued >= steps[i, ISSUED] + gap
            if found[i] != HIT and found[k] != HIT:
                assert opened >= steps[i, OPENED] + times[RRD]
            if found[k] == CONFLICT and before[1] == now[1]:
                assert checked >= steps[i, ISSUED] + (end_of_data + times[WR] if before[0] else times[RTP])
                assert found[i] == HIT or checked >= steps[i, OPENED] + times[RAS]


def test_worked_example():
    # Read row 0 of bank 0, then row 1 of it, while bank 1 is opened in between.
    times = np.zeros(N_TIMES, np.int64)
    times[[RCD, RP, RAS, RRD, CCD, CL, CWL, BURST, RTP, WR, WTR, RTW]] = 3, 2, 7, 2, 2, 4, 2, 2, 3, 3, 2, 5
    times[REFI], times[RFC] = 1 << 40, 1
    steps, found, given, _ = follow(times, [(0, 0, 0), (1, 1, 0), (0, 0, 1)])
    assert found.tolist() == [CLOSED, CLOSED, CONFLICT]
    # accepted, checked, opened, issued: RAS holds the PRE of the third until 2 + 7, RTW the write until 5 + 5.
    assert steps.tolist() == [[0, 1, 2, 5], [1, 2, 4, 10], [2, 9, 11, 16]]
    assert given.tolist() == [11, 22]
