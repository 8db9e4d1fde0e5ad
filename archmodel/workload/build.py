"""`TraceBuilder`: write a model down operator by operator; tensors, lifetimes and repeats follow."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from archmodel.dtypes import check_dtype
from archmodel.workload.plan import Plan, Splits
from archmodel.workload.types import STAGE, Operand, Operator, OperatorKind, Role, Tensor, Trace


class TraceBuilder:
    """Collects operators in execution order.

    Parameters
    ----------
    dtype
        Number format of arithmetic and activations.
    weight_dtype, kv_dtype, table_dtype
        Storage formats; ``dtype`` if not given.
    plan
        How the chips share the work; the trace is that of one of them.

    Examples
    --------
    >>> from archmodel.workload.operators.matmul import Matmul
    >>> b = TraceBuilder(dtype="bf16")
    >>> x = b.input("x", (128, 4096))
    >>> with b.repeat(32, "layers"):
    ...     x = b.add("proj", Matmul(m=128, n=4096, k=4096), x)
    >>> trace = b.finish(name="toy", title="Toy", phase="forward", run={}, items=128, item="token")
    >>> trace.n_parameters
    536870912
    """

    def __init__(
        self,
        *,
        dtype: str,
        weight_dtype: str | None = None,
        kv_dtype: str | None = None,
        table_dtype: str | None = None,
        plan: Plan | None = None,
    ) -> None:
        self.plan = plan or Plan()
        self.splits = Splits()
        self.dtype = check_dtype(dtype)
        self._storage: dict[Role, str] = {
            "weight": check_dtype(weight_dtype or dtype),
            "kv_cache": check_dtype(kv_dtype or dtype),
            "table": check_dtype(table_dtype or dtype),
            "activation": dtype,
            "index": "int32",
        }
        self._operators: list[Operator] = []
        self._names: set[str] = set()
        self._tensors: dict[str, Tensor] = {}
        self._last_idx: dict[str, int] = {}
        self._prefix: tuple[str, ...] = ()
        self._count = 1
        self._copies = 1

    @contextmanager
    def repeat(self, n: int, prefix: str, *, is_shared: bool = False) -> Iterator[None]:
        """Run what is added inside ``n`` times, each with weights of its own unless ``is_shared`` (denoising steps)."""
        before = self._prefix, self._count, self._copies
        self._prefix = (*self._prefix, prefix)
        self._count *= n
        self._copies *= 1 if is_shared else n
        yield
        self._prefix, self._count, self._copies = before

    @contextmanager
    def scope(self, prefix: str) -> Iterator[None]:
        """Put ``prefix`` before the names of what is added inside."""
        with self.repeat(1, prefix):
            yield

    @contextmanager
    def stage(self, idx: int) -> Iterator[None]:
        """Add what is inside to a stage of a plan; a plan of one stage has no names for it."""
        if self.plan.pp == 1:
            yield
            return
        with self.scope(f"{STAGE}{idx}"):
            yield

    def input(self, name: str, shape: tuple[int, ...], *, role: Role = "activation", dtype: str | None = None) -> str:
        """Declare a tensor that no operator of the trace produces; returns its name."""
        copies = 1 if role in ("activation", "index") else self._copies
        return self._declare(self._qualify(name), shape, role, dtype, copies)

    def add(
        self,
        name: str,
        op: OperatorKind,
        *inputs: str,
        dtype: str | None = None,
        weight_dtype: str | None = None,
        weights: Mapping[str, str] | None = None,
        out: str | None = None,
    ) -> str:
        """Append an operator; returns the name of its (first) output tensor.

        Parameters
        ----------
        name
            Unique within the surrounding ``repeat`` blocks.
        op
            Kind and dims.
        *inputs
            Tensor names for the input operands that are not weights or tables, in order. Those are declared here.
        dtype
            Arithmetic, if not the builder's.
        weight_dtype
            Storage of this operator's weights and tables, if not the builder's.
        weights
            Existing tensors for weight or table operands, by operand name (tied embeddings).
        out
            An existing tensor that the first output is written into (a KV cache).

        Raises
        ------
        ValueError
            When names repeat, the number of inputs is wrong or an operand is larger than its tensor.
        """
        full_name = self._qualify(name)
        if full_name in self._names:
            raise ValueError(f"operator {full_name!r} added twice")
        given = list(inputs)
        bound: list[str] = []
        outputs: list[str] = []
        for operand in op.operands():
            if operand.is_output:
                tensor = out if out and not outputs else self._output(full_name, operand, bool(outputs))
                outputs.append(tensor)
            elif weights and operand.name in weights:
                tensor = weights[operand.name]
            elif operand.role in ("weight", "table"):
                tensor = self._declare(
                    f"{full_name}.{operand.name}",
                    operand.shape,
                    operand.role,
                    operand.dtype or weight_dtype,
                    self._copies,
                )
            elif given:
                tensor = given.pop(0)
            else:
                raise ValueError(f"operator {full_name!r}: no tensor given for operand {operand.name!r}")
            self._touch(tensor, operand, full_name)
            bound.append(tensor)
        if given:
            raise ValueError(f"operator {full_name!r}: {len(given)} inputs too many: {given}")
        self._names.add(full_name)
        self._operators.append(Operator(full_name, op, check_dtype(dtype or self.dtype), tuple(bound), self._count))
        return outputs[0] if outputs else ""

    def finish(
        self,
        *,
        name: str,
        title: str,
        phase: str,
        run: Mapping[str, Any],
        items: float,
        item: str,
        notes: tuple[str, ...] = (),
    ) -> Trace:
        """Close the trace; one step yields ``items`` of ``item``."""
        tensors = {
            key: dataclasses.replace(tensor, last_idx=self._last_idx.get(key, tensor.first_idx))
            for key, tensor in self._tensors.items()
        }
        return Trace(
            name, title, phase, self.dtype, dict(run), tuple(self._operators), tensors, items, item, notes,
            plan=self.plan, splits=self.splits,
        )  # fmt: skip

    def _qualify(self, name: str) -> str:
        return ".".join((*self._prefix, name))

    def _output(self, full_name: str, operand: Operand, is_further: bool) -> str:
        name = f"{full_name}.{operand.name}" if is_further else full_name
        return self._declare(name, operand.shape, operand.role, operand.dtype, 1)

    def _declare(self, name: str, shape: tuple[int, ...], role: Role, dtype: str | None, copies: int) -> str:
        if name in self._tensors:
            raise ValueError(f"tensor {name!r} declared twice")
        here = len(self._operators)
        self._tensors[name] = Tensor(
            name, tuple(shape), check_dtype(dtype or self._storage[role]), role, copies, here, here
        )
        return name

    def _touch(self, name: str, operand: Operand, full_name: str) -> None:
        tensor = self._tensors[name]
        if operand.n_elements > tensor.n_elements:
            raise ValueError(
                f"operator {full_name!r}: operand {operand.name!r} {operand.shape} is larger than tensor "
                f"{name!r} {tensor.shape}"
            )
        self._last_idx[name] = len(self._operators)
