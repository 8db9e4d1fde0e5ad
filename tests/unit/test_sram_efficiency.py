"""What the banks of an SRAM let through when PEs ask at once."""

from __future__ import annotations

import pytest

from archmodel.kernels.sram_banks import walk_cycles
from archmodel.lowering import sram
from archmodel.lowering.sram import bank_efficiency
from archmodel.lowering.timing import lower_timing
from archmodel.machine import load_machine


def test_one_port_is_served_a_word_per_cycle():
    assert bank_efficiency(1, 16, 4) == pytest.approx(1 / 16)


def test_many_ports_keep_all_banks_busy_and_few_do_not_collide():
    assert bank_efficiency(256, 8, 4) > 0.97
    assert bank_efficiency(4, 64, 4) * 64 / 4 > 0.95


def test_longer_requests_collide_less():
    efficiencies = [bank_efficiency(64, 64, n_words) for n_words in (1, 4, 16)]
    assert efficiencies == sorted(efficiencies)
    # Ports that walk in step never collide again: the limit of long requests
    assert efficiencies[-1] < 512 * 64 / walk_cycles(512, 1, 64, 64, 1) / 64


def test_single_words_are_served_as_theory_has_it():
    """Ports that wait in order behind a collision: 2 − √2 of many banks, a little more of few (Karol et al., 1987)."""
    assert 0.586 < bank_efficiency(64, 64, 1) < 0.60


def test_the_accesses_that_are_followed_are_enough(monkeypatch):
    found = bank_efficiency(72, 96, 4)
    monkeypatch.setattr(sram, "N_ACCESSES", 1024)
    assert bank_efficiency.__wrapped__(72, 96, 4) == pytest.approx(found, rel=0.02)


def test_banks_of_mtia_300_are_a_limit_and_absent_ones_are_none():
    machine = load_machine("mtia_300")
    timing = lower_timing(machine, machine.timing, "bf16", 0.0)
    assert timing.sram_width == pytest.approx(0.565 * machine.sram.width_bytes_per_cycle, rel=0.01)
    assert timing.own_width == timing.sram_width  # the network of MTIA 300 carries more
    machine = load_machine("mtia_2i")
    assert lower_timing(machine, machine.timing, "bf16", 0.0).sram_width == machine.sram.width_bytes_per_cycle
