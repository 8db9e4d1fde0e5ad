"""Laws of collective operations between chips: latency per step and bandwidth (α-β). ``docs/methods/chips.md``.

Every chip has links of together ``bytes_per_s`` in one direction, and as much in the other at the same time. A step is
a message from one chip to its neighbours or peers; all chips make it at once.
"""

from __future__ import annotations

import math

from archmodel.kernels.compile import kernel

ALL_REDUCE, ALL_GATHER, REDUCE_SCATTER, ALL_TO_ALL, SEND = range(5)
SWITCH, MESH, RING, TORUS = range(4)
BY_RING, BY_TREE, BY_HALVING, BY_DIRECT, BY_ONE_SHOT = range(5)
N_ALGORITHMS = 5


@kernel
def collective_time(
    function: int,
    algorithm: int,
    n_bytes: float,
    n_chips: int,
    topology: int,
    n_domain: int,
    latency_s: float,
    message_s: float,
    bytes_per_s: float,
) -> float:
    """Time of one collective by one algorithm, launching left out [s]; infinite where the algorithm does not apply.

    Model
    -----
    S bytes on each of p chips, latency α of a step, bandwidth B of one chip; h = 2 for all_reduce, else 1. α includes
    the set-up of one message. A chip that sends to all others in one step sets up p − 2 further ones, one after the
    other, each for o: ``β = α + (p − 2) o``.

    ring: ``h (p − 1) α + h (p − 1)/p · S/B``; on a torus of k × k chips ``2 h (k − 1) α`` with all links at work.
    tree: two binary trees of half the buffer each, c chunks of the best length:
    ``(2⌈log₂ p⌉ − 1 + c)(α + 2 S/(c B))``.
    halving: recursive halving and doubling, p a power of two: ``h log₂ p · α + h (p − 1)/p · S/B``.
    direct: every chip writes its part to every other, ``h β + h (p − 1)/p · S/B``; on rings and tori an all_to_all is
    forwarded, so that each byte takes as many links, and the first message as many steps, as it is hops away.
    one-shot: every chip sends all of its buffer to every other and adds up itself, ``β + (p − 1) S/B``.
    send: ``α + S/B``, over the links that join two chips.

    Ring, direct and one-shot messages go out on all links that join the p chips: of a switch all, of a mesh of n chips
    (p − 1) of n − 1, of a ring of two chips one of two.

    Parameters
    ----------
    function : int
        ALL_REDUCE, ALL_GATHER, REDUCE_SCATTER, ALL_TO_ALL or SEND.
    algorithm : int
        BY_RING, BY_TREE, BY_HALVING, BY_DIRECT or BY_ONE_SHOT.
    n_bytes : float
        The full buffer of one chip, never a shard [B].
    n_chips : int
        Chips that take part.
    topology : int
        SWITCH, MESH (every chip linked with every other), RING or TORUS (of two dimensions).
    n_domain : int
        Chips that the links join.
    latency_s : float
        Of one step, the set-up of its message included [s].
    message_s : float
        Set-up of each further message of the same step, to another peer [s].
    bytes_per_s : float
        Of all links of one chip in one direction [B/s].

    Returns
    -------
    time_s : float
        Time from the first message until the last chip has its result [s].

    Sources
    -------
    R. Thakur, R. Rabenseifner, W. Gropp, Optimization of Collective Communication Operations in MPICH, IJHPCA 19(1),
    2005 (ring, recursive halving and doubling, α-β); P. Sanders, J. Speck, J. L. Träff, Two-tree algorithms for full
    bandwidth broadcast, reduction and scan, Parallel Computing 35(12), 2009 (tree); D. Culler et al., LogP: Towards a
    Realistic Model of Parallel Computation, PPoPP 1993 (overhead o of each message, paid by its sender).
    """
    p, halves = n_chips, 2 if function == ALL_REDUCE else 1
    if p == 1:
        return 0.0
    whole_s = n_bytes / (bytes_per_s * usable_links(p, topology, n_domain))
    moved_s = whole_s * (p - 1) / p
    further_s = (p - 2) * message_s
    if function == SEND:
        return latency_s + whole_s if algorithm == BY_DIRECT else math.inf
    if function == ALL_TO_ALL:
        n_hops, mean_hops = hops(p, topology)
        return n_hops * latency_s + further_s + mean_hops * moved_s if algorithm == BY_DIRECT else math.inf
    if algorithm == BY_RING:
        side = torus_side(p, topology)
        n_steps = 2 * (side - 1) if side > 1 else p - 1
        return halves * (n_steps * latency_s + moved_s)
    if topology in (RING, TORUS):
        return math.inf
    if algorithm == BY_DIRECT:
        return halves * (latency_s + further_s + moved_s)
    if algorithm == BY_ONE_SHOT:
        return latency_s + further_s + (p - 1) * whole_s if function == ALL_REDUCE else math.inf
    if topology == MESH:
        return math.inf  # a step of these uses one link of many
    depth = math.ceil(math.log2(p))
    if algorithm == BY_HALVING:
        return halves * (depth * latency_s + moved_s) if 2**depth == p else math.inf
    if function != ALL_REDUCE:
        return math.inf
    n_chunks = max(1.0, math.sqrt((2 * depth - 1) * 2 * whole_s / max(latency_s, 1e-12)))
    return (2 * depth - 1 + n_chunks) * (latency_s + 2 * whole_s / n_chunks)


@kernel
def usable_links(n_chips: int, topology: int, n_domain: int) -> float:
    """Share of the links of a chip that lead to the others of a group of chips.

    Model
    -----
    Of a switch all. Of a mesh the ``n_chips − 1`` that join the group. Of a ring both, one between two chips. Of a
    torus all four if the group is a square, else those of one row.

    Parameters
    ----------
    n_chips : int
        Chips of the group.
    topology : int
        SWITCH, MESH, RING or TORUS.
    n_domain : int
        Chips that the links join.

    Sources
    -------
    Follows from the structure.
    """
    if topology == SWITCH:
        return 1.0
    if topology == MESH:
        return min(1.0, (n_chips - 1) / max(1, n_domain - 1))
    if topology == TORUS and torus_side(n_chips, topology) == 1:
        return 0.5 if n_chips > 2 else 0.25
    return 1.0 if n_chips > 2 else 0.5


@kernel
def torus_side(n_chips: int, topology: int) -> int:
    """Chips along one side of a group that is a square of a torus; 1 where it is none.

    Model
    -----
    ``√n_chips`` where that is whole and at least 2.

    Parameters
    ----------
    n_chips : int
        Chips of the group.
    topology : int
        SWITCH, MESH, RING or TORUS.

    Sources
    -------
    Follows from the structure.
    """
    side = int(math.sqrt(n_chips) + 0.5)
    return side if topology == TORUS and side > 1 and side * side == n_chips else 1


@kernel
def hops(n_chips: int, topology: int) -> tuple[int, float]:
    """Links to the farthest other chip, and to the others on average.

    Model
    -----
    1 through a switch or in a mesh. In a ring of k chips ``⌊k/2⌋`` at most, ``⌊k²/4⌋ / (k − 1)`` on average; a torus
    adds the distances of its two dimensions.

    Parameters
    ----------
    n_chips : int
        Chips of the group.
    topology : int
        SWITCH, MESH, RING or TORUS.

    Sources
    -------
    Follows from the structure.
    """
    if topology in (SWITCH, MESH):
        return 1, 1.0
    side = torus_side(n_chips, topology)
    if side > 1:
        return 2 * (side // 2), 2.0 * side * (side * side // 4) / (n_chips - 1)
    return n_chips // 2, (n_chips * n_chips // 4) / (n_chips - 1)


@kernel
def fastest_algorithm(
    function: int,
    n_bytes: float,
    n_chips: int,
    topology: int,
    n_domain: int,
    latency_s: float,
    message_s: float,
    bytes_per_s: float,
) -> tuple[int, float]:
    """Algorithm that takes least time, and that time [s].

    Model
    -----
    The minimum over all algorithms; of equal ones the first, so that more steps lose against fewer.

    Parameters
    ----------
    function : int
        ALL_REDUCE, ALL_GATHER, REDUCE_SCATTER, ALL_TO_ALL or SEND.
    n_bytes : float
        The full buffer of one chip [B].
    n_chips : int
        Chips that take part.
    topology : int
        SWITCH, MESH, RING or TORUS.
    n_domain : int
        Chips that the links join.
    latency_s : float
        Of one step, the set-up of its message included [s].
    message_s : float
        Set-up of each further message of the same step, to another peer [s].
    bytes_per_s : float
        Of all links of one chip in one direction [B/s].

    Sources
    -------
    As `collective_time`.
    """
    best, best_s = BY_DIRECT, math.inf
    for algorithm in range(N_ALGORITHMS):
        time_s = collective_time(
            function, algorithm, n_bytes, n_chips, topology, n_domain, latency_s, message_s, bytes_per_s
        )
        if time_s < best_s:
            best, best_s = algorithm, time_s
    return best, best_s
