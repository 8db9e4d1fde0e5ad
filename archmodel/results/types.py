"""`Result` and `ResultTable`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archmodel.errors import ArchmodelError

if TYPE_CHECKING:
    import pandas as pd

RESOURCES = ("matrix", "simd", "vector", "local", "sram", "dram", "host", "link")
"""What an operator keeps busy, in the order that kernels use."""

TOTALS = (
    "latency_s", "lower_s", "upper_s", "launch_s", "bound", "energy_j", "throughput", "throughput_unit", "utilisation",
)  # fmt: skip
"""What every model says of a whole step."""


@dataclass(frozen=True)
class ResultTable:
    """A table: columns of equal length whose names end in the unit.

    Parameters
    ----------
    columns
        Values by column name; missing values are ``None``.
    """

    columns: Mapping[str, Sequence[Any]]

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> ResultTable:
        """Collect rows; a key that a row lacks becomes ``None``."""
        names = list(dict.fromkeys(key for row in rows for key in row))
        return cls({name: [row.get(name) for row in rows] for name in names})

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> Sequence[Any]:
        return self.columns[name]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Iterate over rows as dicts."""
        for values in zip(*self.columns.values(), strict=True):
            yield dict(zip(self.columns, values, strict=True))

    def to_csv(self) -> str:
        """Render as CSV text with a header line."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(zip(*self.columns.values(), strict=True))
        return text.getvalue()

    def to_pandas(self) -> pd.DataFrame:
        """Convert to a pandas DataFrame; needs the extra: ``pip install 'archmodel[pandas]'``."""
        try:
            import pandas as pd
        except ImportError as error:
            raise ArchmodelError("to_pandas() needs pandas; run: pip install 'archmodel[pandas]'") from error
        return pd.DataFrame(dict(self.columns))


@dataclass(frozen=True)
class Result:
    """What one model says of one trace on one machine.

    Parameters
    ----------
    machine, workload, phase, dtype, model
        Names of what was asked.
    run
        Run settings of the workload, ``launch``, and under ``set`` the machine values that the user overrode, if any.
    latency_s
        Estimate for one step [s].
    lower_s, upper_s
        Bounds of these operators at this placement: ``lower_s`` is the busiest resource at its physical rate, with
        everything overlapped; ``upper_s`` overlaps nothing [s].
    launch_s
        Part of the latency that is launching [s].
    bound
        Resource (or ``launch``) that binds for most of the time.
    bound_s
        Time during which each resource, or ``launch``, binds [s]; sums up to ``latency_s``.
    energy_j
        Typical power times latency where typical power is known, else ``None`` [J].
    throughput, throughput_unit
        Items per second, e.g. ``token/s``.
    utilisation
        Matrix FLOP per second over the matrix peak of the dtype; ``None`` without matrix work.
    operators
        One row per operator; times cover all its executions in the step.
    warnings
        What a reader must know before quoting the numbers.
    provenance
        Version, and the machine values that are assumed.
    chips
        Where several chips share the work: the plan, ``throughput_per_chip``, ``slowest_stage_s`` and ``exchange_s``,
        the part of the latency that is exchanges between them [s]. Latency and operators are those of one replica and
        micro-batch; throughput and energy those of all chips.
    """

    machine: str
    workload: str
    phase: str
    dtype: str
    model: str
    run: Mapping[str, Any]
    latency_s: float
    lower_s: float
    upper_s: float
    launch_s: float
    bound: str
    bound_s: Mapping[str, float]
    energy_j: float | None
    throughput: float
    throughput_unit: str
    utilisation: float | None
    operators: ResultTable
    warnings: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    chips: Mapping[str, Any] = field(default_factory=dict)

    def total(self) -> dict[str, Any]:
        """Give the whole-step figures as one row."""
        return {name: getattr(self, name) for name in TOTALS}

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain dicts and lists, ready for JSON."""
        names = ("machine", "workload", "phase", "dtype", "model")
        return {
            **{name: getattr(self, name) for name in names},
            "run": dict(self.run),
            "total": self.total(),
            "bound_s": dict(self.bound_s),
            "operators": list(self.operators.rows()),
            "warnings": list(self.warnings),
            "provenance": dict(self.provenance),
            **({"chips": dict(self.chips)} if self.chips else {}),
        }

    def to_pandas(self) -> pd.DataFrame:
        """Convert the operator table to a pandas DataFrame."""
        return self.operators.to_pandas()
