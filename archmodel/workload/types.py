"""What a workload is made of: tensors, operators and the trace that orders them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from archmodel.dtypes import dtype_bytes
from archmodel.units import COUNT
from archmodel.workload.plan import Plan, Splits

Role = Literal["weight", "activation", "table", "kv_cache", "index"]
Level = Literal["sram", "dram"]
Count = Annotated[int, COUNT]
STAGE = "stage"
"""What the names of operators and tensors of a stage begin with, before its number."""


@dataclass(frozen=True, slots=True)
class Operand:
    """What an operator kind says of one of its operands.

    Parameters
    ----------
    name
        E.g. ``"a"``; also the name in ``--place a=sram``.
    shape
        Elements in full.
    role
        Decides where the tensor lives: weights and activations go where they fit, tables and KV caches into DRAM.
    is_output
        Written, not read.
    touched
        Elements that one execution moves, if not all of them (an embedding table, the experts that got tokens).
    row
        Elements per contiguous row when the access is a gather or scatter, else 0.
    dtype
        Fixed dtype (``"int32"`` indices); ``None`` takes the dtype of the tensor bound to it.
    """

    name: str
    shape: tuple[int, ...]
    role: Role = "activation"
    is_output: bool = False
    touched: float | None = None
    row: int = 0
    dtype: str | None = None

    @property
    def n_elements(self) -> int:
        """Elements of the whole operand."""
        return math.prod(self.shape)

    @property
    def n_touched(self) -> float:
        """Elements that one execution moves."""
        return float(self.n_elements) if self.touched is None else self.touched


@dataclass(frozen=True, slots=True)
class Work:
    """Arithmetic of one execution, by the engine that does it [FLOP]. A multiply-accumulate is 2 FLOP.

    Parameters
    ----------
    matrix_flop
        Matrix engine.
    simd_flop
        SIMD engine: elementwise and table look-up functions; one per element and operation.
    vector_flop
        Vector core: reductions, normalisation, sorting, irregular work; one per element and operation.
    """

    matrix_flop: float = 0.0
    simd_flop: float = 0.0
    vector_flop: float = 0.0

    @property
    def flop(self) -> float:
        """All engines together."""
        return self.matrix_flop + self.simd_flop + self.vector_flop


@dataclass(frozen=True, slots=True)
class Reuse:
    """Least traffic into a memory of ``S`` elements when operands exceed it: ``sqrt/√S + linear/S`` [elements].

    A matmul of M·N·K has ``sqrt = 2·M·N·K`` (Hong & Kung, STOC 1981; constant from Olivry et al., PLDI 2020);
    fused attention has a term in 1/S (Dao et al., FlashAttention, NeurIPS 2022, theorem 2).
    """

    sqrt: float = 0.0
    linear: float = 0.0


@dataclass(frozen=True)
class OperatorKind:
    """Base of all operator kinds: a frozen dataclass whose fields are the dims.

    A kind says what it reads and writes (`operands`: inputs first, outputs last), what it computes (`work`) and how its
    traffic grows when a memory is too small (`reuse`). Class variables: ``kind``, the name; ``group``, the class that
    breakdowns show.
    """

    kind: ClassVar[str]
    group: ClassVar[str]

    @property
    def principal(self) -> OperatorKind:
        """What the operator is at heart: itself, unless it stands for several."""
        return self

    def operands(self) -> tuple[Operand, ...]:
        """List the operands, inputs before outputs."""
        raise NotImplementedError

    def work(self) -> Work:
        """Count the arithmetic."""
        raise NotImplementedError

    def reuse(self) -> Reuse:
        """Bound the traffic when operands exceed a memory; no term means every operand passes once."""
        return Reuse()

    def link_bytes(self, dtype: str) -> float:
        """Bytes that one chip sends over its scale-up link."""
        return 0.0

    def n_chips_spanned(self) -> int:
        """Chips that one execution runs across."""
        return 1

    def dims(self) -> dict[str, Any]:
        """Dims by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array of a trace.

    Parameters
    ----------
    name, shape, dtype, role
        As they say; ``role`` decides placement.
    count
        Distinct copies: the weights of a block that repeats 32 times have ``count`` 32.
    first_idx, last_idx
        Lifetime: positions in the trace of the first and last operator that touches it.
    level
        The memory it is kept in; ``None`` leaves that to placement.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    role: Role
    count: int
    first_idx: int
    last_idx: int
    level: Level | None = None

    @property
    def n_elements(self) -> int:
        """Elements of one copy."""
        return math.prod(self.shape)

    @property
    def bytes_per_element(self) -> float:
        """Bytes per element, shared scales included."""
        return dtype_bytes(self.dtype)

    @property
    def n_bytes(self) -> float:
        """Bytes of one copy."""
        return self.n_elements * self.bytes_per_element


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of a trace.

    Parameters
    ----------
    name
        Unique in the trace, e.g. ``"layers.q_proj"``.
    op
        Kind and dims.
    dtype
        Number format of the arithmetic.
    tensors
        Names of the tensors bound to ``op.operands()``, in that order.
    count
        Executions per step.
    """

    name: str
    op: OperatorKind
    dtype: str
    tensors: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class Trace:
    """One step of a workload: operators in order, and their tensors.

    Parameters
    ----------
    name, title, phase
        E.g. ``"llm/llama3.1-8b"``, ``"Llama 3.1 8B"``, ``"prefill"``.
    dtype
        Default number format of the arithmetic.
    run
        The settings it was built with: batch, sequence, context, steps, …
    operators
        In execution order; each depends on the producers of its input tensors.
    tensors
        By name.
    items, item
        What one step yields, e.g. 1.0 ``"token"``; throughput is ``items / latency``.
    notes
        Sentences that belong beside any result, e.g. that dims are a hypothetical fit.
    is_alternatives
        The operators are shapes asked about one by one, not the parts of a step.
    plan
        How chips share the workload. The trace is what one replica does with one micro-batch; where stages share the
        layers, it goes through all of them, and names begin with ``stage0.``, ``stage1.``, …
    splits
        How they could share it.
    """

    name: str
    title: str
    phase: str
    dtype: str
    run: Mapping[str, Any]
    operators: tuple[Operator, ...]
    tensors: Mapping[str, Tensor]
    items: float
    item: str
    notes: tuple[str, ...] = ()
    is_alternatives: bool = False
    plan: Plan = field(default_factory=Plan)
    splits: Splits = field(default_factory=Splits)

    def role_bytes(self, role: Role) -> float:
        """Bytes of all tensors of a role on one chip, copies included, those with a given ``level`` left out.

        Of several stages it is the one with most weights and KV cache; a cache holds all micro-batches.
        """
        return self._stage_bytes[self._fullest_stage].get(role, 0.0)

    @cached_property
    def _stage_bytes(self) -> tuple[dict[Role, float], ...]:
        """Bytes by role of every stage."""
        stages: tuple[dict[Role, float], ...] = tuple({} for _ in range(self.plan.pp))
        for tensor in self.tensors.values():
            if tensor.level is None:
                of_stage = stages[self.stage_idx(tensor.name)]
                copies = tensor.count * (self.plan.n_micro if tensor.role == "kv_cache" else 1)
                of_stage[tensor.role] = of_stage.get(tensor.role, 0.0) + tensor.n_bytes * copies
        return stages

    @cached_property
    def _fullest_stage(self) -> int:
        kept = [of_stage.get("weight", 0.0) + of_stage.get("kv_cache", 0.0) for of_stage in self._stage_bytes]
        return kept.index(max(kept))

    def stage_idx(self, name: str) -> int:
        """Say which stage an operator or a tensor belongs to, by its name."""
        return int(name.partition(".")[0].removeprefix(STAGE)) if self.plan.pp > 1 else 0

    @cached_property
    def n_parameters(self) -> int:
        """Elements of all weights; embedding tables are not in it (see `n_table_elements`)."""
        return sum(t.n_elements * t.count for t in self.tensors.values() if t.role == "weight")

    @cached_property
    def n_table_elements(self) -> int:
        """Elements of all embedding tables."""
        return sum(t.n_elements * t.count for t in self.tensors.values() if t.role == "table")

    @cached_property
    def flop(self) -> float:
        """Arithmetic of one step, all engines [FLOP]."""
        return sum(o.op.work().flop * o.count for o in self.operators)

    @cached_property
    def matrix_flop(self) -> float:
        """Arithmetic of one step on the matrix engine: twice the published "MACs" [FLOP]."""
        return sum(o.op.work().matrix_flop * o.count for o in self.operators)

    @cached_property
    def exchanges(self) -> tuple[tuple[OperatorKind, str], ...]:
        """Unlike operators that send to other chips, each with its dtype."""
        sending = ((o.op, o.dtype) for o in self.operators if o.op.link_bytes(o.dtype))
        return tuple(dict.fromkeys(sending))

    @cached_property
    def live_bytes(self) -> tuple[float, ...]:
        """Bytes of activations and indices alive while each operator runs; in a repeated block, of one iteration."""
        change = [0.0] * (len(self.operators) + 1)
        for tensor in self.tensors.values():
            if tensor.role in ("activation", "index") and tensor.level is None:
                change[tensor.first_idx] += tensor.n_bytes
                change[tensor.last_idx + 1] -= tensor.n_bytes
        total, live = 0.0, []
        for step in change[:-1]:
            total += step
            live.append(total)
        return tuple(live)
