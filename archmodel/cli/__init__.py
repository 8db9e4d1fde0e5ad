"""Command line: one file per command, each calling the public API only."""

from __future__ import annotations

import sys
from collections.abc import Sequence

EXIT_OK, EXIT_USER_ERROR, EXIT_INTERNAL = 0, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 ok, 1 a check failed, 2 wrong input, 3 a defect of archmodel."""
    from cyclopts import CycloptsError
    from rich.console import Console

    from archmodel.cli.app import build_app
    from archmodel.errors import ArchmodelError

    given = list(sys.argv[1:] if arguments is None else arguments)
    is_debug = "--debug" in given
    tokens = [token for token in given if token != "--debug"]
    console = Console(stderr=True)
    try:
        code = build_app()(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        console.print(error, style="red", markup=False, highlight=False)
        console.print("Try 'archmodel --help'.", markup=False, highlight=False)
        return EXIT_USER_ERROR
    except ArchmodelError as error:
        if is_debug:
            raise
        print(error, file=sys.stderr)
        return EXIT_USER_ERROR
    except BrokenPipeError:  # the reader of a pipe (head, less) has seen enough
        sys.stderr.close()
        return EXIT_OK
    except Exception as error:
        if is_debug:
            raise
        print(f"internal error: {type(error).__name__}: {error}\nrun again with --debug and report it", file=sys.stderr)
        return EXIT_INTERNAL
    return code if isinstance(code, int) else EXIT_OK
