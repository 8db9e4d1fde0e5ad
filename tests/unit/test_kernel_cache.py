"""Processes that compile into one folder at the same time."""

from __future__ import annotations

import os
import subprocess
import sys

MODULE = """
from archmodel.kernels.compile import kernel


@kernel
def inner(x):
    total = x
    for i in range(100):
        total += x * i % 7
    return total


@kernel
def outer(x):
    return inner(x) + inner(2 * x)


for x in (1, 1.5):
    outer(x)
print(*(sum(each.stats.cache_misses.values()) for each in (inner, outer)), outer(1), outer(1.5))
"""


def test_each_kernel_is_compiled_by_one_of_them(tmp_path):
    script, cache = tmp_path / "kernels_of_test.py", tmp_path / "cache"
    script.write_text(MODULE, encoding="utf-8")
    env = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    both = [
        subprocess.Popen([sys.executable, str(script)], env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    printed = [process.communicate()[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    compiled = [sum(int(words[i]) for words in printed) for i in range(2)]
    assert compiled == [2, 2]  # for whole numbers and for others
    assert printed[0][2:] == printed[1][2:]
