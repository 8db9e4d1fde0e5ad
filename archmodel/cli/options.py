"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from archmodel.errors import Fault, InputError, UnknownNameError

Sets = Annotated[tuple[str, ...], Parameter(name="--set", negative=())]
AsJson = Annotated[bool, Parameter(name="--json", negative=())]


def parse_assignments(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Split ``path=value`` texts; `InputError` names those that are not."""
    faults = [Fault(option, f"{text!r} is not path=value") for text in texts if "=" not in text]
    if faults:
        raise InputError("command line", faults)
    return {key.strip(): value.strip() for key, _, value in (text.partition("=") for text in texts)}


def check_choice(noun: str, given: str, allowed: Sequence[str]) -> None:
    """Raise `UnknownNameError` unless ``given`` is allowed."""
    if given not in allowed:
        raise UnknownNameError(noun, given, allowed)
