"""Driver, monitor and scoreboard that all benches share (cocotb).

A bench is a top module with ``clk``, ``run``, ``done``, ``cycles`` and ``checksum``, sources named ``source_NAME``,
sinks named ``sink_NAME``, an event log named ``log``, and inputs named ``cfg_NAME``; if its contract names counters,
also ``counters``, 32 bits each. In a generate loop ``gen_NAME``,
``source`` and ``sink`` are those that the stimulus calls ``NAME[i]``. The hardware counts the cycles and writes down
the events; Python wakes up when a point is done.

What to play and what to expect comes from the file in ``ARCHMODEL_RTL_JOB``, what was measured goes to the file that it
names. Each point is played from reset.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge, SimTimeoutError, with_timeout

PERIOD_NS = 10
IDLE_CYCLES = 16  # after a point is done, in which nothing more may happen
Stimulus = Mapping[str, Any]
Golden = Callable[[Mapping[str, int], Stimulus], dict[str, list[int]]]
Bins = Callable[[Mapping[str, int], Stimulus, Mapping[str, Any]], set[str]]


class Driver:
    """Writes a stimulus into the sources and sinks of a bench."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut

    def load(self, stimulus: Stimulus) -> None:
        """Write words, gaps, counts and settings; nothing moves before ``run`` rises."""
        for name, value in stimulus.get("config", {}).items():
            getattr(self.dut, f"cfg_{name}").value = value
        for name, source in stimulus["sources"].items():
            handle = _find(self.dut, "source", name)
            _write(handle.data_mem, source["data"])
            _write(handle.gap_mem, source["gap"])
            handle.n_words.value = len(source["data"])
            handle.n_gaps.value = len(source["gap"])
        for name, sink in stimulus["sinks"].items():
            handle = _find(self.dut, "sink", name)
            _write(handle.gap_mem, sink["gap"])
            handle.n_words.value = sink["n"]
            handle.n_gaps.value = len(sink["gap"])
        for name, words in stimulus.get("memories", {}).items():
            _write(_reach(self.dut, name), words)


class Monitor:
    """Reads what a bench has counted, written down and taken out."""

    def __init__(self, dut: Any, events: list[str], counters: list[str]) -> None:
        self.dut = dut
        self.events = events
        self.counters = counters

    def read(self, stimulus: Stimulus) -> dict[str, Any]:
        """Read cycles, checksum, the cycles of each event, and the words of each sink."""
        log = self.dut.log
        events: dict[str, list[int]] = {name: [] for name in self.events}
        for line in range(int(log.n_lines.value)):
            text = str(log.line_mem[line].value)
            now = int(text[:32], 2)
            for name, bit in zip(self.events, reversed(text[32:]), strict=True):
                if bit != "0":
                    events[name].append(now)
        outputs = {}
        for name in stimulus["sinks"]:
            sink = _find(self.dut, "sink", name)
            outputs[name] = [_to_int(sink.data_mem[i].value) for i in range(int(sink.word.value))]
        for name, result in stimulus.get("results", {}).items():
            memories = [_reach(self.dut, path) for path in result["memories"]]
            places = range(result["first"], result["first"] + result["n"])
            outputs[name] = [_to_int(memories[i % len(memories)][i // len(memories)].value) for i in places]
        return {
            "cycles": int(self.dut.cycles.value),
            "checksum": _to_int(self.dut.checksum.value),
            "events": events,
            "counters": self._read_counters() if self.counters else {},
            "outputs": outputs,
        }

    def _read_counters(self) -> dict[str, int]:
        """Read the counters that are not 0."""
        bits = _to_int(self.dut.counters.value)
        values = {name: bits >> 32 * i & 0xFFFF_FFFF for i, name in enumerate(self.counters)}
        return {name: value for name, value in values.items() if value}


class Scoreboard:
    """Compares each point with what was expected and collects the differences.

    Cycles and events are those of the law, and so are counters, unless the contract allows a part of the cycles of the
    point: ``cycles_tolerance_frac``, of cycles and of each event, and ``counters_tolerance_frac`` (``None``: any).
    Besides, cycles may differ from those of each model in ``models_tolerance_frac`` by as much.
    """

    def __init__(self, job: Mapping[str, Any]) -> None:
        self.where = " ".join([job["unit"], *(f"{name}={value}" for name, value in job["parameters"].items())])
        self.faults: list[str] = []

    def check(self, point: Mapping[str, Any], measured: Mapping[str, Any], outputs: Mapping[str, list[int]]) -> None:
        """Compare words with the golden model, exactly, cycles, events and counters with the law, and the models."""
        expected, tolerances = point["expected"], point["tolerances"]
        where = f"{self.where}, point {point['index']} (seed {point['seed']})"
        found = [measured["hang"]] if measured.get("hang") else []
        found += _first_difference("output", outputs, measured["outputs"])
        allowed = tolerances["cycles_tolerance_frac"] * measured["cycles"]
        if abs(measured["cycles"] - expected["cycles"]) > allowed:
            found.append(f"cycles: model {expected['cycles']}, RTL {measured['cycles']}")
        if allowed:
            found += _other_events(expected["events"], measured["events"], allowed)
        else:
            found += _first_difference("event", expected["events"], measured["events"])
        if "models" in expected:
            found += _compare_models(expected["models"], tolerances["models_tolerance_frac"], measured["cycles"])
        if tolerances["counters_tolerance_frac"] is not None:
            allowed = tolerances["counters_tolerance_frac"] * expected["cycles"]
            found += _other_counters(expected.get("counters", {}), measured["counters"], allowed)
        self.faults += [f"{where}: {text}" for text in found]

    def close(self) -> None:
        """Fail with the first differences, if there are any."""
        shown = "\n".join(self.faults[:10])
        assert not self.faults, f"{len(self.faults)} differences, the first of them:\n{shown}"


async def play(dut: Any, golden: Golden, bins: Bins) -> None:
    """Play all points of the job on a bench, check them, and write down what was measured.

    Parameters
    ----------
    dut
        Top module of the bench.
    golden
        Words that each sink must take, from parameters and stimulus; computed with NumPy.
    bins
        Names of the functional coverage bins that a point hits, from parameters, stimulus and what was measured.
    """
    job = json.loads(Path(os.environ["ARCHMODEL_RTL_JOB"]).read_text(encoding="utf-8"))
    driver, monitor = Driver(dut), Monitor(dut, job["events"], job["counters"])
    scoreboard = Scoreboard(job)
    dut.run.value = 0
    Clock(dut.clk, PERIOD_NS, unit="ns", impl="gpi").start()
    await ClockCycles(dut.clk, 2)
    rows, started = [], time.process_time()
    for point in job["points"]:
        stimulus = point["stimulus"]
        driver.load(stimulus)
        await ClockCycles(dut.clk, 2)
        dut.run.value, began = 1, time.process_time()
        n_words = [len(source["data"]) for source in stimulus["sources"].values()]  # before it starts, perhaps
        limit = job["patience"] * point["expected"]["cycles"] + max(n_words, default=0) + 200
        waves = await _sample(dut, job["waveform"], point["expected"]["cycles"]) if job["waveform"] else []
        hang = ""
        try:
            if not waves:
                await with_timeout(RisingEdge(dut.done), limit * PERIOD_NS, "ns")
            await ClockCycles(dut.clk, IDLE_CYCLES)
        except SimTimeoutError:
            hang = f"not done after {limit} cycles; the model expects {point['expected']['cycles']}"
        seconds = time.process_time() - began  # of the simulator alone
        await ReadOnly()
        measured = {"seconds": seconds, **monitor.read(stimulus)}
        measured |= {"hang": hang} if hang else {}
        measured["bins"] = sorted(bins(job["parameters"], stimulus, measured))
        scoreboard.check(point, measured, golden(job["parameters"], stimulus))
        del measured["outputs"]
        rows.append({"index": point["index"], **measured, **({"waveform": waves} if waves else {})})
        await RisingEdge(dut.clk)
        dut.run.value = 0
        if scoreboard.faults and job["stops_at_fault"]:
            break
    simulated = sum(row["cycles"] + IDLE_CYCLES + 5 for row in rows)
    report = {"points": rows, "faults": scoreboard.faults, "simulated_cycles": simulated}
    report["seconds"] = time.process_time() - started
    Path(job["measured"]).write_text(json.dumps(report), encoding="utf-8")
    cocotb.log.info("%s: %d points, seed %s", job["unit"], len(rows), job["seed"])
    scoreboard.close()


async def _sample(dut: Any, signals: list[str], n_cycles: int) -> list[dict[str, str]]:
    """Read signals in every cycle that the log counts, for a picture; ``valid[1]`` is one bit of a vector."""
    rows: list[dict[str, str]] = []
    while len(rows) < n_cycles + 2:
        await RisingEdge(dut.clk)  # values are those of the cycle that this edge ends
        if str(dut.log.run.value) != "1":
            continue
        row = {}
        for signal in signals:
            name, _, bit = signal.partition("[")
            text = str(getattr(dut, name).value)
            row[signal] = text[-1 - int(bit[:-1])] if bit else text
        rows.append(row)
    return rows


def _find(dut: Any, kind: str, name: str) -> Any:
    """Find a source or sink by its name in the stimulus."""
    return getattr(dut[f"gen_{name}"], kind) if name.endswith("]") else getattr(dut, f"{kind}_{name}")


def _reach(dut: Any, path: str) -> Any:
    """Find a memory of the bench, or inside of the hardware: ``dut.sram.bank[0].memory``."""
    found = dut
    for part in path.split("."):
        name, _, index = part.partition("[")
        found = getattr(found, name)
        found = found[int(index[:-1])] if index else found
    return found


def _write(memory: Any, words: list[int]) -> None:
    for i, word in enumerate(words):
        memory[i].value = word


def offered_cycles(side: Mapping[str, Any], moved: Sequence[int]) -> list[int]:
    """First cycle in which a side offers, or is ready to take, each word: ``1 + gap`` after the one before moved.

    Parameters
    ----------
    side
        Source or sink of a stimulus; its gaps are used in turn.
    moved
        Cycles in which its words moved.
    """
    gap = side["gap"]
    return [before + 1 + gap[i % len(gap)] for i, before in enumerate([-1, *moved][: len(moved)])]


def _to_int(value: Any) -> int:
    """Read a vector; bits that are unknown make it -1, which no golden model expects."""
    return int(value) if value.is_resolvable else -1


def _other_counters(wanted: Mapping[str, int], got: Mapping[str, int], allowed: float) -> list[str]:
    """Say which counters are further apart than is allowed."""
    return [
        f"counter {name!r}: model {wanted.get(name, 0)}, RTL {got.get(name, 0)}"
        for name in sorted({*wanted, *got})
        if abs(wanted.get(name, 0) - got.get(name, 0)) > allowed
    ]


def _compare_models(models: Mapping[str, int], tolerances: Mapping[str, float], rtl: int) -> list[str]:
    return [
        f"cycles: model {name!r} {models[name]}, RTL {rtl}; they may differ by {allowed:.1%}"
        for name, allowed in tolerances.items()
        if abs(models[name] - rtl) > allowed * rtl
    ]


def _other_events(
    expected: Mapping[str, list[int | None] | None], measured: Mapping[str, list[int]], allowed: float
) -> list[str]:
    """Compare events by their number, and each with that of the law, which may leave open when it is (``None``).

    Of events of which the law says nothing (``None`` in place of a list) there may be any number.
    """
    found = []
    for name, cycles in expected.items():
        if cycles is None:
            continue
        rtl = measured.get(name, [])
        apart = [abs(a - b) for a, b in zip(cycles, rtl, strict=False) if a is not None]
        if len(cycles) != len(rtl):
            found.append(f"event {name!r}: model {len(cycles)}, RTL {len(rtl)} in all")
        elif max(apart, default=0) > allowed:
            found.append(f"event {name!r}: {max(apart)} cycles apart at worst; {allowed:.0f} are allowed")
    return found


def _first_difference(noun: str, expected: Mapping[str, list[int]], measured: Mapping[str, list[int]]) -> list[str]:
    found = []
    if set(expected) != set(measured):
        found.append(f"{noun}s: model {sorted(expected)}, RTL {sorted(measured)}")
    for name in sorted(set(expected) & set(measured)):
        wanted = expected[name]
        got = measured[name]
        if wanted != got:
            i = next(
                (k for k, (a, b) in enumerate(zip(wanted, got, strict=False)) if a != b), min(len(wanted), len(got))
            )
            model, rtl = (str(row[i]) if i < len(row) else "none" for row in (wanted, got))
            found.append(f"{noun} {name!r} number {i}: model {model}, RTL {rtl} ({len(wanted)} and {len(got)} in all)")
    return found
