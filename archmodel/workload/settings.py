"""Settings of one run of a workload: phase, sizes and number formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from archmodel.dtypes import DType
from archmodel.inputs import SCHEMA
from archmodel.units import GIVEN_COUNT, GIVEN_COUNT_OR_ZERO, Number, YesNo

Count = Annotated[int, GIVEN_COUNT]
CountOrZero = Annotated[int, GIVEN_COUNT_OR_ZERO]
Flag = Annotated[bool, YesNo()]
_PASSES = "a number of forward passes per denoising step (2 with classifier-free guidance, 1 without; not its scale)"
Skew = Annotated[float, Number("a skew", 1.0, 1000.0)]
Passes = Annotated[int, Number(_PASSES, 1, 2, integer=True)]
Pixels = Annotated[int, Number("a count of pixels", 1, 1e6, integer=True)]


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How a workload is run. A builder says which settings each of its phases uses (`Builder.phases`).

    Parameters
    ----------
    phase
        E.g. ``prefill`` or ``decode``.
    batch
        Sequences, samples, images or requests processed together.
    sequence
        New tokens per sequence (prefill).
    context
        Tokens already in the KV cache (decode).
    steps
        Denoising steps.
    guidance
        Forward passes per denoising step: 2 with classifier-free guidance, 1 without.
    resolution
        Pixels along one edge of the (square) image.
    dtype
        Number format of the arithmetic.
    weight_dtype, kv_dtype, table_dtype
        Storage formats of weights, KV cache and embedding tables; ``dtype`` if not given.
    chips
        Chips that share the work; ``batch`` is that of all of them. One if not given, or as many as ``tp`` and ``pp``
        need.
    tp, ep, pp
        Chips that share every layer, the experts of a layer, and the layers (`Plan`). Without ``tp``, all the chips of
        a stage share every layer, where the workload can be split so.
    skew
        Rows of the busiest group of experts over the mean, chance left out.
    """

    __pydantic_config__: ClassVar = SCHEMA
    dtype: DType
    phase: str = ""
    batch: Count = 1
    sequence: Count = 1
    context: Count = 1
    steps: Count = 1
    guidance: Passes = 1
    resolution: Pixels = 1
    weight_dtype: DType | None = None
    kv_dtype: DType | None = None
    table_dtype: DType | None = None
    chips: Count | None = None
    tp: Count | None = None
    ep: Count | None = None
    pp: Count | None = None
    skew: Skew = 1.0
