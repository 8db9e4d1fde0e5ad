"""Law of the SIMD engine under stalls. Contract: ``docs/methods/timing.md``."""

from __future__ import annotations

from typing import Any

from archmodel.kernels.compile import kernel
from archmodel.kernels.streams import offered_cycle


@kernel
def simd_events(
    latency: int, n_vectors: Any, n_operations: Any, is_load: Any, command_gap: Any, in_gap: Any, out_gap: Any,
    out_command: Any, out_taken: Any, out_operation: Any, out_given: Any,
) -> None:  # fmt: skip
    """Cycles in which a SIMD engine takes vectors, operates on them and gives results, when all sides stall.

    Model
    -----
    An operation on a vector takes a cycle. The first one takes the vector in, when it and its command are offered and
    the operation before is over. The last one needs room in the pipe behind: from the cycle after the result
    ``latency + 1`` before has left. A result leaves ``latency`` cycles after its last operation, or when it is taken.
    A command is over with its last operation. What is offered or taken is so ``1 + gap`` cycles after the one before.

    Parameters
    ----------
    latency : int
        From the last operation to the output [cycles].
    n_vectors, n_operations, is_load : ndarray (C,) int64
        Of each command: vectors, operations on each, whether they are loaded into the table and give no result.
    command_gap, in_gap, out_gap : ndarray (G,) int64
        Cycles for which a side waits before it offers, or takes, the next command, vector or result; used in turn.
    out_command : ndarray (C,) int64
        Written to: cycle in which each command is over.
    out_taken : ndarray (V,) int64
        Written to: cycle in which each vector is taken in.
    out_operation : ndarray (O,) int64
        Written to: cycle of each operation.
    out_given : ndarray (R,) int64
        Written to: cycle in which each result leaves.
    """
    vector, operation, result, cycle = 0, 0, 0, -1  # cycle of the last operation
    for command in range(n_vectors.size):
        offered = offered_cycle(command_gap, command, out_command)
        for _ in range(n_vectors[command]):
            room = 0
            if not is_load[command] and result > latency:
                room = out_given[result - latency - 1] + 1
            arrived = offered_cycle(in_gap, vector, out_taken)
            cycle = max(cycle + 1, max(offered, arrived))
            for step in range(n_operations[command]):
                if step > 0:
                    cycle += 1
                if step == n_operations[command] - 1:
                    cycle = max(cycle, room)
                if step == 0:
                    out_taken[vector] = cycle
                out_operation[operation] = cycle
                operation += 1
            vector += 1
            if not is_load[command]:
                wanted = offered_cycle(out_gap, result, out_given)
                out_given[result] = max(wanted, cycle + latency)
                result += 1
        out_command[command] = cycle
