"""What to play on the DRAM channel, and what the model says happens (no simulator here)."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels import dram_channel as law
from archmodel.verify.stimulus import draw_gaps, draw_words

TIMES = ("RCD", "RP", "RAS", "RRD", "CCD", "CL", "CWL", "BURST", "RTP", "WR", "WTR", "RTW", "REFI", "RFC")
NEVER = 1 << 40
MOST_REFRESHES = 4096


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a stimulus: a regular pattern without stalls, or up to 80 requests that stay near or jump about."""
    name = str(rng.choice(["any", "stream", "conflict", "alternating"], p=[0.65, 0.15, 0.1, 0.1]))
    n, is_refreshed, is_stalled = int(rng.integers(4, 81)), rng.random() < 0.7, False
    pattern = {"name": name, "is_write": int(rng.integers(2)), "n": int(rng.integers(1, 50)), "batch": 1}
    if name == "alternating":
        pattern |= {"n": int(rng.integers(1, 9)), "batch": int(rng.integers(1, 7))}
    if name == "any":
        requests = _wander(rng, parameters, n)
        is_stalled = rng.random() < 0.9
    else:
        requests = _repeat(rng, parameters, pattern)
        is_refreshed &= name == "stream"
    n, (bank_bits, row_bits, column_bits) = len(requests), _address_bits(parameters)
    longest = int(rng.choice([4, 30]))
    gaps = [draw_gaps(rng, n, longest=longest), draw_gaps(rng, n, longest=longest)] if is_stalled else [[0], [0]]
    data = []
    for (is_write, bank, row), word in zip(requests, draw_words(rng, n, parameters["WIDTH"]), strict=True):
        column = int(rng.integers(1 << column_bits))
        address = (bank << row_bits | row) << column_bits | column
        data.append((is_write << (bank_bits + row_bits + column_bits) | address) << parameters["WIDTH"] | word)
    return {
        "config": {"refresh": int(is_refreshed), "requests": n},
        "sources": {"in": {"data": data, "gap": gaps[0]}},
        "sinks": {"out": {"n": sum(not is_write for is_write, *_ in requests), "gap": gaps[1]}},
        "memories": {"cell_mem": draw_words(rng, 1 << (bank_bits + row_bits + column_bits), parameters["WIDTH"])},
        "pattern": pattern,
    }


def expect(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles in all and the cycles of all commands; the closed form where there is one."""
    source, sink = stimulus["sources"]["in"], stimulus["sinks"]["out"]
    times = np.array([parameters[f"T_{name}"] for name in TIMES], np.int64)
    times[law.REFI] = times[law.REFI] if stimulus["config"]["refresh"] else NEVER
    requests = _requests(parameters, source["data"])
    n = len(requests)
    steps, found = np.zeros((n, law.N_STEPS), np.int64), np.zeros(n, np.int64)
    given, closed = np.zeros(sink["n"], np.int64), np.zeros(MOST_REFRESHES, np.int64)
    n_closed = law.channel_events(
        times, parameters["QUEUE"], parameters["RESPONSES"], requests, np.array(source["gap"]), np.array(sink["gap"]),
        np.zeros((parameters["BANKS"], 2), np.int64), steps, found, given, closed,
    )  # fmt: skip
    closed = closed[:n_closed]
    cycles = max(int(steps[-1, law.ISSUED]), int(given.max(initial=0))) + 1
    n_refreshes = int((closed < steps[-1, law.ISSUED]).sum())
    refreshed = closed + times[law.RP]
    is_write = requests[:, law.IS_WRITE] == 1
    events = {
        "in": steps[:, law.ACCEPTED],
        "row_hit": steps[found == law.HIT, law.CHECKED],
        "precharge": steps[found == law.CONFLICT, law.CHECKED],
        "activate": steps[found != law.HIT, law.OPENED],
        "read": steps[~is_write, law.ISSUED],
        "write": steps[is_write, law.ISSUED],
        "precharge_all": closed,
        "refresh": refreshed[refreshed < cycles],
        "out": given,
    }
    return {
        "cycles": _closed_form(parameters, stimulus["pattern"], times, n_refreshes) or cycles,
        "events": {name: at.tolist() for name, at in events.items()},
    }


def _closed_form(parameters: dict[str, int], pattern: dict[str, Any], times: Any, n_refreshes: int) -> int:
    """Cycles of a regular pattern; 0 where responses limit it in a way that the closed form leaves out."""
    n, is_write, responses = pattern["n"], bool(pattern["is_write"]), parameters["RESPONSES"]
    has_room = responses * times[law.CCD] > law.until_data(times)
    match pattern["name"]:
        case "stream" if has_room or is_write or n_refreshes == 0:
            return int(law.stream_cycles(times, responses, n, is_write, n_refreshes))
        case "conflict" if has_room or is_write:
            return int(law.conflict_cycles(times, n, is_write))
        case "alternating" if has_room:
            return int(law.alternating_cycles(times, n, pattern["batch"], is_write))
    return 0


def _repeat(
    rng: np.random.Generator, parameters: dict[str, int], pattern: dict[str, Any]
) -> list[tuple[int, int, int]]:
    """Lay out a pattern: whether it writes, bank, row."""
    bank, n_rows = int(rng.integers(parameters["BANKS"])), 1 << parameters["ROW_BITS"]
    is_write = pattern["is_write"]
    match pattern["name"]:
        case "stream":
            return [(is_write, bank, 0)] * pattern["n"]
        case "conflict":
            return [(is_write, bank, i % n_rows) for i in range(pattern["n"])]
    return [(is_write ^ i % 2, bank, 0) for i in range(pattern["n"]) for _ in range(pattern["batch"])]


def _wander(rng: np.random.Generator, parameters: dict[str, int], n: int) -> list[tuple[int, int, int]]:
    """Draw requests; how often direction, bank and row change is drawn, too."""
    limits = (2, parameters["BANKS"], 1 << parameters["ROW_BITS"])
    changes = rng.random((n, 3)) < rng.random(3)
    values = rng.integers(0, limits, (n, 3))
    for i in range(1, n):
        values[i] = np.where(changes[i], values[i], values[i - 1])
    return [tuple(row) for row in values.tolist()]


def _address_bits(parameters: dict[str, int]) -> tuple[int, int, int]:
    return (parameters["BANKS"] - 1).bit_length(), parameters["ROW_BITS"], parameters["COLUMN_BITS"]


def _requests(parameters: dict[str, int], data: list[int]) -> Any:
    """Take words of the source apart: whether it writes, bank, row."""
    bank_bits, row_bits, column_bits = _address_bits(parameters)
    rows = [word >> (parameters["WIDTH"] + column_bits) for word in data]
    return np.array(
        [(r >> (bank_bits + row_bits), r >> row_bits & (1 << bank_bits) - 1, r & (1 << row_bits) - 1) for r in rows],
        np.int64,
    )
