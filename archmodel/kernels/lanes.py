"""Laws of the SIMD engine and the core that issues commands. Contract: ``docs/methods/timing.md``."""

from __future__ import annotations

from archmodel.kernels.compile import kernel
from archmodel.kernels.matrix_engine import divide_up, transfer_up


@kernel
def simd_cycles(n_elements: int, n_operations: int, lanes: float) -> int:
    """Cycles of the SIMD engine: ``⌈elements / lanes⌉ · operations``; a table look-up is one operation.

    Each operation is a pass over a vector of as many elements as there are lanes; the last vector may be ragged.

    Parameters
    ----------
    n_elements : int
        Elements.
    n_operations : int
        Operations per element.
    lanes : float
        Elements per cycle.

    Sources
    -------
    ISCA 2025 (MTIA 2i), table 2: the peak is lanes × clock. That a vector is whole is assumed.
    """
    return transfer_up(float(n_elements), lanes) * n_operations


@kernel
def issue_cycles(n_blocks: int, blocks_per_instruction: int, instruction_cycles: int, n_contexts: int) -> int:
    """Cycles for which a core is busy issuing one command.

    Model
    -----
    ``⌈⌈blocks / blocks_per_instruction⌉ · instruction_cycles / n_contexts⌉``: auto-increment lets one custom
    instruction walk over several blocks; several contexts issue in turn.

    Parameters
    ----------
    n_blocks : int
        Block products: held blocks of the matrix engine, each with the columns that one instruction names; 1 for a
        command of another unit.
    blocks_per_instruction : int
        Blocks that one instruction walks over.
    instruction_cycles : int
        To issue one instruction [cycles].
    n_contexts : int
        Contexts that issue in turn.

    Sources
    -------
    ISCA 2025 (MTIA 2i), section 3.3 names both; the numbers of machines are assumed.
    """
    return divide_up(divide_up(n_blocks, blocks_per_instruction) * instruction_cycles, n_contexts)
