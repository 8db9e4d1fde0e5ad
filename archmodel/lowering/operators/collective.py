"""Lower exchanges with other chips."""

from __future__ import annotations

from archmodel.lowering.moves import plain_issue
from archmodel.lowering.phases import Phase, Site, lowers
from archmodel.lowering.program import Command, Grid, Program
from archmodel.workload.operators.collective import Collective


@lowers(Collective.kind)
def lower_collective(site: Site) -> tuple[Phase, ...]:
    """Lower a collective to one command of the network, as long as the fastest algorithm takes.

    The memories of a chip and its SIMD engine are faster than its links: reading, adding up and writing hide behind
    them.
    """
    command = Command("network", plain_issue(site.timing), site.exchange_cycles)
    return (site.phase("exchange", Program((command,), {}, grid=Grid())),)
