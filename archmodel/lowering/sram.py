"""What the banks of the SRAM let through when many PEs ask at once; see ``docs/methods/memory.md``."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from archmodel.kernels.sram_banks import bank_events

N_ACCESSES = 512  # of each port that are followed; twice as many change the efficiency by less than 2 %
_LATENCY, _OUTSTANDING = 1, 1 << 20  # of no matter to how many accesses are served per cycle


@lru_cache
def bank_efficiency(n_ports: int, n_banks: int, n_words: int) -> float:
    """Share of the banks that are at work when all ports read requests at places of their own.

    Parameters
    ----------
    n_ports
        PEs that ask, each for a word per cycle and in order.
    n_banks
        Banks; successive words lie in successive banks.
    n_words
        Words of a request, one after another.

    Model
    -----
    `bank_events` follows `N_ACCESSES` accesses of each port; each request begins in a bank drawn at random. The first
    tenth, and what follows the end of the first port, do not count.
    """
    n_requests = -(-N_ACCESSES // n_words)
    begins = np.random.default_rng(0).integers(0, n_banks, (n_ports, n_requests, 1))
    banks = ((begins + np.arange(n_words)) % n_banks).reshape(n_ports, -1)
    n_each = banks.shape[1]
    no_gap = np.zeros(banks.size, np.int64)
    asked, granted, given = (np.zeros(banks.size, np.int64) for _ in range(3))
    first = np.arange(n_ports + 1) * n_each
    bank_events(n_banks, _LATENCY, _OUTSTANDING, first, banks.ravel(), no_gap, no_gap, asked, granted, given)
    end = granted.reshape(n_ports, n_each)[:, -1].min()
    begin = end // 10
    n_served = np.count_nonzero((granted >= begin) & (granted < end))
    return float(n_served / (end - begin) / n_banks)
