"""Ports of the memories of the grid, one per column: how loads hold them, and which waits its counters leave out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archmodel.kernels.program import CAST, HOLD, LOAD, OWN, RESOURCE, SERVICE, SRAM, UNIT
from archmodel.lowering.program import CommandTable


def asks_in_time(parameters: Mapping[str, int]) -> bool:
    """Whether PEs that share a read ask for it as fast as their port gives it: a fragment of one of them per cycle."""
    return parameters["FRAGMENT"] >= parameters["GRID_ROWS"] * parameters["WIDTH"]


def hold_ports(table: CommandTable, parameters: Mapping[str, int]) -> CommandTable:
    """Let loads hold a port for their requests alone if those of a program take longer than its data, rule 11.

    Parameters
    ----------
    table
        A program, whose requests hold the port for as long as it serves them.
    parameters
        Of the build.
    """
    p, commands = parameters, table.commands.copy()
    is_here = commands[:, RESOURCE] == SRAM
    is_own, is_shared = is_here & (commands[:, CAST] == OWN), is_here & (commands[:, CAST] != OWN)
    is_load = is_own & (commands[:, UNIT] == LOAD)
    n_of_column = np.where(is_own, p["GRID_ROWS"], 1) * np.repeat([1, table.loops[3], 1], table.loops[:3])
    beats = commands[:, SERVICE].astype(float)
    requests = np.where(is_load, beats * p["WIDTH"] / p["FRAGMENT"], beats)
    beats[is_shared] *= p["FRAGMENT"] / (p["GRID_ROWS"] * p["WIDTH"])
    if not asks_in_time(p) and (n_of_column * (requests - beats))[is_here].sum() > 0:
        commands[is_load, HOLD] = np.ceil(requests[is_load])
    return CommandTable(commands, table.loops, table.capacity)


def slack_cycles(parameters: Mapping[str, int]) -> int:
    """Cycles for which loads and reductions may wait before the counters of the hardware say so, rule 10.

    The way of the farthest PE through both networks, a fragment and the banks, and a line that is fetched meanwhile.
    """
    p = parameters
    way = 1 + (p["GRID_ROWS"] + 1) * (1 + p["LINK"])
    there_and_back = 2 * way + p["FRAGMENT"] // p["WIDTH"] + p["SRAM"] + 2
    return there_and_back + p["T_CL"] + p["LINE"] + 4 + p["T_RP"] + p["T_RCD"]
