"""Random programs: the engine against a slow simulator of the same rules, and one PE with and without fast-forward."""

from __future__ import annotations

import dataclasses
import heapq
from collections import defaultdict
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archmodel.lowering.program import CASTS, SHARED, UNITS, Command, Grid, Input, Program
from archmodel.lowering.run import run

# The slow simulator.


class Pe:
    """One PE: its core, its queues, its units and its buffers, in which every token has a time."""

    def __init__(self, name, port):
        self.name, self.port = name, port  # (batch, m, n, k), of the SRAM
        self.n_issued, self.core_free = 0, 0
        self.queues = {unit: [] for unit in UNITS}  # (issued at, command)
        self.free = dict.fromkeys(UNITS, 0)
        self.busy, self.stall = dict.fromkeys(UNITS, 0), dict.fromkeys(UNITS, 0)
        self.visible, self.popped = defaultdict(list), defaultdict(list)  # times
        self.n_claimed, self.n_reserved = defaultdict(int), defaultdict(int)

    def can_start(self, command, now, capacity):
        if self.free[command.unit] > now:
            return False
        for taken in command.inputs:
            first = self.n_claimed[taken.buffer]
            needed = self.visible[taken.buffer][first : first + taken.n_needed]
            if len(needed) < taken.n_needed or max(needed, default=0) > now:
                return False
        if not command.output or command.n_reserved == 0:
            return True
        n_free = capacity[command.output] + sum(at <= now for at in self.popped[command.output])
        return self.n_reserved[command.output] + command.n_reserved <= n_free

    def start(self, command, now):
        self.stall[command.unit] += now - self.free[command.unit]
        self.busy[command.unit] += command.occupancy_cycles
        self.free[command.unit] = now + command.occupancy_cycles
        for taken in command.inputs:
            self.n_claimed[taken.buffer] += taken.n_popped
        if command.output:
            self.n_reserved[command.output] += command.n_reserved

    def end(self, command, at):
        """Free the inputs; returns when the output is visible."""
        for taken in command.inputs:
            self.popped[taken.buffer] += [at] * taken.n_popped
        if command.output:
            self.visible[command.output] += [at + command.latency_cycles] * command.n_pushed
        return at + command.latency_cycles


def sharers(grid, cast, name):
    """What the PEs that share a request have in common."""
    batch, m, n, k = name
    return {"own": name, "same_a": (batch, m, k), "same_b": (batch, n, k), "same_c": (batch, m, n)}[cast]


def simulate(program):
    """Go from one time at which something may happen to the next, and let happen what can."""
    grid = program.grid
    parts = product(*map(range, (grid.n_batch, grid.n_m, grid.n_n, grid.n_k)))
    pes = [Pe(name, number % grid.n_ports) for number, name in enumerate(parts)]
    servers = [*((name, 0) for name in SHARED), *(("sram", port) for port in range(1, grid.n_ports))]
    listed = [*program.prologue, *program.body * program.n_inner, *program.epilogue] * program.n_outer
    n_sharing = {(cast, key): sum(sharers(grid, cast, pe.name) == key for pe in pes)
                 for cast in CASTS for key in {sharers(grid, cast, pe.name) for pe in pes}}  # fmt: skip
    waiting = defaultdict(list)  # slot: requests, each a list of (asked at, PE, command)
    n_asked, n_granted = defaultdict(int), defaultdict(int)
    free, served = defaultdict(int), dict.fromkeys(servers, 0)
    last = dict.fromkeys(servers, (-1,))  # nobody yet
    times, last_end = [0], 0

    def ask(pe, command, now):
        group = sharers(grid, command.cast, pe.name)
        slot = (UNITS.index(command.unit), CASTS.index(command.cast), group, command.resource)
        nth = n_asked[pe.name, slot]
        n_asked[pe.name, slot] += 1
        while len(waiting[slot]) <= nth:
            waiting[slot].append([])
        waiting[slot][nth].append((now, pe, command))

    def choose(server, now):
        """Name the slot whose oldest request the server serves now, if it is free and one has asked."""
        ready, (resource, port) = [], server
        for slot, requests in waiting.items():
            if n_granted[slot] == len(requests):
                continue
            request = requests[n_granted[slot]]
            gathered = len(request) == n_sharing[CASTS[slot[1]], slot[2]]
            place = (resource, slot) if resource == "link" else server
            is_here = request[0][2].resource == resource and (resource != "sram" or request[0][1].port == port)
            if gathered and is_here and free[place] <= now:
                ready.append((max(asked for asked, _, _ in request), slot))
        if program.is_round_robin and resource != "link":
            ready = [(slot <= last[server], slot) for _, slot in ready]
        return min(ready)[1] if ready else None

    while times:
        now = heapq.heappop(times)
        while times and times[0] == now:
            heapq.heappop(times)
        is_new = True
        while is_new:
            is_new = False
            for pe in pes:
                if pe.n_issued < len(listed):
                    command = listed[pe.n_issued]
                    last_cycle = min(1, command.issue_cycles)  # in which it is handed over
                    prepared_at = pe.core_free + command.issue_cycles - last_cycle
                    if prepared_at > now:
                        heapq.heappush(times, prepared_at)
                    elif len(pe.queues[command.unit]) < program.queue_depth:
                        pe.core_free = now + last_cycle
                        pe.queues[command.unit].append((pe.core_free, command))
                        pe.n_issued += 1
                        heapq.heappush(times, pe.core_free)
                        is_new = True
                for queue in pe.queues.values():
                    if queue and queue[0][0] <= now and pe.can_start(queue[0][1], now, program.buffers):
                        _, command = queue.pop(0)
                        pe.start(command, now)
                        heapq.heappush(times, pe.free[command.unit])
                        if command.resource:
                            ask(pe, command, now)
                        else:
                            end = pe.end(command, pe.free[command.unit])
                            heapq.heappush(times, end)
                            last_end = max(last_end, end)
                        is_new = True
        for server in servers:
            while (slot := choose(server, now)) is not None:
                request = waiting[slot][n_granted[slot]]
                n_granted[slot] += 1
                last[server] = slot
                service = request[0][2].service_cycles
                free[("link", slot) if server[0] == "link" else server] = now + service
                served[server] += service
                heapq.heappush(times, now + service)
                for asked, pe, command in request:
                    done = max(asked + command.occupancy_cycles, now + service)
                    end = pe.end(command, done)
                    times += [done, end]
                    heapq.heapify(times)
                    last_end = max(last_end, end)
    assert all(pe.n_issued == len(listed) and not any(pe.queues.values()) for pe in pes)
    return {
        "cycles": last_end,
        "busy": [list(pe.busy.values()) for pe in pes],
        "stall": [list(pe.stall.values()) for pe in pes],
        "served": list(served.values()),
    }


# Random programs that come to an end: what a command takes has been given by an earlier one.


@st.composite
def matmuls(draw, n_inner, n_outer, grids, is_competing=True):
    """Draw loads, multiplies and what follows them, as matmuls have them; nobody shares anything if not competing."""
    is_output = draw(st.booleans())
    latency = {unit: draw(st.integers(0, 40)) for unit in UNITS}
    memory = {unit: draw(st.sampled_from(["sram", "dram", ""])) for unit in ("load", "store", "write_back")}
    memory = memory | {"prefetch": "dram", "reduce": "link"} if is_competing else {}
    far = {name: draw(st.booleans()) for name in "ab"}
    casts = {name: draw(st.sampled_from(["own", f"same_{name}"])) for name in "ab"}
    is_chained, is_written_back = draw(st.booleans()), draw(st.booleans())
    occupancies = draw(st.sampled_from([5, 50]))

    def command(unit, inputs, output="", reserved=1, pushed=1, cast="own"):
        numbers = [draw(st.integers(0, 8)), draw(st.integers(0, occupancies)), latency[unit]]
        service = draw(st.integers(1, 30))
        return Command(unit, *numbers, inputs, output, reserved, pushed, memory.get(unit, ""), service, cast)

    def loads(name):
        taken = (Input(f"far_{name}"),) if far[name] else ()
        first = [command("prefetch", (), f"far_{name}", cast=casts[name])] if far[name] else []
        return [*first, command("load", taken, name, cast=casts[name])]

    def results():
        source, rest = "sums", []
        if is_chained:
            rest, source = [command("reduce", (Input("sums"),), "added", cast="same_c")], "added"
        rest += [command("simd", (Input(source),), "result")]
        if not is_written_back:
            return [*rest, command("store", (Input("result"),))]
        return [*rest, command("store", (Input("result"),), "stored"), command("write_back", (Input("stored"),))]

    def multiply(reserved, pushed, popped_b=1):
        return command("matrix", (Input("a"), Input("b", 1, popped_b)), "sums", reserved, pushed)

    if is_output:
        prologue = [*loads("a"), *loads("b"), multiply(1, 0)]
        body = [*loads("a"), *loads("b"), multiply(0, 0)]
        epilogue = [*loads("a"), *loads("b"), multiply(0, 1), *results()]
    else:
        prologue = loads("b")
        body = [*loads("a"), multiply(1, 1, 0), *results()]
        epilogue = [*loads("a"), multiply(1, 1, 1), *results()]
    names = ("far_a", "far_b", "a", "b", "sums", "added", "result", "stored")
    return Program(
        prologue=tuple(prologue), body=tuple(body), epilogue=tuple(epilogue),
        n_inner=draw(n_inner), n_outer=draw(n_outer), grid=draw(grids),
        buffers={name: draw(st.integers(1, 8)) for name in names},
        queue_depth=draw(st.integers(1, 16)), is_round_robin=draw(st.booleans()),
    )  # fmt: skip


@st.composite
def pipelines(draw, n_inner, n_outer, grids):
    """Draw any commands; each may give tokens to a later one of its part, and look at what the prologue set up."""
    buffers = {"held": draw(st.integers(1, 3))}
    latency = {unit: draw(st.integers(0, 40)) for unit in UNITS}

    def command(unit, inputs, output, n_tokens, may_ask):
        cast = draw(st.sampled_from(CASTS))
        resource = draw(st.sampled_from(["", *SHARED])) if may_ask else ""
        numbers = [draw(st.integers(0, 8)), draw(st.integers(0, 50)), latency[unit]]
        service = draw(st.integers(1, 30))
        return Command(unit, *numbers, inputs, output, n_tokens, n_tokens, resource, service, cast)

    def part(name, n_most):
        inputs = defaultdict(list)
        commands = []
        n = draw(st.integers(0, n_most))
        for idx in range(n):
            taker = draw(st.integers(idx + 1, n))
            output, n_tokens = "", 1
            if taker < n and len(inputs[taker]) < 2:
                output = f"{name}_{idx}"
                buffers[output] = draw(st.integers(1, 8))
                n_tokens = draw(st.integers(1, buffers[output]))
                inputs[taker].append(Input(output, n_tokens, n_tokens))
            taken = inputs[idx]
            may_ask = bool(output or taken)
            unit = draw(st.sampled_from(UNITS))
            # Only in its own order can a unit look at a token before it takes it.
            if name == "body" and unit == "matrix" and len(taken) < 2:
                taken = [*taken, Input("held", 1, 0)]
            commands.append(command(unit, tuple(taken), output, n_tokens, may_ask))
        return tuple(commands)

    give = command("vector", (), "held", 1, False)
    take = command("matrix", (Input("held"),), "", 1, False)
    return Program(
        prologue=(*part("prologue", 3), give), body=part("body", 6) or (Command("matrix", 0, 1),),
        epilogue=(*part("epilogue", 3), take), n_inner=draw(n_inner), n_outer=draw(n_outer), grid=draw(grids),
        buffers=buffers, queue_depth=draw(st.integers(1, 16)), is_round_robin=draw(st.booleans()),
    )  # fmt: skip


few, many = st.integers(0, 8), st.integers(0, 500)
one_pe = st.just(Grid())
small_grids = st.sampled_from(
    [Grid(), Grid(n_m=2), Grid(n_n=3), Grid(2, 1, 2, 1), Grid(1, 2, 2, 1), Grid(1, 2, 1, 2), Grid(n_k=4)]
)
grids_with_ports = st.sampled_from([Grid(n_m=3, n_k=2, n_ports=2), Grid(1, 2, 2, 2, 2), Grid(1, 2, 1, 4, 4)])
quick = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}


@pytest.mark.parametrize(
    ("programs", "grids"),
    [(matmuls, small_grids), (pipelines, small_grids), (matmuls, grids_with_ports)],
    ids=["matmuls", "pipelines", "matmuls-ports"],
)
@settings(max_examples=150, **quick)
@given(data=st.data())
def test_engine_equals_the_slow_simulator(programs, grids, data):
    program = data.draw(programs(few, st.integers(1, 4), grids))
    result, expected = run(program), simulate(program)
    assert result.cycles == expected["cycles"]
    assert result.busy_cycles.tolist() == expected["busy"]
    assert result.stall_cycles.sum(axis=2).tolist() == expected["stall"]
    assert result.served_cycles.tolist() == expected["served"]


@pytest.mark.parametrize("programs", [matmuls, pipelines])
@settings(max_examples=150, **quick)
@given(data=st.data())
def test_fast_forward_is_exact(programs, data):
    program = data.draw(programs(many, st.integers(1, 500), one_pe))
    followed, forwarded = run(program, "grid"), run(program, "representative")
    assert forwarded.cycles == followed.cycles
    assert forwarded.n_commands == followed.n_commands
    np.testing.assert_array_equal(forwarded.busy_cycles, followed.busy_cycles)
    np.testing.assert_array_equal(forwarded.stall_cycles, followed.stall_cycles)
    np.testing.assert_array_equal(forwarded.served_cycles, followed.served_cycles)


def test_fast_forward_moves_units_that_rest_while_the_body_runs():
    program = Program(
        prologue=(Command("vector", output="held"),),
        body=(Command("store", 0, 1), Command("prefetch")),
        epilogue=(Command("matrix", inputs=(Input("held"),)),),
        n_inner=3, n_outer=400, queue_depth=1, buffers={"held": 1},
    )  # fmt: skip
    followed, forwarded = run(program, "grid"), run(program, "representative")
    assert forwarded.n_skipped > 0
    np.testing.assert_array_equal(forwarded.busy_cycles, followed.busy_cycles)
    np.testing.assert_array_equal(forwarded.stall_cycles, followed.stall_cycles)


@pytest.mark.parametrize("programs", [matmuls, pipelines])
@settings(max_examples=100, **quick)
@given(data=st.data())
def test_no_unit_is_at_work_for_longer_than_there_is_time(programs, data):
    result = run(data.draw(programs(few, st.integers(1, 4), small_grids)))
    assert (result.busy_cycles >= 0).all()
    assert (result.stall_cycles >= 0).all()
    assert (result.busy_cycles + result.stall_cycles.sum(axis=2) <= result.cycles).all()
    assert (result.served_cycles[:2] <= result.cycles).all()


NUMBERS = ("issue_cycles", "occupancy_cycles", "latency_cycles")


@settings(max_examples=100, **quick)
@given(data=st.data())
def test_less_work_and_more_space_never_take_longer_where_nobody_competes(data):
    """Starts are maxima of sums then; requests that compete may be served in a less lucky order."""
    program = data.draw(matmuls(few, st.integers(1, 4), one_pe, is_competing=False))
    spared, more = data.draw(st.sampled_from(UNITS)), data.draw(st.integers(0, 3))

    def spare(command):
        less = {name: getattr(command, name) // 2 for name in NUMBERS}
        return command._replace(**less) if command.unit == spared else command

    parts = {name: tuple(map(spare, getattr(program, name))) for name in ("prologue", "body", "epilogue")}
    buffers = {name: capacity + more for name, capacity in program.buffers.items()}
    better = dataclasses.replace(program, **parts, buffers=buffers, queue_depth=program.queue_depth + more)
    assert run(better).cycles <= run(program).cycles
