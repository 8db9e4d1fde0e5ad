"""Exceptions of archmodel.

::

    ArchmodelError                      anything archmodel raises on purpose
    ├── InputError                      a file, flag or argument is wrong; lists every fault found (exit code 2)
    │   └── UnknownNameError            a name nobody registered, with the nearest ones
    └── UnsupportedError                the question is well-formed but has no answer here, with reasons (exit code 2)

A message has four parts: where, what was given, what is allowed, what to do. Faults are collected and raised once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_N_SHOWN = 30  # all operator kinds and machines, not all workloads


class ArchmodelError(Exception):
    """Base class: catch this to catch everything archmodel raises on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: ``where`` it stands (``file:line:column`` or a flag) and ``text``."""

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}" if self.where else self.text


class InputError(ArchmodelError):
    """A file, flag or argument is wrong.

    Parameters
    ----------
    subject
        What was being read, e.g. ``"machine description"``.
    faults
        Every fault found, in reading order; the message lists them all.
    """

    def __init__(self, subject: str, faults: Sequence[Fault]) -> None:
        self.subject = subject
        self.faults = tuple(faults)
        count = "1 error" if len(self.faults) == 1 else f"{len(self.faults)} errors"
        super().__init__("\n".join([f"{count} in {subject}", *(f"  {fault}" for fault in self.faults)]))


class UnknownNameError(InputError):
    """A name that nobody registered: a machine, workload, phase, operator, model or dtype."""

    def __init__(self, noun: str, given: str, allowed: Iterable[str], *, hint: str = "") -> None:
        self.given = given
        text = f"unknown {noun} {given!r}; {suggest(given, allowed)}"
        super().__init__(noun, [Fault("", text + (f"; {hint}" if hint else ""))])


class UnsupportedError(ArchmodelError):
    """The question is well-formed but has no answer here.

    Parameters
    ----------
    subject
        What was asked, e.g. ``"llm/llama3.1-405b on h100_sxm"``.
    reasons
        Why there is no number, one sentence each.
    """

    def __init__(self, subject: str, reasons: Sequence[str]) -> None:
        self.subject = subject
        self.reasons = tuple(reasons)
        super().__init__("\n".join([f"{subject} is not supported", *(f"  {reason}" for reason in self.reasons)]))


def suggest(given: str, allowed: Iterable[str]) -> str:
    """Say what is allowed: the near miss if there is one, else the list (shortened past `_N_SHOWN` names)."""
    names = sorted(allowed)
    lowered = {name.lower(): name for name in names}
    near = difflib.get_close_matches(given.lower(), lowered, n=1, cutoff=0.6)
    if near:
        return f"did you mean {lowered[near[0]]!r}?"
    tails = {name.rpartition("/")[2].lower(): name for name in names}
    near = difflib.get_close_matches(given.rpartition("/")[2].lower(), tails, n=1, cutoff=0.6)
    if near:
        return f"did you mean {tails[near[0]]!r}?"
    shown = ", ".join(names[:_N_SHOWN])
    return f"allowed: {shown}" + (f", … ({len(names)} in all)" if len(names) > _N_SHOWN else "")
