"""Laws of the network on chip: routers and links with credits. Contract: ``rtl_stubs/noc_router/README.md``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archmodel.kernels.compile import kernel

NORTH, EAST, SOUTH, WEST, LOCAL = range(5)
INJECT, GRANT, MOVE, BLOCKED, STARVED, DELIVER = range(6)
N_PORTS = 5
NEVER = 1 << 62
FULL_FROM, EMPTY_FROM = 0, 1  # cycle from which a place can be read; from which the sender knows that it can be written
HOLDER, LAST = 0, 1
FRONT_WANTED, FRONT_PACKET, FRONT_FLIT = range(3)


@kernel
def count_hops(from_x: int, from_y: int, to_x: int, to_y: int) -> int:
    """Links between the routers of two nodes of a mesh: ``|Δx| + |Δy|``.

    Parameters
    ----------
    from_x, from_y, to_x, to_y : int
        Columns and rows of the nodes.
    """
    return abs(to_x - from_x) + abs(to_y - from_y)


@kernel
def packet_cycles(n_hops: int, n_flits: int, link: int, depth: int) -> int:
    """Cycles of a packet, or of packets in a row, from a source to a destination through an empty network.

    Model
    -----
    ``hop = 1 + link``; the head enters the first FIFO in cycle 0 and can leave it in cycle 1, each router and the link
    after it take ``hop``. A place in a FIFO can be used again ``2 · hop`` cycles after its use, so that ``depth`` flits
    follow each other per ``max(depth, 2 · hop)`` cycles::

        cycles = 2 + (n_hops + 1) · hop + ⌊(n_flits − 1) / depth⌋ · max(depth, 2 · hop) + (n_flits − 1) mod depth

    Parameters
    ----------
    n_hops : int
        Links between routers on the way.
    n_flits : int
        Flits, 1 or more.
    link : int
        Cycles [cycle] that a flit, or a credit, is on a link.
    depth : int
        Flits that a FIFO holds.

    Sources
    -------
    Follows from the rules in `follow_flits`. Zero-load latency as in W. J. Dally and B. Towles, Principles and
    Practices of Interconnection Networks, 2004, sections 3.3 and 13.3 (credit round trip).
    """
    hop = 1 + link
    n_rounds, n_left = divmod(n_flits - 1, depth)
    return 2 + (n_hops + 1) * hop + n_rounds * max(depth, 2 * hop) + n_left


@kernel
def route(x: int, y: int, to_x: int, to_y: int, is_multicast: int) -> int:
    """Find the outputs that a packet takes from the router at (x, y), a bit each: along x, then along y.

    A multicast that leaves to the north is delivered here, too.

    Parameters
    ----------
    x, y : int
        Column and row of the router.
    to_x, to_y : int
        Those of the destination.
    is_multicast : int
        1 for a multicast, else 0.
    """
    if to_x > x:
        return 1 << EAST
    if to_x < x:
        return 1 << WEST
    if to_y > y:
        return 1 << NORTH | (1 << LOCAL if is_multicast else 0)
    if to_y < y:
        return 1 << SOUTH
    return 1 << LOCAL


@kernel
def link_mesh(n_cols: int, n_rows: int, out_nodes: Any, out_leads_to: Any, out_entry: Any) -> None:
    """Describe a mesh for `follow_flits`: node ``y · n_cols + x`` has source and sink of the same number.

    Parameters
    ----------
    n_cols, n_rows : int
        Size of the mesh.
    out_nodes : ndarray (N, 2) int64
        Written to: x and y of each node.
    out_leads_to : ndarray (N · 5,) int64
        Written to: FIFO at the end of each output's link, −1 at a border.
    out_entry : ndarray (N,) int64
        Written to: FIFO that the source of each node feeds.
    """
    n_nodes = n_cols * n_rows
    for node in range(n_nodes):
        x, y = node % n_cols, node // n_cols
        out_nodes[node, 0], out_nodes[node, 1] = x, y
        first = node * N_PORTS
        out_leads_to[first + NORTH] = first + n_cols * N_PORTS + SOUTH if y < n_rows - 1 else -1
        out_leads_to[first + EAST] = first + N_PORTS + WEST if x < n_cols - 1 else -1
        out_leads_to[first + SOUTH] = first - n_cols * N_PORTS + NORTH if y > 0 else -1
        out_leads_to[first + WEST] = first - N_PORTS + EAST if x > 0 else -1
        out_leads_to[first + LOCAL] = n_nodes * N_PORTS + node
        out_entry[node] = first + LOCAL


class Network(NamedTuple):
    """What `follow_flits` works on."""

    link: int
    nodes: Any  # (N, 2) x and y of each router
    leads_to: Any  # (N · 5,) FIFO behind each output
    packets: Any  # (P, 4) destination x and y, is_multicast, flits
    outputs: Any  # (N · 5, 2) input that holds each output, or −1; input that it was granted to last
    fifos: Any  # (F, 2) places that are read and written next
    places: Any  # (F, depth, 4) FULL_FROM, EMPTY_FROM, packet, number of the flit
    fronts: (
        Any  # (5, 3) of the router at hand, by input: outputs that a head asks for, packet or −1, number of the flit
    )
    sources: Any  # (S, 4) packet and flit that come next, flits that have entered, cycle from which the next is offered
    sinks: Any  # (T, 2) flits that were taken, cycle from which the next is
    counts: Any  # (2,) events so far; cycle in which a flit entered, moved or was taken last
    trace: Any  # (E, 4)


@kernel
def _write_down(net: Network, now: int, kind: int, where: int, packet: int) -> None:
    row = net.counts[0]
    if row < net.trace.shape[0]:
        net.trace[row, 0], net.trace[row, 1], net.trace[row, 2], net.trace[row, 3] = now, kind, where, packet
    net.counts[0] = row + 1


@kernel
def _has_flit(net: Network, fifo: int, now: int) -> bool:
    return bool(net.places[fifo, net.fifos[fifo, 0], FULL_FROM] <= now)


@kernel
def _has_credit(net: Network, fifo: int, now: int) -> bool:
    return bool(net.places[fifo, net.fifos[fifo, 1], EMPTY_FROM] <= now)


@kernel
def _put(net: Network, fifo: int, packet: int, flit: int, visible: int) -> None:
    place = net.fifos[fifo, 1]
    net.places[fifo, place, FULL_FROM], net.places[fifo, place, EMPTY_FROM] = visible, NEVER
    net.places[fifo, place, 2], net.places[fifo, place, 3] = packet, flit
    net.fifos[fifo, 1] = (place + 1) % net.places.shape[1]


@kernel
def _take(net: Network, fifo: int, now: int) -> tuple[int, int]:
    place = net.fifos[fifo, 0]
    net.places[fifo, place, FULL_FROM], net.places[fifo, place, EMPTY_FROM] = NEVER, now + 1 + net.link
    net.fifos[fifo, 0] = (place + 1) % net.places.shape[1]
    net.counts[1] = now
    return net.places[fifo, place, 2], net.places[fifo, place, 3]


@kernel
def _look(net: Network, node: int, now: int) -> bool:
    """Write down what is at the front of each input of a router; False when there is nothing."""
    is_anything = False
    for port in range(N_PORTS):
        fifo = node * N_PORTS + port
        front = net.fifos[fifo, 0]
        if net.places[fifo, front, FULL_FROM] > now:
            net.fronts[port, FRONT_WANTED], net.fronts[port, FRONT_PACKET] = 0, -1
            continue
        is_anything = True
        packet, flit, wanted = net.places[fifo, front, 2], net.places[fifo, front, 3], 0
        if flit == 0:
            to_x, to_y, is_multicast, _ = net.packets[packet]
            wanted = route(net.nodes[node, 0], net.nodes[node, 1], to_x, to_y, is_multicast)
        net.fronts[port, FRONT_WANTED], net.fronts[port, FRONT_PACKET] = wanted, packet
        net.fronts[port, FRONT_FLIT] = flit
    return is_anything


@kernel
def _grant(net: Network, node: int, now: int) -> None:
    """Grant the free outputs of a router, local last."""
    first = node * N_PORTS
    for output in range(N_PORTS):
        if net.outputs[first + output, HOLDER] >= 0:
            continue
        for step in range(1, N_PORTS + 1):
            port = (net.outputs[first + output, LAST] + step) % N_PORTS
            wanted = net.fronts[port, FRONT_WANTED]
            lacks_north = wanted >> NORTH & 1 == 1 and net.outputs[first + NORTH, HOLDER] != port
            if wanted >> output & 1 == 1 and not (output == LOCAL and lacks_north):
                net.outputs[first + output, HOLDER] = net.outputs[first + output, LAST] = port
                _write_down(net, now, GRANT, first + output, net.fronts[port, FRONT_PACKET])
                break


@kernel
def _move(net: Network, node: int, now: int) -> None:
    """Move a flit from each input whose packet holds all its outputs, if all of them have a credit."""
    first = node * N_PORTS
    for port in range(N_PORTS):
        wanted, packet, flit = net.fronts[port]
        if packet < 0:
            continue
        is_blocked = is_starved = False
        for output in range(N_PORTS):
            is_held = net.outputs[first + output, HOLDER] == port
            is_blocked |= wanted >> output & 1 == 1 and not is_held
            is_starved |= is_held and not _has_credit(net, net.leads_to[first + output], now)
        if is_blocked or is_starved:
            _write_down(net, now, BLOCKED if is_blocked else STARVED, first + port, packet)
            continue
        _take(net, first + port, now)
        _write_down(net, now, MOVE, first + port, packet)
        is_tail = flit == net.packets[packet, 3] - 1
        for output in range(N_PORTS):
            if net.outputs[first + output, HOLDER] == port:
                _put(net, net.leads_to[first + output], packet, flit, now + 1 + net.link)
                if is_tail:
                    net.outputs[first + output, HOLDER] = -1


@kernel
def _inject(net: Network, source: int, fifo: int, gap: Any, now: int) -> None:
    packet, flit, n_entered, offered = net.sources[source]
    if offered > now or not _has_credit(net, fifo, now):
        return
    _put(net, fifo, packet, flit, now + 1)
    _write_down(net, now, INJECT, source, packet)
    is_tail = flit == net.packets[packet, 3] - 1
    net.sources[source, 0] = packet + 1 if is_tail else packet
    net.sources[source, 1] = 0 if is_tail else flit + 1
    net.sources[source, 2] = n_entered + 1
    net.sources[source, 3] = now + 1 + gap[(n_entered + 1) % gap.size]
    net.counts[1] = now


@kernel
def _deliver(net: Network, sink: int, fifo: int, gap: Any, now: int) -> None:
    n_taken, wanted = net.sinks[sink]
    if wanted > now or not _has_flit(net, fifo, now):
        return
    packet, _ = _take(net, fifo, now)
    _write_down(net, now, DELIVER, sink, packet)
    net.sinks[sink, 0] = n_taken + 1
    net.sinks[sink, 1] = now + 1 + gap[(n_taken + 1) % gap.size]


@kernel
def follow_flits(
    nodes: Any, leads_to: Any, entry: Any, depth: int, link: int, first_packet: Any, packets: Any,
    source_gap: Any, sink_gap: Any, out_trace: Any,
) -> int:  # fmt: skip
    """Follow every flit through a network of routers, cycle by cycle.

    Model
    -----
    - A source offers a flit ``1 + gap`` cycles after the one before entered, and it enters when the FIFO has a credit
      for it; it is at the front of its FIFO from the next cycle on, when those before it have left.
    - A packet asks for the outputs of `route` when its head is at the front; a multicast for the local one when it
      holds north. A free output is granted to the next asking input after the one granted last, in the order north,
      east, south, west, local, and is held until the tail has moved. It is free in the next cycle.
    - A flit moves when its packet holds all its outputs and each has a credit, at the earliest in the cycle of the
      grant, and is in all FIFOs behind them ``1 + link`` cycles later.
    - The place that it leaves can be written to again ``1 + link`` cycles later: the credit takes that long.
    - A sink takes the flit at the front of its FIFO, at the earliest ``1 + gap`` cycles after the one before.

    Parameters
    ----------
    nodes : ndarray (N, 2) int64
        x and y of each router.
    leads_to : ndarray (N · 5,) int64
        FIFO behind each output; FIFO ``5 · node + port`` is that of an input, ``5 · N + sink`` that of a sink.
    entry : ndarray (S,) int64
        FIFO that each source feeds.
    depth, link : int
        Flits that a FIFO holds; cycles on a link.
    first_packet : ndarray (S + 1,) int64
        First packet of each source.
    packets : ndarray (P, 4) int64
        Destination x and y, whether it is a multicast, number of flits.
    source_gap, sink_gap : ndarray (S, G), (T, G) int64
        Cycles for which a source waits before each flit, or a sink before it takes each; used in turn.
    out_trace : ndarray (E, 4) int64
        Written to: cycle, kind (`INJECT` by source, `GRANT` by output, `MOVE`, `BLOCKED` and `STARVED` by input,
        `DELIVER` by sink), where, and packet of each event.

    Returns
    -------
    int
        Events in all; those beyond the end of ``out_trace`` are not written. Ends early when nothing can move any more.

    Sources
    -------
    Wormhole switching and credits as in W. J. Dally and B. Towles, Principles and Practices of Interconnection
    Networks, 2004, chapters 13 and 16; the rules of arbitration and the multicast are those of this block.
    """
    n_routers, n_sinks = len(nodes), len(sink_gap)
    n_fifos = n_routers * N_PORTS + n_sinks
    net = Network(
        link, nodes, leads_to, packets, np.empty((leads_to.size, 2), np.int64), np.zeros((n_fifos, 2), np.int64),
        np.zeros((n_fifos, depth, 4), np.int64), np.zeros((N_PORTS, 3), np.int64), np.zeros((entry.size, 4), np.int64),
        np.zeros((n_sinks, 2), np.int64), np.zeros(2, np.int64), out_trace,
    )  # fmt: skip
    net.outputs[:, HOLDER], net.outputs[:, LAST], net.places[:, :, FULL_FROM] = -1, LOCAL, NEVER
    net.sources[:, 0], net.sources[:, 3], net.sinks[:, 1] = first_packet[:-1], source_gap[:, 0], sink_gap[:, 0]
    patience = source_gap.max() + sink_gap.max() + 2 * (1 + link)
    now = 0
    while now - net.counts[1] <= patience:
        for source in range(entry.size):
            if net.sources[source, 0] < first_packet[source + 1]:
                _inject(net, source, entry[source], source_gap[source], now)
        for node in range(n_routers):
            if _look(net, node, now):
                _grant(net, node, now)
                _move(net, node, now)
        for sink in range(n_sinks):
            _deliver(net, sink, n_routers * N_PORTS + sink, sink_gap[sink], now)
        now += 1
    return int(net.counts[0])
