"""Small programs, and what a run of one says of its units."""

from __future__ import annotations

from archmodel.lowering.program import CAUSES, SHARED, UNITS, Command, Input, Program
from archmodel.lowering.run import run


def follow(*body, mode="grid", **fields):
    """Run a program; buffers hold one token unless said otherwise."""
    every = (*fields.get("prologue", ()), *body, *fields.get("epilogue", ()))
    named = [command.output for command in every if command.output] + [i.buffer for c in every for i in c.inputs]
    fields["buffers"] = dict.fromkeys(named, 1) | fields.get("buffers", {})
    return run(Program(body=body, **fields), mode)


def busy(result, unit, pe=0):
    return result.busy_cycles[pe, UNITS.index(unit)]


def stalls(result, unit, pe=0):
    """Cycles by cause, those without any left out."""
    values = result.stall_cycles[pe, UNITS.index(unit)]
    return {cause: int(n) for cause, n in zip(CAUSES, values, strict=True) if n}


def served(result, resource):
    return result.served_cycles[SHARED.index(resource)]


def matrix(occupancy, *taken, **fields):
    return Command("matrix", 0, occupancy, 0, tuple(Input(buffer) for buffer in taken), **fields)


def load(occupancy, output, service, **fields):
    return Command("load", 0, occupancy, 0, (), output, resource="sram", service_cycles=service, **fields)
