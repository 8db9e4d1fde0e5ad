"""Kernels that call one another: each is compiled once, whatever numbers callers write out; old ones are dropped."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numba
import pytest
from numba.core.caching import NullCache

from archmodel.kernels.compile import drop_stale, kernel, kernel_part


@kernel_part
def scale(x, factor, is_negative=False):
    return -factor * x if is_negative else factor * x


@kernel
def add_up(x):
    return scale(x, 2) + scale(x, 3, True) + scale(x, x, is_negative=x > 10)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_numbers_that_callers_write_out_share_one_compiled_form():
    add_up._cache = NullCache()  # it is compiled in every run, and asks for its part
    assert add_up(1) == 2 - 3 + 1
    part = scale.get_overload.__self__
    assert sum(part.stats.cache_misses.values()) + sum(part.stats.cache_hits.values()) == len(part.signatures)
    plain = [signature for signature in part.signatures if numba.types.Omitted(False) not in signature]
    assert plain == [(numba.int64, numba.int64, numba.boolean)]


def test_a_part_can_be_called_from_python_as_its_tests_do():
    assert scale(7, 2) == 14
    assert scale(7, 2, True) == -14


@pytest.mark.parametrize("n_old", [0, 1])
def test_who_start_together_drop_old_kernels_once(tmp_path, n_old):
    others = [tmp_path / "made_up.scale-7.py311.1.nbc", tmp_path / "roofline.time_traces.lock"]
    kernels = [tmp_path / f"roofline.time_traces-{line}.py311.1.nbc" for line in range(500)]
    for path in others + kernels:
        path.touch()
    for path in others + kernels[:n_old]:
        os.utime(path, (0, 0))
    start = Barrier(4)

    def drop(_):
        start.wait()
        drop_stale.__wrapped__(tmp_path)  # each looks for itself, as another process would

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(drop, range(4)))
    assert set(tmp_path.iterdir()) == {*others, *([] if n_old else kernels)}


def test_a_cache_that_is_not_there_holds_nothing_old(tmp_path):
    drop_stale(tmp_path / "missing")
    assert not list(tmp_path.iterdir())
