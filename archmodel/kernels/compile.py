"""The one way to compile a kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile with IEEE semantics, without the GIL, cached on disk.

    ``fastmath`` stays off: results must not depend on the order in which a compiler adds. ``error_model="numpy"`` makes
    x/0 an infinity instead of an exception, which would cost a branch per division.
    """
    return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=False)(function))
