"""Number formats: their names and sizes. The one table both machines and workloads speak of.

``mx4`` is the OCP Microscaling format MXFP4: 4-bit elements and one shared 8-bit scale per 32 elements, 4.25 bits each
(OCP Microscaling Formats Specification v1.0, table 1). ``bfp8`` is Tenstorrent's block floating point: 8-bit elements
and one 8-bit exponent per 16 elements, 8.5 bits each (tt-metal, tech_reports/data_formats).
"""

from __future__ import annotations

from typing import Annotated, Any

from archmodel.errors import UnknownNameError

# Order is meaning: the position is the index that packs use.
DTYPES = ("fp32", "tf32", "bf16", "fp16", "fp8", "int8", "bfp8", "mx4", "int32", "int64")
BITS = {
    "fp32": 32.0, "tf32": 32.0, "bf16": 16.0, "fp16": 16.0, "fp8": 8.0, "int8": 8.0, "bfp8": 8.5, "mx4": 4.25,
    "int32": 32.0, "int64": 64.0,
}  # fmt: skip


def dtype_bytes(dtype: str) -> float:
    """Bytes per element, shared scales included."""
    return BITS[check_dtype(dtype)] / 8


def dtype_idx(dtype: str) -> int:
    """Position of a dtype in packs."""
    return DTYPES.index(check_dtype(dtype))


def check_dtype(dtype: str) -> str:
    """Return the name if it is known, else raise `UnknownNameError` with the nearest one."""
    if dtype not in BITS:
        raise UnknownNameError("dtype", dtype, DTYPES)
    return dtype


class DTypeName:
    """Annotation of a field that holds the name of a number format."""

    def parse(self, given: object) -> str:
        """Check one name; `ValueError` with the near miss otherwise."""
        try:
            return check_dtype(str(given))
        except UnknownNameError as error:
            raise ValueError(error.faults[0].text) from None

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self.parse)


DType = Annotated[str, DTypeName()]
