"""Programs of a grid of PEs from machine code: what a host writes for all cores, and when they issue commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from archmodel.kernels.program import DRAM, HOLD, ISSUE, RESOURCE, SERVICE, UNIT, WRITE_BACK
from archmodel.lowering.program import CommandTable
from archmodel.verify.core_issue import follow_core, mean_issue, pushed_words, run_core
from archmodel.verify.core_programs import CoreProgram, host_words, kind_table

CORE = {"CONTEXTS": 1, "AUTO": 0, "SLOTS": 1}
"""Parameters of the cores that a grid does not choose."""
_TARGET = 83  # bit of a word of the host from which on it says for whom it is


class Issued(NamedTuple):
    """A program on the cores of a grid.

    ``host``: words of the host, for all PEs or one of them. ``written``: the program written out, each command with the
    cycles that the code takes for it. ``compact``: the program with one time to issue, the mean, and ``launch``, the
    cycles before the core begins with its first command, as a machine file would have them.
    """

    host: list[int]
    written: CommandTable
    compact: CommandTable
    launch: int


def issue_on_cores(
    table: CommandTable, programs: Sequence[CoreProgram], words: Sequence[list[int]], parameters: Mapping[str, int]
) -> Issued:
    """Let the cores of a grid issue a program.

    Parameters
    ----------
    table
        The program of every PE.
    programs, words
        Of each PE: its machine code with its parameters, and the command words that this has to push.
    parameters
        Of the grid.

    Raises
    ------
    ValueError
        When the machine code of a PE pushes other words, or issues them in other cycles than that of the first PE.
    """
    parameters = {**CORE, **parameters}
    contexts = [run_core(program, parameters) for program in programs]
    kinds = kind_table(table, programs[0], parameters)
    for pe, ((context,), wanted) in enumerate(zip(contexts, words, strict=True)):
        if pushed_words(context, kinds, parameters) != wanted:
            raise ValueError(f"the machine code of PE {pe} does not push the words of the program")
        if not np.array_equal(context.trace(), contexts[0][0].trace()):
            raise ValueError(f"the machine code of PE {pe} does not take the way of PE 0")
    launch, issue = mean_issue(contexts[0], parameters)
    rows = table.commands.copy()
    rows[rows[:, UNIT] != WRITE_BACK, ISSUE] = issue
    written = follow_core(table, programs[0], contexts[0], parameters)
    return Issued(_write_host(table, programs, parameters), written, table._replace(commands=rows), launch)


def serve_from_dram(table: CommandTable, chosen: np.ndarray, services: Sequence[int] | int) -> CommandTable:
    """Let commands hold the DRAM: those of a program that is written out each for its own time.

    Parameters
    ----------
    table
        The program.
    chosen
        Which of its commands.
    services
        Cycles, of each or of all.
    """
    rows = table.commands.copy()
    rows[chosen, RESOURCE] = DRAM
    rows[chosen, SERVICE] = rows[chosen, HOLD] = services
    return table._replace(commands=rows)


def _write_host(table: CommandTable, programs: Sequence[CoreProgram], parameters: Mapping[str, int]) -> list[int]:
    """Write words for all PEs at a time where they are the same for all, else one after the other."""
    host: list[int] = []
    for same in zip(*(host_words(table, program, parameters) for program in programs), strict=True):
        host += same[:1] if len(set(same)) == 1 else [pe + 1 << _TARGET | word for pe, word in enumerate(same)]
    return host
