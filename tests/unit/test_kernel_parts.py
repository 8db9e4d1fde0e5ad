"""Kernels that call one another: each is compiled once, whatever numbers callers write out."""

from __future__ import annotations

import numba
import pytest
from numba.core.caching import NullCache

from archmodel.kernels.compile import kernel, kernel_part


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
