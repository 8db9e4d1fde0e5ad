"""Bench of the last-level cache: golden model, coverage, and the test that cocotb runs."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import cocotb
import numpy as np
from tb_common import play


@dataclass
class Cache:
    """A cache without time: sets are dictionaries from line to words, the least recently used line first."""

    parameters: dict[str, int]
    memory: np.ndarray
    written_back: list[int] = field(default_factory=list)
    fetched: list[int] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sets: list[OrderedDict[int, np.ndarray]] = [OrderedDict() for _ in range(self.parameters["SETS"])]
        self.dirty: set[int] = set()

    def access(self, word: int) -> int:
        """Serve a request and return its answer."""
        width, size = self.parameters["WIDTH"], self.parameters["LINE"]
        is_write, address = word >> (width + self.parameters["ADDRESS"]), word >> width & len(self.memory) - 1
        line = address // size
        lines = self.sets[line % len(self.sets)]
        is_hit = line in lines
        self.kinds.append(f"{'write' if is_write else 'read'}_{'hit' if is_hit else 'miss'}")
        if not is_hit:
            self._replace(lines, line)
        lines.move_to_end(line)
        if is_write:
            lines[line][address % size] = word & (1 << width) - 1
            self.dirty.add(line)
        return int(lines[line][address % size])

    def _replace(self, lines: OrderedDict[int, np.ndarray], line: int) -> None:
        width, size = self.parameters["WIDTH"], self.parameters["LINE"]
        if len(lines) == self.parameters["WAYS"]:
            oldest, words = lines.popitem(last=False)
            if oldest in self.dirty:
                self.dirty.remove(oldest)
                self.memory[oldest * size : (oldest + 1) * size] = words
                self.written_back += [(oldest * size + i) << width | int(word) for i, word in enumerate(words)]
                self.kinds.append("dirty_line_written_back")
            else:
                self.kinds.append("clean_line_replaced")
            self.kinds.append("set_is_full")
            if not all(self.sets):
                self.kinds.append("one_set_overflows_others_empty")
        self.fetched.append(line * size)
        if any(word >> width == line * size for word in self.written_back):
            self.kinds.append("written_back_and_fetched_again")
        lines[line] = self.memory[line * size : (line + 1) * size].copy()


def run(parameters: dict[str, int], stimulus: dict[str, Any]) -> tuple[Cache, list[int]]:
    """Serve all requests: the cache afterwards, and the answers."""
    cache = Cache(parameters, np.array(stimulus["memories"]["memory"], object))
    return cache, [cache.access(word) for word in stimulus["sources"]["in"]["data"]]


def golden(parameters: dict[str, int], stimulus: dict[str, Any]) -> dict[str, list[int]]:
    """Answers, words written back, and addresses of the lines that are asked for."""
    cache, answers = run(parameters, stimulus)
    return {"out": answers, "victim": cache.written_back, "fetch": cache.fetched}


def bins(parameters: dict[str, int], stimulus: dict[str, Any], measured: dict[str, Any]) -> set[str]:
    """Say what happened: what hit, what was replaced, who waited."""
    events, latency, size = measured["events"], parameters["LATENCY"], parameters["LINE"]
    hit = set(run(parameters, stimulus)[0].kinds)
    entered, answered, missed = events["enter"], events["answer"], set(events["miss"])
    gap = stimulus["sources"]["in"]["gap"]
    for i in range(1, min(len(entered), len(events["serve"]))):
        is_miss, was_miss = entered[i] in missed, entered[i - 1] in missed
        if is_miss == was_miss:
            hit.add("miss_after_miss" if is_miss else "hit_after_hit")
        offered = entered[i - 1] + 1 + gap[i % len(gap)]
        if entered[i] > max(offered, events["serve"][i - 1] + 1):
            hit.add("waits_for_room")
    for served, answer in zip(events["serve"], answered, strict=False):
        hit.add("answer_at_once" if answer == served + latency else "answer_waits")
    busy = {cycle for start, end in _misses(events, missed) for cycle in range(start + 1, end)}
    if busy & set(answered):
        hit.add("answer_during_miss")
    for name in ("victim", "fill"):
        words = events[name]
        if any(words[i] - words[i - 1] > 1 for i in range(1, len(words)) if i % size):
            hit.add(f"{name}_waits")
    memory_latency = stimulus["config"]["latency"]
    for asked, word in zip(events["fetch"], events["fill"][::size], strict=False):
        if word - asked > memory_latency:
            hit.add("fill_waits")
    if any(fetch - 1 not in missed | set(events["victim"]) for fetch in events["fetch"]):
        hit.add("fetch_waits")
    return hit


def _misses(events: dict[str, list[int]], missed: set[int]) -> list[tuple[int, int]]:
    """When each miss entered and when it was served."""
    return [pair for pair in zip(events["enter"], events["serve"], strict=False) if pair[0] in missed]


@cocotb.test()
async def rtl_equals_model(dut: Any) -> None:
    """Cycles, events and words of every point are those of the model."""
    await play(dut, golden, bins)
