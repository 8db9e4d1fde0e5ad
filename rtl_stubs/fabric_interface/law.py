"""What to play on the fabric interface, and what the model says happens (no simulator here)."""

from __future__ import annotations

from typing import Any

import numpy as np

from archmodel.kernels.data_movement import transfer_cycles
from archmodel.kernels.fabric_interface import FabricSettings, transfer_events
from archmodel.lowering.timing import UNSHAPED_BYTES
from archmodel.verify.stimulus import draw_gaps, draw_words

ADDRESS, ROWS, ROW_FIELD = 12, 8, 4  # as in the bench: bits of an address, most rows, bits of their number
MOST_BEATS = 100


def draw(rng: np.random.Generator, parameters: dict[str, int]) -> dict[str, Any]:
    """Draw up to 5 commands and how the memory answers; a third of the points without stalls."""
    width = parameters["WIDTH"]
    is_free = rng.random() < 1 / 3
    share = rng.choice([0.0, 0.5, 1.0], p=[0.1, 0.0, 0.9] if is_free else [0.3, 0.5, 0.2])  # of aligned commands
    commands = [_draw_command(rng, parameters, rng.random() < share) for _ in range(rng.integers(1, 6))]
    n_beats = np.cumsum([_count(command, width) for command in commands])
    commands = commands[: max(1, int(np.searchsorted(n_beats, MOST_BEATS)))]
    indices = [index for command in commands for index in command["indices"]]
    n_beats = sum(_count(command, width) for command in commands)
    latency = int(rng.integers(2, rng.choice([6, 10 + 2 * _slots(parameters)])))
    slack = int(rng.choice([0, 0, rng.integers(1, 40)]))
    missed_share = float(rng.choice([0.0, 0.1]))
    is_spread, is_shaped = is_free or rng.random() < 0.5, rng.random() < 0.5
    slow = int(rng.integers(1, 30))
    lengths = (len(commands), n_beats, n_beats, n_beats)
    gaps = [[0] if is_free else draw_gaps(rng, n, longest=slow) for n in lengths]
    delays = [0] * n_beats if is_free else draw_gaps(rng, n_beats, longest=slow)
    missed = (rng.random(n_beats) < missed_share).tolist()
    delays = [delay | is_missed << 16 for delay, is_missed in zip(delays, missed, strict=True)]
    return {
        "config": {
            "latency": latency,
            "round_trip": latency + 1 if is_spread else 0,
            "bucket": int(rng.integers(0, rng.choice([2, 16]) * width)) if is_shaped else 0,
            "slack": slack,
            "rate": int(rng.integers(width // 3 + 1, width + 2)) if is_shaped else 0,
        },
        "sources": {
            "command": {"data": [_pack(command) for command in commands], "gap": gaps[0]},
            "index": {"data": indices, "gap": gaps[1]},
            "delay": {"data": delays, "gap": [0]},
        },
        "sinks": {
            "ask": {"n": n_beats, "gap": gaps[2]},
            "write": {"n": n_beats, "gap": gaps[3]},
        },
        "memories": {"memory": draw_words(rng, 256, 8 * width)},
    }


def _slots(parameters: dict[str, int]) -> int:
    """Beats for which the receive buffer has room: those of a fragment more than are asked for per round trip."""
    return (parameters["OUTSTANDING"] + 1) * parameters["FRAGMENT"] // parameters["WIDTH"]


def _draw_command(rng: np.random.Generator, parameters: dict[str, int], is_aligned: bool) -> dict[str, Any]:
    width, fragment = parameters["WIDTH"], parameters["FRAGMENT"]
    n_rows = int(rng.choice([1, ROWS, rng.integers(1, ROWS + 1)]))
    row_bytes = int(rng.choice([1, rng.integers(1, width + 1), rng.integers(1, 3 * fragment + width)]))
    address, stride = rng.integers(0, 1 << ADDRESS, 2).tolist()
    if is_aligned:
        address, stride = address // fragment * fragment, -(-row_bytes // fragment) * fragment
    indices = rng.integers(0, 1 << ADDRESS, n_rows).tolist() if rng.random() < 0.4 else []
    return {
        "n_rows": n_rows, "row_bytes": row_bytes, "address": address, "stride": stride, "indices": indices,
        "local": int(rng.integers(0, 1 << ADDRESS)),
    }  # fmt: skip


def _pack(command: dict[str, Any]) -> int:
    word = int(bool(command["indices"])) << ROW_FIELD | command["n_rows"]
    for name in ("row_bytes", "address", "stride", "local"):
        word = word << ADDRESS | command[name]
    return word


def _unpack(word: int) -> dict[str, Any]:
    fields = {}
    for name in ("local", "stride", "address", "row_bytes"):
        fields[name] = word % (1 << ADDRESS)
        word >>= ADDRESS
    return {**fields, "n_rows": word % (1 << ROW_FIELD), "is_indexed": bool(word >> ROW_FIELD)}


def _row_words(command: dict[str, Any], indices: list[int], width: int) -> list[range]:
    """Words of the memory that each row has a part of; a beat is one of them."""
    steps = indices or range(command["n_rows"])
    starts = [(command["address"] + step * command["stride"]) % (1 << ADDRESS) for step in steps]
    return [range(start // width, (start + command["row_bytes"] - 1) // width + 1) for start in starts]


def _count(command: dict[str, Any], width: int) -> int:
    return sum(len(words) for words in _row_words(command, command["indices"], width))


def expect(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, Any]:
    """Cycles in all and the cycles of each event; the closed form where nothing stalls and all rows are aligned."""
    sources, sinks = stimulus["sources"], stimulus["sinks"]
    config = dict(stimulus["config"])
    slack = config.pop("slack")
    settings = FabricSettings(
        parameters["REQUEST"], parameters["OUTSTANDING"], _slots(parameters), parameters["WIDTH"], **config
    )
    commands = [_unpack(word) for word in sources["command"]["data"]]
    n_beats, is_head, is_tail, needs_index = _cut(parameters, commands, sources["index"]["data"])
    command = np.zeros(len(n_beats), np.int64)
    ask, response, write = np.zeros((3, len(is_head)), np.int64)
    gaps = [np.array(side["gap"]) for side in (sources["command"], sources["index"], sinks["ask"])]
    delay, is_missed = (np.array(sources["delay"]["data"]) >> bit & mask for bit, mask in ((0, 0xFFFF), (16, 1)))
    transfer_events(
        settings, n_beats, is_tail, needs_index, *gaps, delay, np.array(sinks["write"]["gap"]), command, ask, response,
        write,
    )  # fmt: skip
    ends = np.cumsum(n_beats)
    finish, occupied = write[ends - 1], _occupancies(settings, n_beats, is_tail)
    cycles = int(write[-1]) + 1
    has_stalls = delay.any() or any(side["gap"] != [0] for side in (*sources.values(), *sinks.values()))
    busy = [_busy_cycles(parameters, c, settings) for c in commands]
    if not has_stalls and settings.round_trip == settings.latency + 1 and 0 not in busy:
        cycles = sum(busy) + settings.latency
    return {
        "cycles": cycles,
        "events": {
            "command": command.tolist(),
            "index": ask[needs_index == 1].tolist(),
            "fragment": ask[is_head == 1].tolist(),
            "ask": ask.tolist(),
            "response": response.tolist(),
            "write": write.tolist(),
            "finish": finish.tolist(),
            "late": finish[finish + 1 - settings.latency > command + occupied + slack].tolist(),
            "missed": finish[np.add.reduceat(is_missed, ends - n_beats) > 0].tolist(),
        },
    }


def _occupancies(settings: FabricSettings, n_beats: np.ndarray, is_tail: np.ndarray) -> np.ndarray:
    """Cycles for which each command would occupy an engine that never waits."""
    found, nothing = [], np.zeros(1, np.int64)
    for tails in np.split(is_tail, np.cumsum(n_beats)[:-1]):
        n, never = np.array([tails.size]), np.zeros(tails.size, np.int64)
        taken, (ask, response, write) = np.zeros(1, np.int64), np.zeros((3, tails.size), np.int64)
        transfer_events(
            settings._replace(slots=tails.size), n, tails, never, nothing, nothing, nothing, never, nothing, taken, ask,
            response, write,
        )  # fmt: skip
        found.append(ask[-1] + 1)
    return np.array(found)


def _cut(parameters: dict[str, int], commands: list[dict[str, Any]], indices: list[int]) -> list[np.ndarray]:
    """Beats of each command; of each beat, whether it begins a fragment, ends one, begins a row named by an index."""
    width, per_fragment = parameters["WIDTH"], parameters["FRAGMENT"] // parameters["WIDTH"]
    n_beats, is_head, is_tail, needs_index = [], [], [], []
    left = list(indices)
    for command in commands:
        n_indices = command["n_rows"] if command["is_indexed"] else 0
        rows = _row_words(command, left[:n_indices], width)
        del left[:n_indices]
        n_beats.append(sum(map(len, rows)))
        for words in rows:
            is_head += [word == words[0] or word % per_fragment == 0 for word in words]
            is_tail += [word == words[-1] or (word + 1) % per_fragment == 0 for word in words]
            needs_index += [command["is_indexed"] and word == words[0] for word in words]
    return [np.array(flags, np.int64) for flags in (n_beats, is_head, is_tail, needs_index)]


def _busy_cycles(parameters: dict[str, int], command: dict[str, Any], f: FabricSettings) -> int:
    """Cycles in the cycle model; 0 if it has no such command, as rows do not begin on a fragment boundary."""
    fragment = parameters["FRAGMENT"]
    if command["address"] % fragment or command["stride"] % fragment:
        return 0
    shaping = (float(f.bucket), float(f.rate)) if f.rate else (UNSHAPED_BYTES, 1.0)
    rows, limits = (
        (command["n_rows"], float(command["row_bytes"]), float(f.width)),
        (fragment, f.outstanding, f.latency),
    )
    return transfer_cycles(*rows, f.request_cycles, *limits, *shaping)
