"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, Token

import archmodel as am
from archmodel.errors import Fault, InputError
from archmodel.mapping import LaunchMode
from archmodel.units import Quantity


def _read_whole_number(_: object, tokens: Sequence[Token]) -> int:
    token = tokens[0]
    if not re.fullmatch(r"-?\d+", token.value, re.ASCII):
        raise InputError("command line", [Fault(str(token.keyword), f"{token.value!r} is not a whole number")])
    return int(token.value)


WholeNumber = Annotated[int | None, Parameter(converter=_read_whole_number, n_tokens=1)]
Sets = Annotated[tuple[str, ...], Parameter(name="--set", negative=(), show_default=False)]
Assumptions = Annotated[tuple[str, ...], Parameter(name="--assume", negative=(), show_default=False)]
Output = Annotated[Path, Parameter(name=["--output", "-o"])]
OptionalOutput = Annotated[Path | None, Parameter(name=["--output", "-o"], show_default=False)]
Fold = Annotated[bool, Parameter(negative=(), show_default=False)]
AsJson = Annotated[bool, Parameter(name="--json", negative=(), show_default=False)]


@Parameter(name="*")  # each field is an option of its own
@dataclass(frozen=True, kw_only=True)
class StepOptions:
    """What step of a workload is asked and how a machine is changed, alike in every command that has both.

    Parameters
    ----------
    phase
        E.g. prefill or decode.
    batch
        Sequences, samples, images or requests processed together.
    sequence
        New tokens per sequence.
    context
        Tokens already in the KV cache.
    steps
        Denoising steps.
    guidance
        Forward passes per denoising step.
    resolution
        Pixels along one edge of the image.
    dtype
        Number format of the arithmetic.
    weight_dtype
        Storage of weights, if not dtype.
    kv_dtype
        Storage of the KV cache, if not dtype.
    table_dtype
        Storage of embedding tables, if not dtype.
    chips
        Chips that share the work; batch is that of all of them.
    tp
        Chips that share every layer (tensor parallel).
    ep
        Chips that share the experts of a layer (expert parallel).
    pp
        Stages that share the layers (pipeline parallel).
    skew
        Rows of the busiest group of experts over the mean, 1 if routing prefers none.
    set_
        Override of a machine value, e.g. --set sram.capacity="512 MiB"; may be repeated.
    """

    phase: str | None = None
    batch: WholeNumber = None
    sequence: WholeNumber = None
    context: WholeNumber = None
    steps: WholeNumber = None
    guidance: WholeNumber = None
    resolution: WholeNumber = None
    dtype: str | None = None
    weight_dtype: str | None = None
    kv_dtype: str | None = None
    table_dtype: str | None = None
    chips: WholeNumber = None
    tp: WholeNumber = None
    ep: WholeNumber = None
    pp: WholeNumber = None
    skew: float | None = None
    set_: Sets = ()

    def workload(self, name: str) -> am.Trace:
        """Build the trace of a workload; faults of a setting name its flag."""
        settings = {each.name: getattr(self, each.name) for each in fields(StepOptions) if each.name != "set_"}
        try:
            return am.workload(name, **settings)
        except InputError as error:
            if error.subject != "run settings":
                raise
            raise InputError(error.subject, [_name_flag(fault, settings) for fault in error.faults]) from None

    def machine(self, name: str) -> am.Machine:
        """Load a machine and change what --set says."""
        return am.machine(name, parse_assignments("--set", self.set_))

    def flags(self) -> list[str]:
        """Write what is not as usual as flags again."""
        found: list[str] = []
        for each in fields(self):
            value = getattr(self, each.name)
            for one in value if isinstance(value, tuple) else (value,):
                if value != each.default:
                    found += [as_flag(each.name.rstrip("_")), str(one)]
        return found


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RunOptions(StepOptions):
    """How a step is evaluated, besides, alike in every command that does that.

    Parameters
    ----------
    model
        Model to use.
    launch
        graph: the step is one compiled job; replay, switch: the host starts it, behind the same or another job;
        eager: the host launches every operator.
    mode
        Of model cycle: representative (one PE, the default) or grid (all of them).
    """

    model: str = "roofline"
    launch: LaunchMode = "graph"
    mode: str | None = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class CycleOptions(RunOptions):
    """How a step is followed, where only model ``cycle`` does that.

    Parameters
    ----------
    model
        Nothing else follows every unit.
    """

    model: str = "cycle"


DEFAULTS = RunOptions()
ANY_STEP = StepOptions()
BY_CYCLE = CycleOptions()


def check_cycle(options: CycleOptions) -> None:
    """Refuse another model than ``cycle``."""
    if options.model != BY_CYCLE.model:
        text = f"{options.model!r} is not allowed; leave it out: it is cycle"
        raise InputError("command line", [Fault("--model", text)])


def _name_flag(fault: Fault, settings: Mapping[str, Any]) -> Fault:
    name, _, text = fault.text.partition(": ")
    return Fault(as_flag(name), text) if settings.get(name) is not None else fault


def as_flag(name: str) -> str:
    """Write a setting or dim as its flag: ``kv_len`` → ``--kv-len``."""
    return f"--{name.replace('_', '-')}"


def parse_assignments(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Split ``name=value`` texts; `InputError` says which are not, and which names come twice."""
    pairs = [[part.strip() for part in text.partition("=")] for text in texts]  # name, sign, value
    names = [name for name, _, _ in pairs]
    faults = [Fault(option, _why_no_pair(*pair)) for pair in pairs if not (pair[0] and pair[1])]
    twice = dict.fromkeys(name for name in names if name and names.count(name) > 1)
    faults += [Fault(option, f"{name!r} is given {names.count(name)} times; give it once") for name in twice]
    if faults:
        raise InputError("command line", faults)
    return {name: value for name, _, value in pairs}


def _why_no_pair(name: str, sign: str, value: str) -> str:
    given = f"{name}{sign}{value}"
    return f"{given!r} is not name=value" if given else "an entry is empty; is there a comma too many?"


def read_window(text: str) -> tuple[float, float]:
    """Read ``0us..50us``: two times in seconds."""
    parts = text.split("..")
    if len(parts) != 2:
        raise InputError("command line", [Fault("--window", f"{text!r} is not START..END, e.g. 0us..50us")])
    try:
        start_s, end_s = (Quantity("time").parse(part.strip()) for part in parts)
    except ValueError as error:
        raise InputError("command line", [Fault("--window", str(error))]) from None
    return start_s, end_s
