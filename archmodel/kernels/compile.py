"""The one way to compile a kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def _drop_stale_cache() -> None:
    """Delete compiled kernels that are older than any source of a kernel.

    numba notices that the file of a kernel has changed, not that one it calls has (numba issue 3318).
    """
    sources = list(Path(__file__).parent.glob("*.py"))
    changed = max(path.stat().st_mtime for path in sources)
    cache = Path(getattr(numba.config, "CACHE_DIR", "") or Path(__file__).parent / "__pycache__")
    ours = {path.stem for path in sources}
    compiled = [path for path in cache.rglob("*.nb[ic]") if path.name.split(".")[0] in ours]
    if any(path.stat().st_mtime < changed for path in compiled):
        for path in compiled:
            path.unlink(missing_ok=True)


_drop_stale_cache()


def kernel(function: F) -> F:
    """Compile with IEEE semantics, without the GIL, cached on disk.

    ``fastmath`` stays off: results must not depend on the order in which a compiler adds. ``error_model="numpy"`` makes
    x/0 an infinity instead of an exception, which would cost a branch per division.
    """
    return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=False)(function))
