"""What to play on the banked SRAM, and what the model says happens (no simulator here)."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.sram_banks import bank_events, burst_cycles, count_banks_used, walk_cycles
from archmodel.verify.stimulus import draw_gaps, draw_words

MOST_PORTS = 4  # whose events the bench writes down
EVENTS = ("grant", "answer", "lost")
PATTERNS = {"random": 0.2, "hot": 0.2, "together": 0.25, "shifted": 0.2, "alone": 0.15}  # and how often each is drawn


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw a stimulus: up to 24 requests per port in one of the patterns; nearly half of the points without stalls.

    The patterns that have a closed form stall less often.
    ``order`` is the order in which the model grants the requests: reading and writing takes equally long, so what each
    request does is drawn once the order is known, and a word is written before it is read.
    """
    pattern = str(rng.choice(list(PATTERNS), p=list(PATTERNS.values())))
    is_busy = rng.random() < (1 / 6 if pattern in ("random", "hot") else 2 / 3)
    addresses, stride = _draw_addresses(rng, parameters, pattern)
    in_gap = [[0] if is_busy else draw_gaps(rng, len(row)) or [0] for row in addresses]
    out_gap = [[0] if is_busy else draw_gaps(rng, len(row), longest=8) or [0] for row in addresses]
    granted = _count_events(parameters, addresses, in_gap, out_gap)["granted"]
    order = sorted((cycle, port, i) for port, row in enumerate(granted) for i, cycle in enumerate(row))
    width = parameters["WIDTH"]
    write_bit = 1 << (_count_address_bits(parameters) + width)
    words = [[0] * len(row) for row in addresses]
    written: set[int] = set()
    for _, port, i in order:
        address = addresses[port][i]
        is_write = address not in written or rng.random() < 0.3
        words[port][i] = is_write * write_bit | address << width | draw_words(rng, 1, width)[0]
        written.add(address)
    return {
        "sources": {f"port[{p}]": {"data": words[p], "gap": in_gap[p]} for p in range(parameters["PORTS"])},
        "sinks": {f"port[{p}]": {"n": len(words[p]), "gap": out_gap[p]} for p in range(parameters["PORTS"])},
        "order": [[port, i] for _, port, i in order],
        "pattern": pattern,
        "stride": stride,
    }


def expect(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles in all and the cycles of all events; a closed form where one holds."""
    width, n_words = parameters["WIDTH"], 1 << _count_address_bits(parameters)
    sources, sinks = stimulus["sources"].values(), stimulus["sinks"].values()
    addresses = [[word >> width & n_words - 1 for word in source["data"]] for source in sources]
    in_gap, out_gap = [source["gap"] for source in sources], [sink["gap"] for sink in sinks]
    times = _count_events(parameters, addresses, in_gap, out_gap)
    cycles = max(row[-1] for row in times["given"] if row) + 1
    if all(gap == [0] for gap in in_gap + out_gap):
        cycles = _sum_up(parameters, stimulus, len(addresses[0])) or cycles
    events: dict[str, list[int]] = {f"{name}_{p}": [] for name in EVENTS for p in range(MOST_PORTS)}
    for p in range(parameters["PORTS"]):
        events[f"grant_{p}"], events[f"answer_{p}"] = times["granted"][p], times["given"][p]
        pairs = zip(times["asked"][p], times["granted"][p], strict=True)
        events[f"lost_{p}"] = [cycle for asked, granted in pairs for cycle in range(asked, granted)]
    return {"cycles": cycles, "events": events}


def _sum_up(parameters: dict[str, int], stimulus: dict[str, Any], n: int) -> int:
    """Evaluate the closed form of a pattern without stalls; 0 if it has none."""
    n_ports, n_banks = parameters["PORTS"], parameters["BANKS"]
    latency, outstanding = parameters["LATENCY"], parameters["OUTSTANDING"]
    pattern, stride = stimulus["pattern"], stimulus["stride"]
    if pattern == "alone" or (pattern == "shifted" and n_ports <= count_banks_used(stride, n_banks)):
        return burst_cycles(n, latency, outstanding)
    if pattern == "together" and outstanding > latency:
        return walk_cycles(n, stride, n_ports, n_banks, latency)
    return 0


def _draw_addresses(rng: np.random.Generator, parameters: dict[str, int], pattern: str) -> tuple[list[list[int]], int]:
    """Addresses of each port, and the stride of the patterns that have one."""
    n_ports, n_banks, n_words = parameters["PORTS"], parameters["BANKS"], parameters["BANKS"] * parameters["ROWS"]
    n, stride, start = int(rng.integers(1, 25)), int(rng.integers(0, 2 * n_banks + 1)), int(rng.integers(0, n_words))
    walk = (start + stride * np.arange(n)) % n_words
    rows: list[list[int]] = [[] for _ in range(n_ports)]
    for p in range(1 if pattern == "alone" else n_ports):
        if pattern == "together":
            rows[p] = walk.tolist()
        elif pattern == "shifted":
            rows[p] = ((walk + p * stride) % n_words).tolist()
        else:
            hot = rng.integers(0, n_banks, 2) if pattern == "hot" else np.arange(n_banks)
            length = n if pattern == "alone" else int(rng.integers(1, 25))
            rows[p] = (rng.choice(hot, length) + n_banks * rng.integers(0, parameters["ROWS"], length)).tolist()
    return rows, stride


def _count_address_bits(parameters: dict[str, int]) -> int:
    return max(1, (parameters["BANKS"] * parameters["ROWS"] - 1).bit_length())


def _count_events(
    parameters: dict[str, int], addresses: list[list[int]], in_gap: list[list[int]], out_gap: list[list[int]]
) -> dict[str, list[list[int]]]:
    """Ask the law; name → port → cycles."""
    lengths = [len(row) for row in addresses]
    first = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    bank = np.array([a % parameters["BANKS"] for row in addresses for a in row], np.int64)
    flat_in, flat_out = (
        np.concatenate([np.resize(gap, n) for gap, n in zip(gaps, lengths, strict=True)]).astype(np.int64)
        for gaps in (in_gap, out_gap)
    )
    asked, granted, given = (np.zeros(bank.size, np.int64) for _ in range(3))
    bank_events(
        parameters["BANKS"], parameters["LATENCY"], parameters["OUTSTANDING"], first, bank, flat_in, flat_out, asked,
        granted, given,
    )  # fmt: skip
    times = {"asked": asked, "granted": granted, "given": given}
    return {name: [row.tolist() for row in np.split(array, first[1:-1])] for name, array in times.items()}
