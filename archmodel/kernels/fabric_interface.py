"""Events of the fabric interface, the DMA engine of a PE, under stalls. Contract: ``docs/methods/timing.md``."""

from __future__ import annotations

from typing import Any, NamedTuple

from archmodel.kernels.compile import kernel
from archmodel.kernels.matrix_engine import divide_up


class FabricSettings(NamedTuple):
    """A fabric interface and its settings.

    ``request_cycles`` to take up a command; ``outstanding`` fragments per ``round_trip`` cycles; ``slots`` for beats
    under way; ``width``: bytes of a beat; ``latency`` from asking for a beat to its write into local memory, 2 or more
    [cycles]; traffic shaping: credit of ``bucket`` [B] at the start of a command, which earns ``rate`` [B/cycle] and is
    not capped, rate 0: none.
    """

    request_cycles: int
    outstanding: int
    slots: int
    width: int
    latency: int
    round_trip: int
    bucket: int
    rate: int


@kernel
def due_cycle(beat: int, fragment: int, is_tail: bool, f: FabricSettings) -> int:
    """Cycle of a transfer without stalls in which its beat is due: when flow control and shaping allow it.

    Parameters
    ----------
    beat : int
        Number of the beat in its command, from 0.
    fragment : int
        Number of its fragment.
    is_tail : bool
        It is the last one of its fragment.
    f : FabricSettings
        The engine.
    """
    due = divide_up((fragment + 1) * f.round_trip, f.outstanding) - 1 if is_tail else 0
    if f.rate > 0:
        due = max(due, divide_up((beat + 1) * f.width - f.bucket, f.rate) - 1)
    return due


@kernel
def transfer_events(
    f: FabricSettings, n_beats: Any, is_tail: Any, needs_index: Any, command_gap: Any, index_gap: Any, ask_gap: Any,
    delay: Any, write_gap: Any, out_command: Any, out_ask: Any, out_response: Any, out_write: Any,
) -> None:  # fmt: skip
    """Cycles in which commands are taken and beats are asked for, arrive and are written, when everything may stall.

    Model
    -----
    A command is taken when it is offered and the last beat of the one before has left. Its beats are due as in
    `due_cycle`, from ``request_cycles`` later, and later by all that beats of the command had to wait for after they
    were due. A beat leaves when it is due, a slot is free (from the cycle after the write of the beat ``slots``
    before), its row has an index and the fabric is ready. It arrives ``latency − 1 + delay`` later, one per cycle and
    in order, and is written when local memory is ready, at least a cycle later.

    Parameters
    ----------
    f : FabricSettings
        The engine.
    n_beats : ndarray (C,) int64
        Beats of each command.
    is_tail : ndarray (N,) int64
        1 where a beat is the last one of its fragment.
    needs_index : ndarray (N,) int64
        1 where a beat begins a row that is named by an index.
    command_gap, index_gap, ask_gap : ndarray (G,) int64
        Cycles for which each side waits before it offers, or takes, the next word; used in turn.
    delay : ndarray (N,) int64
        Cycles by which the memory is late with each beat.
    write_gap : ndarray (G,) int64
        As the other gaps, of the writes to local memory.
    out_command : ndarray (C,) int64
        Written to: cycle in which each command is taken.
    out_ask, out_response, out_write : ndarray (N,) int64
        Written to: cycles of each beat.
    """
    j = n_indices = offered_index = 0
    for c in range(n_beats.size):
        offered = command_gap[c % command_gap.size] + (out_command[c - 1] + 1 if c > 0 else 0)
        out_command[c] = max(offered, out_ask[j - 1] + 1 if j > 0 else 0)
        begun = out_command[c] + f.request_cycles
        previous = begun - 1
        fragment = 0
        for beat in range(n_beats[c]):
            due = max(begun + due_cycle(beat, fragment, is_tail[j] == 1, f), previous + 1)
            fragment += is_tail[j]
            ready = ask_gap[j % ask_gap.size] + (out_ask[j - 1] + 1 if j > 0 else 0)
            sent = max(due, ready)
            if j >= f.slots:
                sent = max(sent, out_write[j - f.slots] + 1)
            if needs_index[j]:
                offered_index += index_gap[n_indices % index_gap.size]
                sent = max(sent, offered_index)
                offered_index = sent + 1
                n_indices += 1
            begun += sent - due
            previous = out_ask[j] = sent
            out_response[j] = sent + f.latency - 1 + delay[j]
            wanted = write_gap[j % write_gap.size]
            if j > 0:
                out_response[j] = max(out_response[j], out_response[j - 1] + 1)
                wanted += out_write[j - 1] + 1
            out_write[j] = max(out_response[j] + 1, wanted)
            j += 1
