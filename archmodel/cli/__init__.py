"""Command line: one file per command, each calling the public API only."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cyclopts import CycloptsError

EXIT_OK, EXIT_FAILED, EXIT_USER_ERROR, EXIT_INTERNAL = 0, 1, 2, 3

# A value that a message quotes: people need its beginning to find it, not all of it.
_LONG_QUOTE = re.compile(r"(?<!\w)(['\"])((?:(?!\1).){59})(?:(?!\1).)+\1(?!\w)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    0 ok, 1 a check failed or the output cannot be written, 2 wrong input or no answer, 3 a defect of archmodel.
    """
    from cyclopts import CycloptsError

    from archmodel.cli.app import build_app
    from archmodel.errors import ArchmodelError

    given = list(sys.argv[1:] if arguments is None else arguments)
    tokens = [token for token in given if token != "--debug"]
    try:
        code = build_app()(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except Exception as error:
        if isinstance(error, BrokenPipeError):  # the reader of a pipe (head, less) has seen enough
            _drop_output()
            return EXIT_OK
        if "--debug" in given:
            raise
        if isinstance(error, CycloptsError):
            return _fail(_describe(error))
        if isinstance(error, ArchmodelError):
            return _fail(str(error))
        if isinstance(error, OSError) and error.filename is None:  # a file that was to be opened would have a name
            _drop_output()
            return _fail(f"the output cannot be written: {error.strerror}", EXIT_FAILED)
        text = f"internal error: {type(error).__name__}: {error}\nrun again with --debug and report it"
        return _fail(text, EXIT_INTERNAL)
    return code if isinstance(code, int) else EXIT_OK


def _fail(text: str, code: int = EXIT_USER_ERROR) -> int:
    print(_LONG_QUOTE.sub(r"\1\2…\1", text), file=sys.stderr)
    return code


def _describe(error: CycloptsError) -> str:
    """Say what is wrong with the command line, and which help tells more."""
    from cyclopts import UnusedCliTokensError

    command = " ".join(("archmodel", *(error.command_chain or ())))
    text = str(error)
    if isinstance(error, UnusedCliTokensError) and command in ("archmodel machines", "archmodel workloads"):
        wrong, *rest = error.unused_tokens or [""]
        text = f"unknown command {wrong!r}; did you mean '{command} show {' '.join(rest) or wrong}'?"
    return f"{text}\nTry '{command} --help'."


def _drop_output() -> None:
    """Send what is still in the buffer of standard output nowhere, so that leaving does not try to write it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
