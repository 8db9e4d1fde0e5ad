"""How kernels are compiled."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar, cast

import numba
from numba.core.compiler_lock import global_compiler_lock
from numba.core.types import unliteral

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile with IEEE semantics, without the GIL, cached on disk.

    ``fastmath`` stays off: results must not depend on the order in which a compiler adds. ``error_model="numpy"`` makes
    x/0 an infinity instead of an exception, which would cost a branch per division.
    """
    return cast("F", _compile(function))


def kernel_part(function: F) -> F:
    """Compile what only kernels call, as `kernel`, but without what takes arguments from Python.

    With tuples of many fields that is as much to compile as the kernel itself. Where Python does call it, as tests do,
    it is compiled again, as a kernel.
    """
    outside = _compile(function)
    if outside is not function:
        inside = _compile(_copy(function), no_cpython_wrapper=True, no_cfunc_wrapper=True)
        outside.get_call_template, outside.get_overload = inside.get_call_template, inside.get_overload
    return cast("F", outside)


def _compile(function: Callable[..., Any], **options: bool) -> Any:
    njit: Any = numba.njit
    compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath=False, **options)(function)
    if compiled is not function:  # it is, where NUMBA_DISABLE_JIT is set
        drop_stale(Path(compiled.stats.cache_path))
        compiled.compile = _one_process_at_a_time(compiled)
        compiled.get_call_template = _once_for_all_numbers(compiled.get_call_template)
    return compiled


@cache
def drop_stale(folder: Path) -> None:
    """Delete compiled kernels in a folder of numba's cache that are older than any source of a kernel.

    numba notices that the file of a kernel has changed, not that one it calls has (numba issue 3318). Of processes that
    start together one deletes; the others wait, and then find nothing old.
    """
    if not folder.is_dir():
        return
    sources = list(Path(__file__).parent.glob("*.py"))
    changed = max(path.stat().st_mtime for path in sources)
    ours = {path.stem for path in sources}
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        compiled = [path for path in folder.glob("*.nb[ic]") if path.name.split(".")[0] in ours]
        if any(path.stat().st_mtime < changed for path in compiled):
            for path in compiled:
                path.unlink()
    finally:
        os.close(descriptor)


def _copy(function: Callable[..., Any]) -> Callable[..., Any]:
    """Copy a function under another name, by which it has files of its own in the cache."""
    given: Any = function
    twin = FunctionType(given.__code__, given.__globals__, given.__name__, given.__defaults__, given.__closure__)
    twin.__qualname__, twin.__module__ = f"{given.__qualname__}-part", given.__module__
    twin.__annotations__ = given.__annotations__
    return twin


def _once_for_all_numbers(find: Callable[..., Any]) -> Callable[..., Any]:
    """Share one compiled form between callers that write numbers out, as ``put(commands, 0, …)``.

    numba would compile the function again for each such number, and what it calls, too.
    """
    plain: Callable[[Any], Any] = unliteral

    def find_plain(given: Any, named: Any) -> Any:
        return find(tuple(map(plain, given)), {name: plain(kind) for name, kind in named.items()})

    return find_plain


def _one_process_at_a_time(dispatcher: Any) -> Callable[[Any], Any]:
    """Make whoever needs a kernel that another process is compiling wait, and find it in the cache.

    Processes that start together would otherwise all compile everything, and mix up what they store (numba issues 4807
    and 10128: the index of a kernel is read, added to and written back without a lock).
    """
    compile_or_load = dispatcher.compile
    path = Path(dispatcher.stats.cache_path) / f"{dispatcher.__module__}.{dispatcher.__qualname__}.lock"

    @wraps(compile_or_load)
    def alone(signature: Any) -> Any:
        # Threads first: one that held a file and waited for the compiler would stop the one that compiles.
        with global_compiler_lock:
            if dispatcher.is_compiling:  # a kernel that calls itself; the file is held
                return compile_or_load(signature)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                return compile_or_load(signature)

    return alone
