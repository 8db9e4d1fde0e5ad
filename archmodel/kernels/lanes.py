"""Laws of the SIMD engine, the vector core and the core that issues commands. Contract: ``docs/methods/timing.md``."""

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
        Operations per cycle.

    Sources
    -------
    ISCA 2025 (MTIA 2i), table 2: the peak is lanes × clock. That a vector is whole is assumed.
    """
    return transfer_up(float(n_elements), lanes) * n_operations


@kernel
def vector_cycles(
    n_elements: int, element_bits: int, n_instructions: int, vlen: int, dlen: int, lmul: int, start_up: int
) -> int:
    """Cycles of a loop of chained vector instructions over ``n_elements``.

    Model
    -----
    The loop runs ``⌈elements / vl⌉`` times with ``vl = vlen · lmul / element bits``. An instruction occupies the data
    path for ``⌈vl · element bits / dlen⌉`` cycles; a dependent one chains ``start_up`` cycles behind it, so a turn
    takes ``n_instructions`` occupancies, and the last turn a start-up for each instruction besides.

    Parameters
    ----------
    n_elements, element_bits, n_instructions : int
        Elements, their width [bit], vector instructions per turn.
    vlen, dlen : int
        Bits of a register and of the data path.
    lmul : int
        Registers per group.
    start_up : int
        From an instruction to one that uses its first result [cycles].

    Sources
    -------
    RISC-V V extension 1.0, sections 3.4 and 6 (VLEN, LMUL); chaining as in Ara, M. Perotti et al., arXiv 2311.07493.
    """
    vl = vlen * lmul // element_bits
    occupancy = divide_up(min(vl, n_elements) * element_bits, dlen)
    return divide_up(n_elements, vl) * n_instructions * occupancy + n_instructions * start_up


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
        Blocks of the matrix engine; 1 for a command of another unit.
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
