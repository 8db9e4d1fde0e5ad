"""Arrays that count their arithmetic, and what a reference of an operator read and wrote.

The convention of FLOP: one per output element of an arithmetic ufunc, one per input element of a reduction, two per
multiply-accumulate of a matrix product, one per element of a function that hardware looks up in a table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Tally:
    matmul: int = 0
    elementwise: int = 0
    reduction: int = 0


TALLY = Tally()


class CountedArray(np.ndarray):
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [given.view(np.ndarray) if isinstance(given, CountedArray) else given for given in inputs]
        out = getattr(ufunc, method)(*plain, **kwargs)
        if ufunc is np.matmul:
            TALLY.matmul += 2 * out.size * plain[0].shape[-1]
        elif method == "reduce":
            TALLY.reduction += np.size(plain[0])
        else:
            TALLY.elementwise += out.size
        return np.asarray(out).view(CountedArray)


def look_up(function: Callable[[Any], Any], x: Any) -> Any:
    TALLY.elementwise += x.size
    return function(np.asarray(x)).view(CountedArray)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def array(*shape: int, dtype: type = np.float32) -> Any:
    return np.random.default_rng(sum(shape)).uniform(0.1, 1.0, shape).astype(dtype).view(CountedArray)


def indices(*shape: int, below: int) -> Any:
    return np.random.default_rng(below).integers(0, below, shape, dtype=np.int32)


@dataclass
class Run:
    """What a reference read and wrote.

    arrays: by operand, in order; n_moved: elements moved where they are not all; n_bytes: bytes held where NumPy has no
    such dtype; n_sent_bytes: sent to other chips.
    """

    arrays: dict[str, Any]
    n_moved: dict[str, int] = field(default_factory=dict)
    n_bytes: dict[str, int] = field(default_factory=dict)
    n_sent_bytes: int = 0
